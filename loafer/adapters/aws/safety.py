"""What a client is checked for before it calls anything: credentials that fit into headers, and encryption."""

import logging
import re
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

_PARTS = {"access_key": "access key id", "secret_key": "secret access key", "token": "session token"}
_NO_TEXT = re.compile(r"[^\x20-\x7e]")


class UnusableCredentials(ValueError):
    """Credentials that no request can be signed with; the text says why, and quotes nothing of them."""


def check_credentials(credentials: Any) -> None:
    """Raise UnusableCredentials where a part of them would break the headers that it is sent in.

    They have the attributes of the SDK's credentials, with or without `method`, which is where they came from.
    """
    for part, name in _PARTS.items():
        found = _NO_TEXT.search(getattr(credentials, part, None) or "")
        if found is not None:
            method = getattr(credentials, "method", None)
            origin = f" (from {method})" if method else ""
            code = f"U+{ord(found[0]):04X}"
            what = "a line break" if found[0] in "\r\n" else "a character that no key has"
            raise UnusableCredentials(f"the AWS {name}{origin} holds {what}, {code}: set it again, without that")


@cache
def warn_if_unencrypted(endpoint: str) -> None:
    """Log a warning, once, for an endpoint to which requests go over a network unencrypted."""
    parts = urlsplit(endpoint)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        logger.warning(
            "http://%s is not encrypted: messages and session tokens can be read, and changed, on the way; use https",
            parts.hostname,
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
