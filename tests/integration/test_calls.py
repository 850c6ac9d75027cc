"""The calls that each command and feature makes are those of the table on the security page, and no others."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from command import Running, Shell
from endpoints import create_queue, create_redriven_queue, create_topic, queue_counts, send, unique
from recorder import Recorder, documented, recording

from loafer import Loafer, Retry
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.message import OutgoingMessage

JOBS = """
import asyncio
from loafer.exceptions import IgnoreMessage
async def done(content): print("got", content, flush=True)
async def slow(content):
    await asyncio.sleep(3)
    print("got", content, flush=True)
async def later(content):
    print("got", content, flush=True)
    raise IgnoreMessage(delay=60)
async def fails(content):
    print("got", content, flush=True)
    raise ValueError
"""


CALLS = documented()
WORKS = CALLS.get("`loafer`", set())
CHANGES = CALLS["a message that is kept with a delay, given back at a stop, or moved from a standard queue by Loafer"]


@pytest.fixture
def recorder(on_ministack: str) -> Iterator[Recorder]:
    with recording(on_ministack) as made:
        yield made


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.write("jobs.py", JOBS)
    return made


Until: TypeAlias = Callable[[Running], Awaitable[None]]


async def work(shell: Shell, recorder: Recorder, options: str, until: Until, says: str = "options:") -> None:
    """Run a worker until something has happened, and stop it."""
    with shell.running(f"export AWS_ENDPOINT_URL={recorder.url}\nloafer {options}", says) as worker:
        await until(worker)
        assert await asyncio.to_thread(worker.stop) == 0


def prints(text: str) -> Until:
    return lambda worker: asyncio.to_thread(worker.prints, text)


def empty(url: str) -> Until:
    async def until(_: Running) -> None:
        while await queue_counts(url) != (0, 0):
            await asyncio.sleep(0.1)

    return until


@pytest.mark.parametrize("transport", ["lean", "aiobotocore"])
async def test_a_worker_receives_and_deletes(shell: Shell, recorder: Recorder, transport: str) -> None:
    queue = unique("orders")
    url = await create_queue(queue)
    await send(url, '"one"')
    shell.write(".env", f"LOAFER_SQS_TRANSPORT={transport}\n")
    await work(shell, recorder, f"--source {queue} --handler jobs.done", empty(url))
    assert recorder.calls == WORKS


async def test_a_source_that_is_a_url_is_not_looked_up(shell: Shell, recorder: Recorder) -> None:
    url = await create_queue(unique("orders"))
    await send(url, '"one"')
    await work(shell, recorder, f"--source {url} --handler jobs.done", empty(url))
    assert recorder.calls == WORKS - CALLS["a source that is a name or an ARN"]


@pytest.mark.slow
async def test_what_is_held_for_long_has_its_visibility_changed(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders")
    url = await create_queue(queue, VisibilityTimeout="2")
    await send(url, '"one"')
    await work(shell, recorder, f"--source {queue} --handler jobs.slow", empty(url))
    assert recorder.calls == WORKS | CALLS["a handler that takes longer than a third of the visibility timeout"]


async def test_what_is_kept_for_a_time_has_its_visibility_changed(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders")
    await send(await create_queue(queue), '"one"')
    await work(shell, recorder, f"--source {queue} --handler jobs.later", prints("got one"))
    assert recorder.calls | {"sqs:DeleteMessageBatch"} == WORKS | CHANGES


async def test_a_fifo_queue_with_a_redrive_policy_has_its_failures_moved(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders.fifo")
    url, dead = await create_redriven_queue(queue, 2)
    await send(url, '"one"', MessageGroupId="a", MessageDeduplicationId="1")
    await work(shell, recorder, f"--source {queue} --handler jobs.fails --retry-delay 0.05", empty(url))
    assert (await queue_counts(dead))[0] == 1
    moved = CALLS["a FIFO queue with a redrive policy, where a message has no attempts left"]
    assert recorder.calls - CHANGES == WORKS | moved


async def test_publishing_sends_and_looks_up_what_is_only_named(shell: Shell, recorder: Recorder) -> None:
    queue, topic = unique("orders"), unique("news")
    url, arn = await create_queue(queue), await create_topic(topic)
    commands = {
        f"publish_sqs --queue {queue}": CALLS["`loafer publish_sqs`"],
        f"publish_sqs --queue {url}": CALLS["`loafer publish_sqs`"] - CALLS["a source that is a name or an ARN"],
        f"publish_sns --topic {topic}": CALLS["`loafer publish_sns`"],
        f"publish_sns --topic {arn}": CALLS["`loafer publish_sns`"] - CALLS["a topic that is a name"],
    }
    for command, calls in commands.items():
        recorder.calls.clear()
        done = await asyncio.to_thread(shell.run, f"AWS_ENDPOINT_URL={recorder.url} loafer {command} --msg hello")
        assert (done.returncode, recorder.calls) == (0, calls), command


async def test_many_messages_are_sent_in_batches(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    url, arn = await create_queue(unique("orders")), await create_topic(unique("news"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.url)
    for publisher, row in (
        (SQSPublisher(url), "many messages published to a queue, or several at the same time"),
        (SNSPublisher(arn), "many messages published to a topic"),
    ):
        recorder.calls.clear()
        await publisher.open()
        await publisher.publish_batch([OutgoingMessage("1"), OutgoingMessage("2")])
        await publisher.close()
        assert recorder.calls == CALLS[row]


async def test_an_application_sends_and_looks_up_what_it_publishes_to(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, topic = unique("orders"), unique("news")
    await create_queue(queue)
    await create_topic(topic)
    monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.url)
    of_queue, of_topic = Loafer(), Loafer()
    for app, publisher, row in (
        (of_queue, of_queue.publisher(queue), "an application's publisher to a queue"),
        (of_topic, of_topic.publisher(topic=topic), "an application's publisher to a topic"),
    ):
        recorder.calls.clear()
        async with app.publishing():
            await publisher.publish("hello")
        assert recorder.calls == CALLS[row]


async def test_what_a_route_gives_up_is_moved(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = unique("orders")
    url, dead = await create_redriven_queue(queue, 9)
    await send(url, '"one"')
    monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.url)
    app = Loafer()

    @app.route(queue, retry=Retry(dead_letter_after=1), options={"WaitTimeSeconds": 1})
    async def fails(content: str) -> None:
        raise ValueError

    async with app.running(), asyncio.timeout(60):
        while await queue_counts(dead) != (1, 0) or await queue_counts(url) != (0, 0):
            await asyncio.sleep(0.1)
    moved = CALLS["a route with `Retry(dead_letter_after=…)`, where a message has had so many attempts"]
    assert recorder.calls == WORKS | moved | CHANGES


@pytest.mark.parametrize(
    "command",
    ["demo --messages 6", "replay bodies --handler jobs.done"],
)
async def test_what_runs_in_memory_calls_nobody(shell: Shell, recorder: Recorder, command: str) -> None:
    shell.write("bodies", json.dumps("one") + "\n")
    done = await asyncio.to_thread(shell.run, f"AWS_ENDPOINT_URL={recorder.url} loafer {command}")
    assert (done.returncode, recorder.calls) == (0, set())
    assert CALLS[f"`loafer {command.split(maxsplit=1)[0]}`"] == set()


def actions_of(policy: str) -> set[str]:
    return {action for statement in json.loads(policy)["Statement"] for action in statement["Action"]}


def permissions_of(calls: set[str]) -> set[str]:
    return {name.removesuffix("Batch") for name in calls}


SHOP = """
from loafer import Loafer, Retry
from loafer.exceptions import IgnoreMessage
app = Loafer()
receipts = app.publisher("{queue}-receipts")
news = app.publisher(topic="{queue}-news")
@app.route("{queue}", retry=Retry(delay=0, dead_letter_after=2), options={{"WaitTimeSeconds": 1}})
async def work(content):
    if content == "later":
        raise IgnoreMessage(delay=60)
    if content == "never":
        raise ValueError
    await receipts.publish("one")
    await news.publish("one")
"""


@pytest.mark.slow
async def test_the_policy_of_iam_allows_what_an_application_is_seen_to_call_and_nothing_more(
    shell: Shell, recorder: Recorder
) -> None:
    queue = unique("orders")
    url, dead = await create_redriven_queue(queue, 9)
    await create_queue(f"{queue}-receipts")
    await create_topic(f"{queue}-news")
    for body in ('"one"', '"later"', '"never"'):
        await send(url, body)
    shell.write("shop.py", SHOP.format(queue=queue))

    async def all_ended(_: Running) -> None:
        while await queue_counts(url) != (0, 1) or (await queue_counts(dead))[0] != 1:
            await asyncio.sleep(0.1)

    await work(shell, recorder, "run shop:app", all_ended, "max jobs")
    seen = set(recorder.calls)
    recorder.calls.clear()
    told = await asyncio.to_thread(shell.run, f"AWS_ENDPOINT_URL={recorder.url} loafer iam shop:app", seconds=60)
    assert (told.returncode, told.stderr) == (0, "")
    assert actions_of(told.stdout) == permissions_of(seen)
    assert recorder.calls == CALLS["`loafer iam` for each queue"] | CALLS["`loafer iam` for each topic"]


async def test_the_policy_of_iam_for_a_worker_is_that_of_the_page(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders")
    url = await create_queue(queue)
    recorder.calls.clear()
    command = f"AWS_ENDPOINT_URL={recorder.url} loafer --handler jobs.done iam"
    named = await asyncio.to_thread(shell.run, f"{command} --source {queue}", seconds=60)
    assert actions_of(named.stdout) == permissions_of(WORKS | CHANGES)
    assert recorder.calls == CALLS["`loafer iam` for each queue"]
    recorder.calls.clear()
    by_url = await asyncio.to_thread(shell.run, f"{command} --source {url} --offline", seconds=60)
    assert actions_of(by_url.stdout) == permissions_of(WORKS | CHANGES) - {"sqs:GetQueueUrl"}
    assert recorder.calls == set()


async def test_iam_tells_what_it_could_not_find_out(shell: Shell, recorder: Recorder) -> None:
    command = f"AWS_ENDPOINT_URL={recorder.url} loafer iam --source {unique('missing')} --handler jobs.done"
    told = await asyncio.to_thread(shell.run, command, seconds=60)
    assert told.returncode == 1
    assert "does not exist" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert "sqs:ReceiveMessage" in actions_of(told.stdout)


async def test_check_calls_what_the_page_says_and_receives_nothing(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders")
    await create_redriven_queue(queue, 5)
    check = f"AWS_ENDPOINT_URL={recorder.url} loafer check --source {queue} --handler jobs.done"
    told = await asyncio.to_thread(shell.run, check, seconds=60)
    assert (told.returncode, recorder.calls) == (1, CALLS["`loafer check`"]), told.stdout  # dead letters expire
    recorder.calls.clear()
    translator = "loafer.aws.message_translator.SNSMessageTranslator"
    told = await asyncio.to_thread(shell.run, f"{check} --probe --translator {translator} --json", seconds=60)
    assert json.loads(told.stdout)["errors"] == 1
    wanted = CALLS["`loafer check`"] | CALLS["`loafer check --probe`"]
    assert recorder.calls == wanted | {"sns:ListSubscriptions"}
    assert "sns:ListSubscriptions" in CALLS["`loafer check` of a queue behind a topic"]


async def test_queues_lists_and_reads_them_and_receives_nothing(shell: Shell, recorder: Recorder) -> None:
    queue = unique("orders")
    url, _ = await create_redriven_queue(queue, 5)
    await send(url, '"one"')
    command = f"AWS_ENDPOINT_URL={recorder.url} loafer queues {queue} --interval 0"
    told = await asyncio.to_thread(shell.run, command, seconds=60)
    assert recorder.calls == CALLS["`loafer queues`"]
    head, row, dead = [re.split(r" {2,}", line) for line in told.stdout.splitlines()]
    assert head == ["queue", "waiting", "dead letters"]
    assert row == [queue, "1", f"0 in {queue}-dead"]
    assert dead == [f"{queue}-dead", "0"]
    assert await queue_counts(url) == (1, 0)


def test_a_list_of_queues_that_cannot_be_had_is_one_line(shell: Shell, aws_environ: pytest.MonkeyPatch) -> None:
    told = shell.run("AWS_ENDPOINT_URL=http://127.0.0.1:1 loafer queues", seconds=60)
    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert "the list of queues cannot be reached for now" in told.stderr
