"""What is the SDK's business: the reason why, and who watches its calls."""

import sys
from collections.abc import Iterable, Iterator
from inspect import getattr_static
from types import FunctionType

from loafer.adapters.aws.lean.covered import is_covered

OF_THE_SDK = ("botocore.", "aiobotocore.", "aiohttp.")

_WAY_OUT = {
    ("aiobotocore.client", "AioBaseClient"): ("_make_api_call",),
    ("aiobotocore.endpoint", "AioEndpoint"): (
        "make_request",
        "_send_request",
        "_get_response",
        "_do_get_response",
        "_send",
    ),
    ("aiobotocore.httpsession", "AIOHTTPSession"): ("send",),
    ("aiobotocore.session", "AioSession"): ("__init__", "create_client", "_create_client", "register"),
    ("aiohttp.client", "ClientSession"): ("__init__", "request", "_request"),
}
"""The methods that a call of the SDK goes through, by where they are."""

_FINDERS = (
    "_frozen_importlib",
    "importlib",
    "zipimport",
    "_distutils_hack",
    "__editable__",
    "_editable_impl",
    "_virtualenv",
    "_pytest.",
    "pyimod",
    "PyInstaller.",
)
"""How the modules begin of what finds modules, and watches none: tracing libraries wrap the SDK once it is imported."""

_OF_COPIES = {"_SixMetaPathImporter", "VendorImporter"}
"""What finds modules within a library that other libraries have copies of."""


class Unusual(Exception):
    """Why the calls of a client are the SDK's business."""


def check_unwatched() -> None:
    """Raise Unusual if somebody watches the calls of the SDK, or waits for its import to do so."""
    for finder in sys.meta_path:
        kind = finder if isinstance(finder, type) else type(finder)
        if not kind.__module__.startswith(_FINDERS) and kind.__name__ not in _OF_COPIES:
            raise Unusual(f"imports are watched by {kind.__module__}")
    check_methods(way_out())


def check_methods(methods: Iterable[object]) -> None:
    """Raise Unusual if one of these methods of the SDK is not its own."""
    # Tracing libraries put a wrapper where one of these was, and want to see every call.
    if any(_is_wrapped(method) for method in methods):
        raise Unusual("calls of the SDK are instrumented")


def _is_wrapped(method: object) -> bool:
    """Tell whether a method is not the SDK's own, but for what a library wrapped that is told in a better way."""
    while type(method) is not FunctionType:  # a wrapper of wrapt says that it is one
        wrapper = getattr(method, "_self_wrapper", None)
        if wrapper is None or not is_covered(_module(wrapper)):
            return True
        method = getattr(method, "__wrapped__", None)
    return is_foreign(method)


def is_foreign(handler: object) -> bool:
    """Tell whether what the SDK calls was made by somebody else."""
    module = _module(handler)
    return not (module.startswith(OF_THE_SDK) or is_covered(module))


def _module(handler: object) -> str:
    function = getattr(handler, "func", handler)
    function = getattr(function, "__func__", function)
    # A wrapper made with functools.wraps tells the module of what it wraps; where it was defined it cannot hide.
    return str(getattr(function, "__globals__", {}).get("__name__") or getattr(function, "__module__", None))


def way_out() -> Iterator[object]:
    """Yield the methods that every call of the SDK goes through, as far as it is imported."""
    for (module, owner), names in _WAY_OUT.items():
        found = getattr(sys.modules.get(module), owner, None)
        for name in names if found is not None else ():
            method = getattr_static(found, name, None)
            if method is not None:
                yield method
