"""The commands that publish a message; each can be typed with a dash too."""

from copy import copy
from typing import Any

import click

from loafer.entrypoints.commands.display import errors_in_one_line
from loafer.entrypoints.commands.given import settings_alone
from loafer.entrypoints.commands.options import message_options, verbose_too


@click.command("publish_sqs")
@click.option("--queue", required=True, metavar="QUEUE", help="The queue's name, URL or ARN.")
@message_options
@click.option(
    "--delay", type=click.IntRange(0, 900), metavar="SECONDS", help="Until the queue shows the message: 0 to 900."
)
@click.option("--group-id", metavar="ID", help="The message group id; FIFO queues need one.")
@click.option("--deduplication-id", metavar="ID", help="The deduplication id, for FIFO queues.")
@verbose_too
@click.pass_context
def publish_sqs(context: click.Context, /, queue: str, **options: Any) -> None:
    """Publish a message to an SQS queue and print its id.

    Text that is JSON is sent as it is, other text as a JSON string, so that the default translator can read it.
    """
    from loafer.entrypoints.commands.publish import outgoing, publish_to_queue  # noqa: PLC0415 - `--help` needs none

    with errors_in_one_line(context):
        settings = settings_alone(context)
        click.echo(publish_to_queue(queue, outgoing(context, **options), settings))


@click.command("publish_sns")
@click.option("--topic", required=True, metavar="TOPIC", help="The topic's name or ARN.")
@message_options
@click.option("--group-id", metavar="ID", help="The message group id; FIFO topics need one.")
@click.option("--deduplication-id", metavar="ID", help="The deduplication id, for FIFO topics.")
@verbose_too
@click.pass_context
def publish_sns(context: click.Context, /, topic: str, **options: Any) -> None:
    """Publish a message to an SNS topic and print its id.

    Text that is JSON is sent as it is, other text as a JSON string, so that the SNS translator can read it.
    """
    from loafer.entrypoints.commands.publish import outgoing, publish_to_topic  # noqa: PLC0415 - `--help` needs none

    with errors_in_one_line(context):
        settings = settings_alone(context)
        click.echo(publish_to_topic(topic, outgoing(context, **options), settings))


def _with_a_dash(documented: click.Command) -> click.Command:
    """Return a command under the name that many type; `--help` does not list it."""
    alias = copy(documented)
    alias.name, alias.hidden = str(documented.name).replace("_", "-"), True
    return alias


PUBLISHING = (publish_sqs, publish_sns, _with_a_dash(publish_sqs), _with_a_dash(publish_sns))
"""The commands."""
