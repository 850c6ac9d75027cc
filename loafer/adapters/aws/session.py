"""SDK clients, each with timeouts, retries and a connection pool set on purpose."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeAlias, TypedDict, Unpack

import attrs
from aiobotocore.config import AioConfig
from aiobotocore.credentials import create_credential_resolver
from aiobotocore.session import AioSession, get_session

from loafer.adapters.aws.credentials import SharedCredentials, SharedProvider, pool_of_environment
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import SDK_ERRORS
from loafer.adapters.aws.mistakes import check_environment, explained
from loafer.adapters.aws.names import resolver
from loafer.adapters.aws.safety import warn_if_unencrypted
from loafer.adapters.aws.sdk_data import data_loader
from loafer.adapters.aws.sdk_http import BoundedSession

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

_LOOK_UPS: Any = {"resolver": resolver()}

_of_thread = threading.local()


def shared_session(profile: str | None = None) -> AioSession:
    """Return this thread's session, of a profile where one is named.

    Creating clients on one session from two threads is not safe, and a session (~90 ms) is dear where a client on a
    shared one (~7 ms) is not.
    """
    sessions: dict[str | None, AioSession] = _of_thread.__dict__.setdefault("sessions", {})
    session = sessions.get(profile)
    if session is None:
        session = sessions[profile] = AioSession(profile=profile) if profile else get_session()
        # Also for the clients that it makes itself, to get credentials.
        session.set_default_client_config(AioConfig(_LOOK_UPS, BoundedSession))
        session.register_component("data_loader", data_loader(os.environ.get("AWS_DATA_PATH")))
        credentials = SharedCredentials(
            partial(_load_credentials, session), pool_of_environment(profile), partial(explained, session=session)
        )
        session.register_component("credential_provider", SharedProvider(credentials))
        _of_thread.__dict__.setdefault("credentials", {})[profile] = credentials
    return session


async def _load_credentials(session: AioSession) -> Any:
    # The SDK makes its providers when they are first asked, with the region of the client that was made last.
    resolver = create_credential_resolver(session, region_name=getattr(session, "_last_client_region_used", None))
    return await resolver.load_credentials()


async def find_credentials(profile: str | None = None) -> None:
    """Find this thread's credentials before they are needed; raises what their source does."""
    credentials: Any = await shared_session(profile).get_credentials()
    await credentials.get_frozen_credentials()


@asynccontextmanager
async def create_client(
    service: str, region: str | None, config: AioConfig, **access: Unpack[Access]
) -> AsyncIterator[Client]:
    """Yield a client; a region of None is the environment's, and so is what `access` does not say.

    Raises what the SDK raises, and Mistake.
    """
    session = shared_session(access.get("profile"))
    check_environment(session, service)
    async with AsyncExitStack() as stack:
        try:
            making: Any = session.create_client(
                service,  # type: ignore[call-overload, unused-ignore]
                region_name=region,
                endpoint_url=access.get("endpoint"),
                config=config,
            )
            client = await stack.enter_async_context(making)
        except SDK_ERRORS as error:
            told = explained(error, session)
        else:
            warn_if_unencrypted(client.meta.endpoint_url)
            yield client
            return
    raise told


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


@attrs.define(eq=False)
class _Shared:
    """A client and who uses it."""

    stack: AsyncExitStack = attrs.field(factory=AsyncExitStack)
    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    client: Client = None
    users: int = 0


_shared: dict[tuple[asyncio.AbstractEventLoop, str, str | None, str | None, str | None], _Shared] = {}


@asynccontextmanager
async def shared_client(service: str, region: str | None, **access: Unpack[Access]) -> AsyncIterator[Client]:
    """Yield the client for all but polls in a region; the consumers and publishers of an event loop share it."""
    key = asyncio.get_running_loop(), service, region, access.get("endpoint"), access.get("profile")
    shared = _shared.setdefault(key, _Shared())
    shared.users += 1
    try:
        async with shared.lock:
            if shared.client is None:
                made = create_client(service, region, settling(), **access)
                shared.client = await shared.stack.enter_async_context(made)
        yield shared.client
    finally:
        shared.users -= 1
        if not shared.users:
            del _shared[key]
            await shared.stack.aclose()
            credentials = getattr(_of_thread, "credentials", {}).get(access.get("profile"))
            if credentials is not None:
                await credentials.close()


def polling(wait_time: float, polls: int) -> AioConfig:
    """Configure a client for long polls alone, each of which holds a connection all the while it waits."""
    return AioConfig(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=wait_time + POLL_MARGIN,
        max_pool_connections=polls,
        retries=_no_retries(),
    )


def settling() -> AioConfig:
    """Configure a client for all but polls, which never waits for a connection that a poll holds."""
    return AioConfig(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=CALL_TIMEOUT,
        max_pool_connections=SETTLEMENT_CONNECTIONS,
        retries=_no_retries(),
    )


def _no_retries() -> Any:
    # The engine retries what a consumer does, with its own pauses and its own log lines, and a publisher tries again by
    # itself: retries below them would only hide trouble and multiply the timeouts. A retry mode of the environment
    # stands: the adaptive one also slows down.
    return {"total_max_attempts": 1}
