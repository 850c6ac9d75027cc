"""SDK clients, each with timeouts, retries and a connection pool set on purpose."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Unpack

import attrs
from aiobotocore.config import AioConfig
from aiobotocore.credentials import create_credential_resolver
from aiobotocore.session import AioSession, get_session

from loafer.adapters.aws.calls import CALL_TIMEOUT, CONNECT_TIMEOUT, POLL_MARGIN, SETTLEMENT_CONNECTIONS, Access, Client
from loafer.adapters.aws.credentials import SharedCredentials, SharedProvider, pool_of_environment
from loafer.adapters.aws.errors import sdk_errors
from loafer.adapters.aws.mistakes import check_environment, explained
from loafer.adapters.aws.safety import warn_if_unencrypted
from loafer.adapters.aws.sdk_data import data_loader
from loafer.adapters.aws.sdk_http import BoundedSession
from loafer.adapters.aws.sdk_names import resolver
from loafer.adapters.aws.sdk_parser import Parsers

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
        session.register_component("response_parser_factory", Parsers())
        session.register_component("data_loader", data_loader(os.environ.get("AWS_DATA_PATH")))
        credentials = SharedCredentials(
            partial(_load_credentials, session), pool_of_environment(profile), partial(explained, session=session)
        )
        session.register_component("credential_provider", SharedProvider(credentials))
        _of_thread.__dict__.setdefault("credentials", {})[profile] = credentials
    return session


def session_at_hand(profile: str | None) -> AioSession | None:
    """Return the session of a profile that this thread has already; None: it has none."""
    sessions: dict[str | None, AioSession] = _of_thread.__dict__.get("sessions", {})
    return sessions.get(profile)


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
        except sdk_errors() as error:
            told = explained(error, session)
        else:
            warn_if_unencrypted(client.meta.endpoint_url)
            yield client
            return
    raise told


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
