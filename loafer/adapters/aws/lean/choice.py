"""Which transport carries a client's frequent calls: the lean one in the ordinary case, else the SDK's own."""

import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import lru_cache, partial
from inspect import getattr_static
from itertools import product
from ssl import SSLContext
from typing import Any, Unpack, cast
from urllib.parse import parse_qs, urlsplit

from aiobotocore.session import AioSession
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.useragent import sanitize_user_agent_string_component
from botocore.utils import get_environ_proxies

from loafer import __version__
from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.calls import CONNECT_TIMEOUT, SETTLEMENT_CONNECTIONS, Access
from loafer.adapters.aws.details import detail_of
from loafer.adapters.aws.errors import sdk_errors
from loafer.adapters.aws.lean.http import Http, host_of
from loafer.adapters.aws.lean.plain import CARRIED, LEAN, SDK, SWITCH
from loafer.adapters.aws.lean.signature import Credentials, Signer
from loafer.adapters.aws.lean.transport import OPERATIONS, LeanTransport
from loafer.adapters.aws.lean.unusual import Unusual, check_methods, is_foreign, way_out
from loafer.adapters.aws.session import session_at_hand, shared_session

logger = logging.getLogger(__name__)

_EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "before-parse",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")  # what signing leaves as it is


async def enter_lean_transport(
    stack: AsyncExitStack,
    client: Any,
    place: str,
    polls: int,
    asked: str | None = None,
    **access: Unpack[Access],
) -> LeanTransport | None:
    """Return the transport for a client's frequent calls, which the stack closes; None where the client carries them.

    `place` is what the log calls the queue; there may be so many `polls` at once. `asked` is the transport that is
    asked for; None: what the environment variable says. `access` is what the client was made with.
    """
    try:
        _check_switch(os.environ.get(SWITCH, "") if asked is None else asked)
        transport = await _lean_transport(client, shared_session(access.get("profile")), SETTLEMENT_CONNECTIONS + polls)
    except Unusual as reason:
        why = str(reason)
    except sdk_errors() as error:
        why = detail_of(error)
    else:
        stack.callback(transport.close)
        logger.info(CARRIED, place, transport.endpoint)
        return transport
    logger.info("%s: every call goes through aiobotocore: %s", place, why)
    return None


async def _lean_transport(client: Any, session: AioSession, connections: int) -> LeanTransport:
    """Return the transport for the endpoint and the region that the client has worked out; Unusual: not for this."""
    _check_client(client)
    _check_retries(session)
    # The one public way to have the SDK resolve an endpoint without calling it.
    signed = urlsplit(await client.generate_presigned_url("receive_message", Params={"QueueUrl": ""}))
    query = parse_qs(signed.query)
    if not _PLAIN_PATH.fullmatch(signed.path) or "@" in signed.netloc or signed.fragment or not _is_signature(query):
        raise Unusual("the endpoint is no plain URL")
    endpoint = signed._replace(path=signed.path or "/", query="")
    if get_environ_proxies(endpoint.geturl()).get(endpoint.scheme):
        raise Unusual("a proxy is set")
    region = _region(query)
    tls = await aside(partial(_tls, _verify(session))) if signed.scheme == "https" else None
    signer = Signer(host_of(endpoint), endpoint.path, region, _agent(client.meta.config))
    return LeanTransport(
        endpoint.geturl(), signer, Http(endpoint, tls, CONNECT_TIMEOUT, connections), _provider(session)
    )


def _check_switch(given: str) -> None:
    value = given.strip().lower()
    if value == SDK:
        raise Unusual(f"{SWITCH} says so")
    if value not in {"", LEAN}:
        logger.warning("%s=%r: unknown, and taken as %s; give %s or %s", SWITCH, given, LEAN, LEAN, SDK)


def _check_client(client: Any) -> None:
    config = client.meta.config
    for name in ("proxies", "client_cert", "tcp_keepalive", "user_agent_extra"):
        if getattr(config, name, None):
            raise Unusual(f"the client's configuration sets {name}")
    if client.meta.service_model.resolved_protocol != "json":
        raise Unusual("the SDK speaks another protocol")
    check_methods([*(getattr_static(client, name) for name in ("_make_api_call", *OPERATIONS)), *way_out()])
    _check_hooks(client.meta.events)


def check_session(profile: str | None) -> None:
    """Raise Unusual if an event hook is registered with this thread's session of a profile, where it has one."""
    session = session_at_hand(profile)
    if session is not None:
        _check_hooks(session.get_component("event_emitter"))


def _check_hooks(events: Any) -> None:
    if any(is_foreign(handler) for handler in _handlers(events)):
        raise Unusual("an event hook is registered")


def _handlers(events: Any) -> Iterator[object]:
    """Yield what is registered for the events of the frequent calls; the SDK has no public way to ask."""
    try:
        registered = events._emitter._handlers  # noqa: SLF001
        for event, operation in product(_EVENTS, OPERATIONS.values()):
            yield from registered.prefix_search(f"{event}.sqs.{operation}")
    except AttributeError as error:
        raise Unusual("the SDK does not show its event hooks") from error


def _check_retries(session: AioSession) -> None:
    profile = session.get_scoped_config()
    for variable, key in (("AWS_RETRY_MODE", "retry_mode"), ("AWS_MAX_ATTEMPTS", "max_attempts")):
        if os.environ.get(variable) or profile.get(key):
            raise Unusual(f"{variable} is set")


def _is_signature(query: Mapping[str, list[str]]) -> bool:
    return all(name.startswith("X-Amz-") for name in query)


def _agent(config: Any) -> str:
    """Return the user agent: the SDK's own, the application that the configuration names, and loafer."""
    application = config.user_agent_appid
    named = f" app/{sanitize_user_agent_string_component(application, allow_hash=True)}" if application else ""
    return f"{config.user_agent}{named} loafer/{__version__}"


def _region(query: Mapping[str, list[str]]) -> str:
    scope = query.get("X-Amz-Credential", [""])[0].split("/")
    if query.get("X-Amz-Algorithm") != ["AWS4-HMAC-SHA256"] or scope[-2:] != ["sqs", "aws4_request"]:
        raise Unusual("the SDK signs in another way")
    return scope[-3]


def _verify(session: AioSession) -> str | bool:
    """Return the file of certificates to trust, as the SDK finds it; True: its own."""
    configured: str | None = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    return configured or True


@lru_cache(maxsize=8)
def _tls(verify: str | bool) -> SSLContext:
    """Return how to speak TLS, as the SDK does; reading the certificates takes a while, and is done once."""
    context: SSLContext = create_urllib3_context()
    context.check_hostname = True
    file: Any = get_cert_path(cast("bool", verify))
    context.load_verify_locations(file)
    return context


def _provider(session: AioSession) -> Callable[[], Awaitable[Credentials]]:
    """Return what returns the session's credentials, which refresh themselves."""

    async def frozen() -> Credentials:
        credentials: Any = await session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        found: Credentials = await credentials.get_frozen_credentials()
        return found

    return frozen
