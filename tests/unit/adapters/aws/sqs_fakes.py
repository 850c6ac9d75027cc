"""A client of SQS that is made by hand, and consumers over it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from botocore.exceptions import ClientError

from loafer.adapters.aws import session
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.domain.message import Attribute, Message

MESSAGE = Message("1", "b", "r", group="g", deduplication_id="d", attributes={"a": Attribute("x")})
REDRIVE = '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead", "maxReceiveCount": "3"}'


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


@attrs.define(eq=False)
class FakeSQS:
    """A client whose answers are set by operation; an exception is raised. It notes every call."""

    answers: dict[str, Any] = attrs.field(factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    seconds: float = 0
    opened: int = 0
    closed: int = 0
    meta: Any = attrs.field(factory=lambda: SimpleNamespace(region_name="eu-west-1"))

    def __getattr__(self, operation: str) -> Any:
        async def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            await asyncio.sleep(self.seconds)
            answer = self.answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    @asynccontextmanager
    async def create(self, *_: object) -> AsyncIterator[Any]:
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    async def lean_call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((f"lean {operation}", parameters))
        return {}

    def said(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == operation]


def faked_sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSQS:
    """Let consumers get this client, of a queue `orders` with a dead-letter queue `dead`."""
    fake = FakeSQS(
        {
            "get_queue_url": {"QueueUrl": "https://host/1/orders"},
            "get_queue_attributes": {"Attributes": {"VisibilityTimeout": "45", "RedrivePolicy": REDRIVE}},
            "send_message": {"MessageId": "copy"},
            "delete_message_batch": {"Successful": [{"Id": "0"}]},
            "change_message_visibility_batch": {"Successful": [{"Id": "0"}]},
        }
    )
    monkeypatch.setattr(session, "create_client", fake.create)
    monkeypatch.setenv("LOAFER_SQS_TRANSPORT", "aiobotocore")
    return fake


async def opened(**options: int) -> SQSConsumer:
    consumer = SQSConsumer("orders", options)
    await consumer.open()
    return consumer
