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
from types import FunctionType
from typing import Any, Unpack, cast
from urllib.parse import SplitResult, parse_qs, urlsplit

from aiobotocore.endpoint import AioEndpoint
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from aiohttp import ClientSession
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.useragent import sanitize_user_agent_string_component
from botocore.utils import get_environ_proxies

from loafer import __version__
from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.details import detail_of
from loafer.adapters.aws.errors import SDK_ERRORS
from loafer.adapters.aws.lean.http import Http
from loafer.adapters.aws.lean.signature import Credentials, Signer
from loafer.adapters.aws.lean.transport import OPERATIONS, LeanTransport
from loafer.adapters.aws.session import CONNECT_TIMEOUT, SETTLEMENT_CONNECTIONS, Access, shared_session

logger = logging.getLogger(__name__)

SWITCH = "LOAFER_SQS_TRANSPORT"
"""The setting that switches the lean transport off; code that runs outside of a worker sets it in the environment."""

LEAN, SDK = "lean", "aiobotocore"
"""Its values: the second one does."""

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
_WAY_OUT: tuple[tuple[type, tuple[str, ...]], ...] = (
    (AioEndpoint, ("make_request", "_send_request", "_get_response", "_do_get_response", "_send")),
    (AIOHTTPSession, ("send",)),
    (ClientSession, ("__init__", "request", "_request")),
)
"""The methods that a call of the SDK goes through."""
_OF_THE_SDK = ("botocore.", "aiobotocore.", "aiohttp.")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")  # what signing leaves as it is
_OWN_PORTS = {"http": 80, "https": 443}


class Unusual(Exception):
    """Why the calls of a client are the SDK's business."""


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
    except (Unusual, *SDK_ERRORS) as reason:
        why = reason if isinstance(reason, Unusual) else detail_of(reason)
        logger.info("%s: every call goes through aiobotocore: %s", place, why)
        return None
    stack.callback(transport.close)
    logger.info("%s: frequent calls go over the lean transport to %s", place, transport.endpoint)
    return transport


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
    signer = Signer(_host(endpoint), endpoint.path, region, _agent(client.meta.config))
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
    # Tracing libraries put a wrapper where one of these was, and want to see every call.
    methods = [getattr_static(client, name) for name in ("_make_api_call", *OPERATIONS)]
    methods += [vars(owner)[name] for owner, names in _WAY_OUT for name in names if name in vars(owner)]
    if any(not isinstance(method, FunctionType) or _is_foreign(method) for method in methods):
        raise Unusual("calls of the SDK are instrumented")
    if any(_is_foreign(handler) for handler in _handlers(client)):
        raise Unusual("an event hook is registered")


def _handlers(client: Any) -> Iterator[object]:
    """Yield what is registered for the events of the frequent calls; the SDK has no public way to ask."""
    try:
        registered = client.meta.events._emitter._handlers  # noqa: SLF001
        for event, operation in product(_EVENTS, OPERATIONS.values()):
            yield from registered.prefix_search(f"{event}.sqs.{operation}")
    except AttributeError as error:
        raise Unusual("the SDK does not show its event hooks") from error


def _is_foreign(handler: object) -> bool:
    function = getattr(handler, "func", handler)
    # A wrapper made with functools.wraps tells the module of what it wraps; where it was defined it cannot hide.
    module = getattr(function, "__globals__", {}).get("__name__") or getattr(function, "__module__", None)
    return not str(module).startswith(_OF_THE_SDK)


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


def _host(url: SplitResult) -> str:
    name = url.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if url.port in (None, _OWN_PORTS[url.scheme]) else f"{name}:{url.port}"


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
