"""How the context of a trace travels with a message: in its attributes, and where they are full in X-Ray's header."""

import re
from collections.abc import Mapping

import attrs

from loafer.domain.limits import MOST_ATTRIBUTES, Limits, is_attribute_name, size_of
from loafer.domain.message import Attribute, OutgoingMessage

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SENTRY_TRACE = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?")
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_PARENT = re.compile(r"[0-9a-f]{16}")


def with_context(message: OutgoingMessage, context: Mapping[str, str], limits: Limits) -> OutgoingMessage:
    """Return a message with as much of a context as there is room for behind what it has itself, the first first.

    A message that has one of these attributes already has a context of its own, and stays as it is.
    """
    if not message.attributes.keys().isdisjoint(context):
        return message
    room, places = limits.size - size_of(message), MOST_ATTRIBUTES - len(message.attributes)
    added: dict[str, Attribute] = {}
    for name, value in context.items():
        room -= len(name) + len(value) + len("String")
        if room < 0 or len(added) >= places or not _fits(name, value):
            break
        added[name] = Attribute(value)
    if added:
        return attrs.evolve(message, attributes={**message.attributes, **added})
    if limits.kind == "queue" and message.trace_header is None:
        return attrs.evolve(message, trace_header=trace_header_of(context))
    return message


def _fits(name: str, value: str) -> bool:
    """Tell whether the services take an attribute."""
    return bool(is_attribute_name(name) and value and value.isascii() and value.isprintable())


def trace_header_of(context: Mapping[str, str]) -> str | None:
    """Return X-Ray's header for a context, of W3C or of Sentry; None: it has none that can be said so.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    found = _TRACEPARENT.fullmatch(context.get("traceparent", ""))
    found = found or _SENTRY_TRACE.fullmatch(context.get("sentry-trace", ""))
    if found is None:
        return None
    trace, span, flags = found.groups()
    sampled = "" if flags is None else f";Sampled={int(flags, 16) & 1}"
    return f"Root=1-{trace[:8]}-{trace[8:]};Parent={span}{sampled}"


def traceparent_of(header: str) -> str | None:
    """Return W3C's `traceparent` of X-Ray's header; None: it has no trace and span."""
    fields = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    root, span = _ROOT.fullmatch(fields.get("Root", "")), fields.get("Parent", "")
    if root is None or not _PARENT.fullmatch(span):
        return None
    return f"00-{root[1]}{root[2]}-{span}-0{int(fields.get('Sampled') == '1')}"


def sentry_trace_of(traceparent: str) -> str | None:
    """Return Sentry's `sentry-trace` of W3C's `traceparent`; None: it is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return f"{found[1]}-{found[2]}-{int(found[3], 16) & 1}" if found else None
