"""Why a message was given up: what a dead letter says of it, within what a message may carry."""

import hashlib
import re
from collections.abc import Mapping

import attrs

from loafer.domain.message import Attribute

FOLDED = "loafer.reason"
"""The one attribute that says everything, where there is no room for all."""

NAMES = (
    "loafer.error",
    "loafer.place",
    "loafer.fingerprint",
    "loafer.attempts",
    "loafer.source",
    "loafer.message_id",
    "loafer.failed_at",
)
"""The attributes that say it, one each."""


@attrs.frozen(kw_only=True)
class Reason:
    """Why, when and where a message was given up; nothing of it is the text of an error, which may quote a body.

    Attributes:
        error: The type of the error.
        place: Where it was raised, `module:function:line` in the handler's own code.
        fingerprint: What failures of one kind have in common, in eight characters.
        attempts: How often it was tried.
        source: The queue that it was on.
        message_id: Its id there.
        failed_at: When it was given up, in seconds since the epoch.

    """

    error: str = ""
    place: str = ""
    fingerprint: str = ""
    attempts: int = 0
    source: str = ""
    message_id: str = ""
    failed_at: float = 0.0


def fingerprint_of(error: str, place: str) -> str:
    """Return what failures of one error in one function have in common, whatever the line is in this version of it.

    Of content that does not fit it is the path, whichever item of a list it was.
    """
    where = re.sub(r":\d+$", "", re.sub(r"\[\d+\]", "[]", place))
    return hashlib.sha256(f"{error}\n{where}".encode(errors="surrogatepass")).hexdigest()[:8]


def without_reason(attributes: Mapping[str, Attribute]) -> Mapping[str, Attribute]:
    """Return attributes without those that say why a message was given up."""
    return {name: attribute for name, attribute in attributes.items() if name not in NAMES and name != FOLDED}
