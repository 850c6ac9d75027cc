"""What a worker cannot use stays on the queue, with one warning each, and the worker goes on."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from command import Shell
from endpoints import FastSQS, create_queue, queue_counts, send, unique

BODIES = [
    "not JSON",
    "null",
    '"\\ud800"',
    '{"size": NaN}',
    "[" * 100_000 + "]" * 100_000,
]
TOPIC = '"MessageId": "1", "TopicArn": "arn:aws:sns:sa-east-1:123456789012:orders"'
ENVELOPES = [
    '{"Type": "Notification"}',
    '{"Message": "\\"from anybody\\""}',
    f'{{"Type": "Notification", {TOPIC}, "Message": 5}}',
    f'{{"Type": "Notification", {TOPIC}, "Message": "not JSON"}}',
    f'{{"Type": "Notification", {TOPIC}, "Message": "null"}}',
    '{"Type": "SubscriptionConfirmation", "SubscribeURL": "x"}',
]
JOBS = """
class Strange:
    def translate(self, message):
        return RESULTS[message]  # KeyError for "raise"

RESULTS = {
    "none": None, "list": ["content"], "mapping": {"contents": 1}, "empty": {"content": None},
    '"good"': {"content": "good"},
}
ERRORS = {
    "error": ValueError("as it happens"), "recursion": RecursionError(), "stop": StopIteration()}

async def handler(message):
    if message in ERRORS:
        raise ERRORS[message]
    print("got", message, flush=True)

def function(message):
    if message == "recursion":
        function(message)
    if message == "iteration":
        raise StopIteration
    if message != "good":
        raise OSError
    print("got", message, flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("bodies", "options"),
    [
        (BODIES, "--handler jobs.handler"),
        (ENVELOPES, "--handler jobs.handler --translator loafer.aws.message_translator.SNSMessageTranslator"),
        (["raise", "none", "list", "mapping", "empty"], "--handler jobs.handler --translator jobs.Strange"),
        (['"error"', '"recursion"', '"stop"'], "--handler jobs.handler"),
        (['"error"', '"recursion"', '"iteration"'], "--handler jobs.function"),
    ],
    ids=["bodies", "envelopes", "translators", "coroutines", "functions"],
)
async def test_it_is_kept_with_one_error_and_the_worker_goes_on(
    shell: Shell, bodies: Sequence[str], options: str
) -> None:
    url = await create_queue(unique("orders"))
    ids = [await send(url, body) for body in bodies]
    shell.write("jobs.py", JOBS)
    with shell.running(f"export LOAFER_TRACEBACKS=off\nloafer --source {url} {options}") as worker:
        for message_id in ids:
            worker.prints(f"message {message_id} on route default is kept: ")
        await send(url, '"good"')
        worker.prints("got good")
        assert worker.stop() == 0
        errors = [line for line in worker.printed.splitlines() if " - ERROR - " in line]
        assert len(errors) == len(ids)
        assert "Traceback" not in worker.printed
    assert sum(await queue_counts(url)) == len(ids)


async def test_a_body_of_the_largest_size_is_kept(tmp_path: Path, fast_sqs: FastSQS) -> None:
    await fast_sqs.raw("orders", ["a" * 1_048_576, '"foobar"'])
    with Shell(tmp_path).running("loafer --source orders") as worker:
        worker.prints(" on route default is kept: not translated: the body is not JSON")
        worker.prints("received by async_example_job: 'foobar'")
        assert worker.stop() == 0
        assert len(worker.printed) < 10_000
