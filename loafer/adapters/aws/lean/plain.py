"""The lean transport without the SDK, which is not even imported: where the environment says all that it would find."""

import logging
import os
import platform
import ssl
import sys
from contextlib import AsyncExitStack
from functools import lru_cache, partial
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


def import_sdk_unless_plain(region: str | None, asked: str | None, access: Access) -> None:
    """Import the SDK where it will be needed: it takes too long to do so on an event loop that is at work."""
    if _CHOICE in sys.modules:
        return
    try:
        _found(region, asked, access)
    except Unusual:
        import_sdk()


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
    return found_in(os.environ, region, access.get("endpoint"), profile)


def _agent() -> str:
    """Return the user agent: loafer, and what it runs on."""
    words = (f"loafer/{__version__}", f"md/Botocore#{botocore.__version__}", f"lang/python#{platform.python_version()}")
    where = os.environ.get("AWS_EXECUTION_ENV", "")
    return " ".join((*words, *([f"exec-env/{where}"] if where.isascii() and where.isprintable() and where else ())))


async def _tls_of(found: Found) -> ssl.SSLContext | None:
    """Return how to speak TLS to the endpoint; None: not at all. Certificates that are named are read in any case."""
    if found.endpoint.scheme == "http" and found.certificates is None:
        return None
    try:
        context = await aside(partial(_tls, found.certificates))
    except OSError:  # ssl.SSLError is one
        raise Unusual("the certificates cannot be read") from None
    return context if found.endpoint.scheme == "https" else None


@lru_cache(maxsize=8)
def _tls(certificates: str | None) -> ssl.SSLContext:
    """Return how to speak TLS, as the SDK does; reading the certificates takes a while."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.post_handshake_auth = True
    context.load_verify_locations(certificates or _certificates())
    return context


def _certificates() -> str:
    try:
        from certifi import where  # noqa: PLC0415 - the SDK takes its file where it is installed
    except ImportError:
        return str(Path(botocore.__file__).with_name("cacert.pem"))
    return where()
