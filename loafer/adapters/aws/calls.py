"""What every call has, whichever transport carries it: how the service is reached, and how long that may take."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypedDict

from loafer.adapters.aws.details import UnreadableAnswer

Client: TypeAlias = Any
"""An SDK client: its methods are made at run time from the service's model, so no type names them."""


class Access(TypedDict, total=False):
    """How a service is reached, where the environment is not to say it.

    Attributes:
        endpoint: The endpoint that is called.
        profile: The profile whose credentials are used.

    """

    endpoint: str
    profile: str


def access_of(endpoint: str | None, profile: str | None) -> Access:
    """Return what is given of both."""
    access = Access()
    if endpoint is not None:
        access["endpoint"] = endpoint
    if profile is not None:
        access["profile"] = profile
    return access


CONNECT_TIMEOUT = 5
"""Seconds to reach the endpoint: a connection that takes longer is better tried again."""

CALL_TIMEOUT = 10
"""Seconds that a call which waits for nothing may take altogether."""

OPEN_TIMEOUT = 8
"""Seconds in which a publisher finds its destination or says that it cannot, whatever the SDK still tries."""

POLL_MARGIN = 10
"""Seconds beyond its wait time after which a poll counts as hung."""

SETTLEMENT_CONNECTIONS = 50
"""How many calls that wait for nothing may be under way at once."""


async def called(client: Client, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a client's operation; raises what the SDK raises, and UnreadableAnswer."""
    call = getattr(client, operation)
    with reading():
        answer: dict[str, Any] = await call(**parameters)
    return answer


@contextmanager
def reading() -> Iterator[None]:
    """Raise UnreadableAnswer for what the SDK's parser raises where an answer is not as the service's model says."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise UnreadableAnswer("the answer is not made as the SDK expects") from error
