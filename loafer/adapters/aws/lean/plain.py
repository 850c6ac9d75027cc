"""The lean transport without the SDK, which is not even imported: where the environment says all that it would find."""

import logging
import os
import platform
import ssl
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Unpack

import botocore

from loafer import __version__
from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.calls import CONNECT_TIMEOUT, SETTLEMENT_CONNECTIONS, Access
from loafer.adapters.aws.lean.environment import Found, Keys, found_in
from loafer.adapters.aws.lean.http import Http, host_of
from loafer.adapters.aws.lean.signature import Signer
from loafer.adapters.aws.lean.transport import LeanTransport
from loafer.adapters.aws.lean.unusual import Unusual, check_unwatched
from loafer.adapters.aws.safety import warn_if_unencrypted

logger = logging.getLogger(__name__)

SWITCH = "LOAFER_SQS_TRANSPORT"
"""The setting that switches the lean transport off; code that runs outside of a worker sets it in the environment."""

LEAN, SDK = "lean", "aiobotocore"
"""Its values: the second one does."""

CARRIED = "%s: frequent calls go over the lean transport to %s"
"""What the log says of a queue and the endpoint where it does."""

_SESSION = "loafer.adapters.aws.session"
_CHOICE = "loafer.adapters.aws.lean.choice"


async def enter_plain_transport(
    stack: AsyncExitStack, region: str | None, polls: int, asked: str | None = None, **access: Unpack[Access]
) -> LeanTransport | None:
    """Return a transport for all calls to a queue, which the stack closes; None where they are the SDK's business.

    There may be so many `polls` at once. `asked` is the transport that is asked for; None: what the environment
    variable says. A `region` of None is the environment's, and so is what `access` does not say.
    """
    try:
        found = _found(region, asked, access)
        tls = await _tls_of(found)
    except Unusual as reason:
        logger.debug("credentials, region and endpoint are found by the SDK: %s", reason)
        return None
    endpoint, keys = found.endpoint, found.keys
    warn_if_unencrypted(endpoint.geturl())

    async def credentials() -> Keys:
        return keys

    signer = Signer(host_of(endpoint), endpoint.path, found.region, _agent())
    http = Http(endpoint, tls, CONNECT_TIMEOUT, SETTLEMENT_CONNECTIONS + polls)
    transport = LeanTransport(endpoint.geturl(), signer, http, credentials)
    stack.callback(transport.close)
    return transport


def announce(place: str, transport: LeanTransport) -> None:
    """Log which endpoint the lean transport calls; `place` is what the log calls the queue."""
    logger.info(CARRIED, place, transport.endpoint)


def prepare(region: str | None, asked: str | None, access: Access) -> None:
    """Import the SDK, or else read the certificates, where they will be needed: both take too long on an event loop.

    It looks once for all that ask alike, for there may be 1 000 routes: what is prepared stays so, and whoever opens a
    queue looks for itself.
    """
    alike = (region, asked, access.get("endpoint"), access.get("profile"))
    if alike in _prepared:
        return
    _prepared.add(alike)
    try:
        found = _found(region, asked, access)
    except Unusual:
        import_sdk()
    else:
        if found.endpoint.scheme == "https":
            with suppress(OSError):  # said when the transport is entered
                _tls(found.certificates)


_prepared: set[tuple[str | None, ...]] = set()
"""For what was prepared: the region and the transport that were asked for, the endpoint, and the profile."""


def import_sdk() -> None:
    """Import the SDK, and what makes clients of it."""
    import_module(_CHOICE)


def _found(region: str | None, asked: str | None, access: Access) -> Found:
    if (os.environ.get(SWITCH, "") if asked is None else asked).strip().lower() not in {"", LEAN}:
        raise Unusual(f"{SWITCH} says so")
    check_unwatched()
    profile = access.get("profile")
    if _SESSION in sys.modules:
        choice: Any = import_module(_CHOICE)
        choice.check_session(profile)
    environ = dict(os.environ)  # which decodes each variable anew where it is looked at; there may be 1 000 routes
    return found_in(environ, region, access.get("endpoint"), profile)


def _agent() -> str:
    """Return the user agent: loafer, and what it runs on."""
    words = (f"loafer/{__version__}", f"md/Botocore#{botocore.__version__}", f"lang/python#{platform.python_version()}")
    where = os.environ.get("AWS_EXECUTION_ENV", "")
    return " ".join((*words, *([f"exec-env/{where}"] if where.isascii() and where.isprintable() and where else ())))


async def _tls_of(found: Found) -> ssl.SSLContext | None:
    """Return how to speak TLS to the endpoint; None: not at all. Certificates that are named are read in any case."""
    if found.endpoint.scheme == "http" and found.certificates is None:
        return None
    context = _contexts.get(found.certificates)
    if context is None:
        try:
            context = await aside(partial(_tls, found.certificates))
        except OSError:  # ssl.SSLError is one
            raise Unusual("the certificates cannot be read") from None
    return context if found.endpoint.scheme == "https" else None


_contexts: dict[str | None, ssl.SSLContext] = {}
"""How to speak TLS, by the file of certificates: reading one takes a while, and routes have it in common."""


def _tls(certificates: str | None) -> ssl.SSLContext:
    """Return how to speak TLS, as the SDK does."""
    known = _contexts.get(certificates)
    if known is not None:
        return known
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.post_handshake_auth = True
    context.load_verify_locations(certificates or _certificates())
    _contexts[certificates] = context
    return context


def _certificates() -> str:
    try:
        from certifi import where  # noqa: PLC0415 - the SDK takes its file where it is installed
    except ImportError:
        return str(Path(botocore.__file__).with_name("cacert.pem"))
    return where()
