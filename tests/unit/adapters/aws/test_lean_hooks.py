"""Who watches the calls of the SDK sees them all: hooks and instrumentation keep the lean transport out."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import wrapt
from aiobotocore.client import AioBaseClient
from aiobotocore.endpoint import AioEndpoint
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientSession
from lean_fakes import Environ, aws_environ, why_not

from loafer.adapters.aws.lean import choice as module
from loafer.adapters.aws.lean.unusual import Unusual
from loafer.adapters.aws.session import shared_session

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")


def hook(**_: object) -> None:
    pass


class Tracer:
    def hook(self, **_: object) -> None:
        pass

    def __call__(self, **_: object) -> None:
        pass


@functools.wraps(AioBaseClient._make_api_call)
async def pretends(*arguments: Any) -> Any:
    """A wrapper that tells the module of what it wraps."""


def hides(**_: object) -> None:
    pass


hides.__module__ = "botocore.handlers"

HOOKS: dict[str, Callable[..., Any]] = {
    "function": hook,
    "partial": functools.partial(hook, a=1),
    "partial of a bound method": functools.partial(Tracer().hook, a=1),
    "bound method": Tracer().hook,
    "callable": Tracer(),
    "function that names another module": hides,
}
EVENTS = [
    "before-send.sqs",
    "before-call",
    "*",
    "request-created.sqs.ReceiveMessage",
    "before-parse.*.DeleteMessageBatch",
]


@pytest.mark.parametrize("kind", HOOKS)
async def test_an_event_hook_is_left_to_the_sdk(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    shared_session().register("before-send.sqs", HOOKS[kind])
    assert await why_not(caplog) == "an event hook is registered"


@pytest.mark.parametrize("event", EVENTS)
async def test_a_hook_for_any_event_of_a_frequent_call_is_left_to_the_sdk(
    event: str, caplog: pytest.LogCaptureFixture
) -> None:
    shared_session().register(event, hook)
    assert await why_not(caplog) == "an event hook is registered"


@pytest.mark.parametrize("event", ["before-send.s3", "before-call.sqs.CreateQueue", "before-send.sns"])
async def test_a_hook_for_other_calls_is_none_of_our_business(event: str, caplog: pytest.LogCaptureFixture) -> None:
    shared_session().register(event, hook)
    assert await why_not(caplog) == ""


class Wrapped:
    """What wrapt puts where a function was: it tells the module of what it wraps, and its type too."""

    __module__ = AioBaseClient.__module__

    def __init__(self, wrapped: Callable[..., Any]) -> None:
        self.__wrapped__ = wrapped

    def __get__(self, instance: object, owner: type) -> Any:
        return self.__wrapped__.__get__(instance, owner)


INSTRUMENTED = [
    (AioBaseClient, "_make_api_call"),
    *((AioEndpoint, name) for name in ("make_request", "_send_request", "_get_response", "_do_get_response", "_send")),
    (AIOHTTPSession, "send"),
    *((ClientSession, name) for name in ("__init__", "request", "_request")),
]


@pytest.mark.parametrize("wrapper", [hook, pretends, Wrapped(AioBaseClient._make_api_call)])
@pytest.mark.parametrize("owner", INSTRUMENTED, ids=lambda owner: f"{owner[0].__name__}.{owner[1]}")
async def test_instrumented_calls_are_left_to_the_sdk(
    owner: tuple[type, str], wrapper: object, aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    aws_environ.setattr(*owner, wrapper)
    assert await why_not(caplog) == "calls of the SDK are instrumented"


COVERED = ("opentelemetry", "sentry_sdk")


@pytest.fixture
def covering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loafer.adapters.aws.lean.covered._COVERED", set(COVERED))


def of_a_tracer(package: str) -> Callable[..., Any]:
    """Return a function as it is in a module of a tracing library."""
    namespace: dict[str, Any] = {"__name__": f"{package}.integrations.boto3"}
    exec("def wrapper(wrapped, instance, args, kwargs):\n    return wrapped(*args, **kwargs)\n", namespace)
    made: Callable[..., Any] = namespace["wrapper"]
    return made


@pytest.mark.usefixtures("covering")
@pytest.mark.parametrize("package", COVERED)
@pytest.mark.parametrize("owner", INSTRUMENTED, ids=lambda owner: f"{owner[0].__name__}.{owner[1]}")
async def test_what_an_observer_tells_a_tracing_library_needs_no_instrumented_calls(
    owner: tuple[type, str], package: str, aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    aws_environ.setattr(*owner, wrapt.FunctionWrapper(getattr(*owner), of_a_tracer(package)))
    assert await why_not(caplog) == ""


@pytest.mark.usefixtures("covering")
async def test_a_hook_of_a_library_that_an_observer_tells_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    shared_session().register("before-send.sqs", functools.partial(of_a_tracer("sentry_sdk"), a=1))
    assert await why_not(caplog) == ""


@pytest.mark.parametrize("owner", INSTRUMENTED, ids=lambda owner: f"{owner[0].__name__}.{owner[1]}")
async def test_calls_that_wrapt_has_wrapped_are_left_to_the_sdk(
    owner: tuple[type, str], aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    aws_environ.setattr(*owner, wrapt.FunctionWrapper(getattr(*owner), of_a_tracer("opentelemetry")))
    assert await why_not(caplog) == "calls of the SDK are instrumented"


@pytest.mark.usefixtures("covering")
async def test_a_wrapper_of_another_library_below_one_that_is_told_is_left_to_the_sdk(
    aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    inner = wrapt.FunctionWrapper(AIOHTTPSession.send, of_a_tracer("ddtrace"))
    aws_environ.setattr(AIOHTTPSession, "send", wrapt.FunctionWrapper(inner, of_a_tracer("opentelemetry")))
    assert await why_not(caplog) == "calls of the SDK are instrumented"


async def test_a_method_that_was_put_on_the_client_is_left_to_the_sdk(caplog: pytest.LogCaptureFixture) -> None:
    def add(class_attributes: dict[str, Any], **_: object) -> None:
        class_attributes["receive_message"] = hook

    shared_session().register("creating-client-class.sqs", add)
    assert await why_not(caplog) == "calls of the SDK are instrumented"


async def test_hooks_that_the_sdk_does_not_show_are_left_to_it() -> None:
    with pytest.raises(Unusual, match="the SDK does not show its event hooks"):
        list(module._handlers(object()))
