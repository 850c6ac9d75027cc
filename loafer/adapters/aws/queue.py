"""One SQS queue over an open client: found once, then called with a deadline and loafer's errors."""

import asyncio
from typing import Any

import attrs

from loafer.adapters.aws.address import Address
from loafer.adapters.aws.errors import SDK_ERRORS, consumer_error
from loafer.adapters.aws.lean.transport import OPERATIONS, LeanTransport
from loafer.adapters.aws.session import CALL_TIMEOUT, Client


@attrs.frozen
class Queue:
    """A queue and the client that reaches it.

    Attributes:
        address: What names it.
        client: The SQS client.
        url: Its URL.
        noun: What an error message calls it.
        lean: Carries the frequent calls; None: the client does.

    """

    address: Address
    client: Client
    url: str = ""
    noun: str = "queue"
    lean: LeanTransport | None = None

    @property
    def place(self) -> str:
        """How an error message names it."""
        return f"{self.noun} {self.address.name!r}"

    async def call(self, operation: str, *, within: float = CALL_TIMEOUT, **parameters: Any) -> dict[str, Any]:
        """Return the answer of one of the client's operations on this queue, given in so many seconds.

        Raises:
            ConsumerUnavailable: it may be answered later.
            ConsumerError: it never will be; AccessDenied where it is a matter of permission.

        """
        return await self._call(operation, within, {"QueueUrl": self.url, **parameters})

    async def found(self) -> "Queue":
        """Return this queue with its URL looked up; raises as `call` does."""
        if self.address.url:
            return attrs.evolve(self, url=self.address.url)
        owner = {"QueueOwnerAWSAccountId": self.address.account} if self.address.account else {}
        answer = await self._call("get_queue_url", CALL_TIMEOUT, {"QueueName": self.address.name, **owner})
        return attrs.evolve(self, url=answer["QueueUrl"])

    async def _call(self, operation: str, within: float, parameters: dict[str, Any]) -> dict[str, Any]:
        # The SDK's own timeouts leave out the look-up of the host and the wait for a connection of the pool.
        try:
            async with asyncio.timeout(within):
                if self.lean is not None and operation in OPERATIONS:
                    return await self.lean.call(operation, parameters)
                answer: dict[str, Any] = await getattr(self.client, operation)(**parameters)
                return answer
        except SDK_ERRORS as error:
            raise consumer_error(error, self.place, self.client.meta.region_name) from error
