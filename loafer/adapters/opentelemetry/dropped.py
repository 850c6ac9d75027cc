"""Spans that nobody will ever see: the SDK is asked for one only once its ids are wanted."""

import os
import re
import threading
from collections.abc import Callable
from typing import Any

from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Tracer

COUNTED = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
"""Where this is true, the SDK counts spans that it drops, so each of them must be made."""

SAMPLERS = "opentelemetry.sdk.trace.sampling"
"""Where the SDK's own samplers are: what they say of themselves is so."""

_NEVER = re.compile(r"(ParentBased\{root:)?(AlwaysOffSampler|TraceIdRatioBased\{0(\.0)?\})(,.*|\}?)")


def drops_all(tracer: Tracer) -> bool:
    """Tell whether a tracer's sampler drops every span that has no parent, whatever it is asked."""
    sampler = getattr(tracer, "sampler", None)
    if type(sampler).__module__ != SAMPLERS or os.environ.get(COUNTED, "").strip().lower() == "true":
        return False
    return _NEVER.fullmatch(str(sampler.get_description())) is not None  # type: ignore[union-attr]  # it is a sampler


class Dropped(NonRecordingSpan):
    """A span that is not recorded, and is made once somebody wants to know its ids; most often that is nobody."""

    _making = threading.Lock()
    """Held while one is made: a handler and its threads must not see two of them."""

    _made: SpanContext | None = None

    def __init__(self, make: Callable[..., Span], *of: Any) -> None:
        """Take what makes it, and of what."""
        self._make, self._of = make, of

    def get_span_context(self) -> SpanContext:
        """Return its ids; on any thread."""
        if self._made is None:
            with self._making:
                if self._made is None:
                    self._made = self._make(*self._of).get_span_context()
        return self._made

    def __repr__(self) -> str:
        """Return what one that was made at once says."""
        return repr(NonRecordingSpan(self.get_span_context()))
