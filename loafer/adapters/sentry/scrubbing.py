"""Events without what the SDK's errors say: that may repeat what was signed and sent, credentials among it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from loafer.domain.shown import SDKS, of_the_sdk

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

LEFT_OUT = "[what the SDK says is left out]"


def scrubbed(event: "Event", hint: "Hint") -> "Event":
    """Return an event without the texts of the SDK's errors, wherever those stand, and without values of its frames."""
    error = (hint.get("exc_info") or (None, None, None))[1]
    texts = [str(cause) for cause in of_the_sdk(error)] if error is not None else []
    for value in _values_in(event) if texts else ():
        for text in filter(None, texts):
            value["value"] = (value.get("value") or "").replace(text, LEFT_OUT)
        for frame in (value.get("stacktrace") or {}).get("frames", ()):
            if (frame.get("module") or "").partition(".")[0] in SDKS:
                frame.pop("vars", None)
    return event


def _values_in(event: "Event") -> Iterator[dict[str, Any]]:
    exceptions: Any = event.get("exception") or {}
    yield from exceptions.get("values", ())
