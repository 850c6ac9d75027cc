"""Messages that are published at the same time share a call, and each of them ends as it would by itself."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from lean_fakes import answered
from sqs_fakes import FakeSQS
from test_lean_publishing import SENT, URL, publisher

from loafer.adapters.aws.company import LARGEST, Company
from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import PublisherError


class Calls:
    """What a company calls: notes the bodies of each call, which all end once `answered` is set."""

    def __init__(self, *, fails: str = "", raises: Exception | None = None) -> None:
        """Note what is to fail in company: those bodies, or each call."""
        self.fails, self.raises = fails, raises
        self.alone: list[str] = []
        self.together: list[list[str]] = []
        self.answered = asyncio.Event()
        self.company = Company(lambda _: None, self.send_alone, self.send_together)

    async def send_alone(self, message: OutgoingMessage) -> str:
        self.alone.append(message.body)
        await turns()
        await self.answered.wait()
        if message.body == "refused":
            raise PublisherError("refused alone")
        return f"id of {message.body}"

    async def send_together(self, messages: Sequence[OutgoingMessage]) -> list[str | Failure]:
        bodies = [message.body for message in messages]
        self.together.append(bodies)
        await turns()
        await self.answered.wait()
        if self.raises is not None:
            raise self.raises
        return [Failure("no") if body in self.fails.split() else f"id of {body}" for body in bodies]

    def publish(self, *bodies: str) -> list["asyncio.Task[str]"]:
        return [asyncio.create_task(self.company.publish(OutgoingMessage(body))) for body in bodies]


async def turns(number: int = 4) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_one_after_the_other_each_goes_by_itself_at_once() -> None:
    calls = Calls()
    calls.answered.set()
    for body in "ab":
        assert await calls.company.publish(OutgoingMessage(body)) == f"id of {body}"
    assert (calls.alone, calls.together) == (["a", "b"], [])


async def test_those_of_one_turn_go_together_while_another_is_on_its_way() -> None:
    calls = Calls()
    tasks = calls.publish("a", "b", "c")
    await turns()
    tasks += calls.publish("d")
    await turns()
    tasks += calls.publish("e", "f")
    await turns()
    calls.answered.set()
    assert await asyncio.gather(*tasks) == [f"id of {body}" for body in "abcdef"]
    assert calls.together == [["b", "c"], ["e", "f"]]
    assert calls.alone == ["a", "d"]
    assert await calls.company.publish(OutgoingMessage("g")) == "id of g"
    assert calls.alone[-1] == "g"


async def test_a_call_has_ten_messages_at_most_and_no_more_bytes_than_any_endpoint_takes() -> None:
    calls = Calls()
    calls.answered.set()
    await asyncio.gather(*calls.publish(*map(str, range(22))))
    assert [len(together) for together in calls.together] == [10, 10]
    assert calls.alone == ["0", "21"]
    large = "x" * (LARGEST // 2)
    await asyncio.gather(*calls.publish("a", large, large, large, "y" * (2 * LARGEST)))
    assert calls.together[2:] == [[large, large]]


async def test_what_may_have_been_sent_in_company_is_told_as_such_though_it_is_refused_alone() -> None:
    class Unanswered(Calls):
        async def send_together(self, messages: Sequence[OutgoingMessage]) -> list[str | Failure]:
            return [Failure("no answer", may_be_done=True)] * len(messages)

    noted = Unanswered()
    noted.answered.set()
    *sent, refused = await asyncio.gather(*noted.publish("a", "b", "refused"), return_exceptions=True)
    assert sent == ["id of a", "id of b"]
    assert isinstance(refused, PublisherError)
    assert (str(refused), refused.retryable) == ("no answer", True)


@pytest.mark.parametrize("calls", [{"fails": "b refused"}, {"raises": PublisherError("not open")}], ids=str)
async def test_what_is_not_sent_in_company_goes_by_itself_which_says_what_becomes_of_it(calls: dict[str, Any]) -> None:
    noted = Calls(**calls)
    noted.answered.set()
    *sent, refused = await asyncio.gather(*noted.publish("a", "b", "c", "refused"), return_exceptions=True)
    assert sent == ["id of a", "id of b", "id of c"]
    assert isinstance(refused, PublisherError)
    assert str(refused) == "refused alone"
    assert len(noted.together) == 1


async def test_nobody_waits_for_ever_whatever_a_call_raises(caplog: pytest.LogCaptureFixture) -> None:
    calls = Calls(raises=ZeroDivisionError("a bug"))
    calls.answered.set()
    assert await asyncio.gather(*calls.publish("a", "b", "c")) == ["id of a", "id of b", "id of c"]
    assert calls.alone == ["a", "b", "c"]


async def test_what_is_cancelled_before_it_goes_is_not_sent_and_costs_no_other() -> None:
    calls = Calls()
    first, second, third, fourth = calls.publish("a", "b", "c", "d")
    await asyncio.sleep(0)
    second.cancel()
    await turns(2)
    third.cancel()  # which is on its way
    await turns()
    calls.answered.set()
    assert await fourth == "id of d"
    assert await first == "id of a"
    assert (second.cancelled(), third.cancelled()) == (True, True)
    assert (calls.alone, calls.together) == (["a"], [["c", "d"]])


class Waiting:
    """What sends requests, and takes a few turns of the event loop for each."""

    def __init__(self, http: Any) -> None:
        """Note what answers."""
        self.http = http

    async def post(self, request: bytes, room: int) -> Answer:
        await turns()
        answer: Answer = await self.http.post(request, room)
        return answer


def at_work(*answers: Answer | Exception, queue: str = URL) -> tuple[SQSPublisher, Any]:
    """Return an open publisher whose calls take their time, and what notes the requests."""
    made, http = publisher(FakeSQS(), *answers, queue=queue)
    transport: Any = made._channel._lean
    transport.http = Waiting(http)
    return made, http


BOTH = answered(b'{"Successful": [{"Id": "0", "MessageId": "2"}, {"Id": "1", "MessageId": "3"}]}')


async def test_messages_to_a_queue_share_a_call() -> None:
    made, http = at_work(SENT, BOTH)
    sent = [made.publish(OutgoingMessage(body, delay=delay)) for body, delay in (("a", None), ("b", 3), ("c", None))]
    assert await asyncio.gather(*sent) == ["1", "2", "3"]
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in http.requests]
    assert bodies[1]["Entries"] == [
        {"Id": "0", "MessageBody": "b", "DelaySeconds": 3},
        {"Id": "1", "MessageBody": "c"},
    ]
    assert len(bodies) == 2


async def test_a_call_of_several_is_made_once_and_then_each_is_tried_as_often_as_ever() -> None:
    down = answered(b"", 503)
    made, http = at_work(SENT, down, *[down] * 3, *[SENT] * 2)
    assert await asyncio.gather(*[made.publish(OutgoingMessage(body)) for body in "abc"]) == ["1"] * 3
    assert len(http.requests) == 1 + 1 + 5


async def test_what_breaks_a_limit_joins_nobody() -> None:
    made, http = at_work(SENT, SENT)
    sent = [made.publish(OutgoingMessage(body)) for body in ("a", "", "c")]
    first, refused, last = await asyncio.gather(*sent, return_exceptions=True)
    assert (first, last) == ("1", "1")
    assert isinstance(refused, PublisherError)
    assert len(http.requests) == 2


async def test_on_a_fifo_queue_each_goes_by_itself() -> None:
    made, http = at_work(SENT, SENT, SENT, queue="http://host/1/orders.fifo")
    await asyncio.gather(*[made.publish(OutgoingMessage(body, group="g")) for body in "abc"])
    assert all(b"AmazonSQS.SendMessage\r\n" in request for request in http.requests)
