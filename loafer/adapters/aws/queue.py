"""One SQS queue over an open client: found once, then called with a deadline and loafer's errors."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import attrs

from loafer.adapters.aws.address import Address
from loafer.adapters.aws.answers import text_in
from loafer.adapters.aws.bill import BILL
from loafer.adapters.aws.calls import CALL_TIMEOUT, Client, called
from loafer.adapters.aws.deadlines import Deadlines
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import consumer_error, sdk_errors
from loafer.adapters.aws.lean.transport import OPERATIONS, LeanTransport
from loafer.adapters.aws.server_clock import SUSPECT, ServerClock, date_of, look_at
from loafer.adapters.aws.wire import texts_in

Values = TypeVar("Values")


@attrs.frozen
class Queue:
    """A queue and what reaches it.

    Attributes:
        address: What names it.
        client: The SQS client; None where the lean transport carries every call.
        url: Its URL.
        noun: What an error message calls it.
        lean: Carries the calls it knows; None: the client does.
        server: What is known of the clock of whoever the client calls.

    """

    address: Address
    client: Client
    url: str = ""
    noun: str = "queue"
    lean: LeanTransport | None = None
    _deadlines: Deadlines = attrs.field(factory=Deadlines, init=False, eq=False, repr=False)
    server: ServerClock = attrs.field(factory=ServerClock, eq=False, repr=False)

    @property
    def region(self) -> str | None:
        """The region that is called."""
        if self.client is None:
            return self.lean.signer.region if self.lean is not None else self.address.region
        region: str | None = self.client.meta.region_name
        return region

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
        if self.url:
            parameters = {"QueueUrl": self.url, **parameters}
        # The SDK's own timeouts leave out the look-up of the host and the wait for a connection of the pool.
        answer: dict[str, Any] | None = None
        try:
            if self.lean is not None and operation in OPERATIONS:
                answer = await self._deadlines.within(within, self.lean.call(operation, parameters))
            else:
                answer = await self._deadlines.within(within, self._called(operation, parameters))
            if (suspect := SUSPECT.get()) is not None:
                SUSPECT.set(None)
                await self._look_into(*suspect, parameters)
        except sdk_errors() as error:
            told = consumer_error(error, self.place, self.region, texts_in(parameters))
        else:
            return answer
        finally:
            BILL.add(operation, self.address.name, parameters, answer)
        raise told  # without what the SDK raised: its text may repeat what was signed and sent

    async def _called(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        asked = self.server.clock()
        answer = await called(self.client, operation, parameters)
        self.server.suspect(date_of(answer), asked, answer)
        return answer

    async def _look_into(self, date: float, asked: float, parameters: dict[str, Any]) -> None:
        """Tell whoever receives if an answer was on its way for long, when the call has ended: it came in time."""
        server, call = (self.server, self._called) if self.lean is None else (self.lean.server, self.lean.call)
        await server.tell(date, asked, partial(call, *look_at(parameters)))

    async def read(
        self,
        values: Callable[[dict[str, Any]], Values],
        operation: str,
        *,
        within: float = CALL_TIMEOUT,
        **parameters: Any,
    ) -> Values:
        """Return what `values` makes of the answer that `call` returns; raises as that does.

        An answer that cannot be read is ConsumerUnavailable: the next one may be.
        """
        answer = await self.call(operation, within=within, **parameters)
        try:
            return values(answer)
        except UnreadableAnswer as error:
            told = consumer_error(error, self.place)
        raise told

    async def found(self) -> "Queue":
        """Return this queue with its URL looked up; raises as `call` does."""
        if self.address.url:
            return attrs.evolve(self, url=self.address.url)
        owner: dict[str, Any] = {"QueueOwnerAWSAccountId": self.address.account} if self.address.account else {}
        url = await self.read(_url_in, "get_queue_url", QueueName=self.address.name, **owner)
        return attrs.evolve(self, url=url)


def _url_in(answer: dict[str, Any]) -> str:
    return text_in(answer, "QueueUrl")
