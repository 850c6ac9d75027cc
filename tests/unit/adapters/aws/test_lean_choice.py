"""Which transport carries the calls, and why: each reason for the SDK, and the log's line."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.endpoint import AioEndpoint
from botocore import UNSIGNED
from lean_fakes import Environ, aws_environ, chosen, use_profile

from loafer.adapters.aws.lean import choice as module
from loafer.adapters.aws.lean.choice import SWITCH, Unusual
from loafer.adapters.aws.session import shared_session

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")


async def test_the_log_says_which_endpoint_the_lean_transport_calls(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    assert await chosen() is not None
    assert caplog.messages[-1] == (
        "queue 'orders': frequent calls go over the lean transport to https://sqs.eu-west-1.amazonaws.com/"
    )


async def why_not(caplog: pytest.LogCaptureFixture, config: AioConfig | None = None) -> str:
    """Return why the lean transport is not taken, as the log says it; "" if it is."""
    caplog.set_level(logging.INFO, module.__name__)
    if await chosen(config) is not None:
        return ""
    [line] = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert "\n" not in line
    return line.removeprefix("queue 'orders': every call goes through aiobotocore: ")


REASONS = {
    "switch": ({SWITCH: " AioBotocore "}, f"{SWITCH} says so"),
    "proxy": ({"HTTPS_PROXY": "http://u:TOPSECRET@proxy:3128"}, "a proxy is set"),
    "retry mode": ({"AWS_RETRY_MODE": "adaptive"}, "AWS_RETRY_MODE is set"),
    "attempts": ({"AWS_MAX_ATTEMPTS": "7"}, "AWS_MAX_ATTEMPTS is set"),
    "user": ({"AWS_ENDPOINT_URL": "http://me:TOPSECRET@localhost"}, "the endpoint is no plain URL"),
    "query": ({"AWS_ENDPOINT_URL": "http://localhost/?a=b"}, "the endpoint is no plain URL"),
    "fragment": ({"AWS_ENDPOINT_URL": "http://localhost/#a"}, "the endpoint is no plain URL"),
    "dots": ({"AWS_ENDPOINT_URL": "http://localhost/a/../b"}, "the endpoint is no plain URL"),
    "two slashes": ({"AWS_ENDPOINT_URL": "http://localhost/a//b"}, "the endpoint is no plain URL"),
    "escapes": ({"AWS_ENDPOINT_URL": "http://localhost/a%20b"}, "the endpoint is no plain URL"),
    "certificates": ({"AWS_CA_BUNDLE": "/nowhere.pem"}, "[Errno 2] No such file or directory"),
}


@pytest.mark.parametrize("kind", REASONS)
async def test_what_is_unusual_is_left_to_the_sdk(
    kind: str, aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    variables, reason = REASONS[kind]
    for name, value in variables.items():
        aws_environ.setenv(name, value)
    assert await why_not(caplog) == reason
    assert "TOPSECRET" not in caplog.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [("retry_mode = standard", "AWS_RETRY_MODE is set"), ("max_attempts = 2", "AWS_MAX_ATTEMPTS is set")],
)
async def test_a_profile_that_sets_retries_is_left_to_the_sdk(
    text: str, reason: str, tmp_path: Path, aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    use_profile(text, tmp_path, aws_environ)
    assert await why_not(caplog) == reason


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.amazonaws.com"},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"},
        {SWITCH: ""},
        {SWITCH: "lean"},
    ],
)
async def test_what_only_looks_unusual_is_not(
    variables: dict[str, str], aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in variables.items():
        aws_environ.setenv(name, value)
    assert await why_not(caplog) == ""


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"signature_version": UNSIGNED}, "the SDK signs in another way"),
        ({"proxies": {"https": "http://proxy:3128"}}, "the client's configuration sets proxies"),
        ({"client_cert": "cert.pem"}, "the client's configuration sets client_cert"),
        ({"tcp_keepalive": True}, "the client's configuration sets tcp_keepalive"),
        ({"user_agent_extra": "me"}, "the client's configuration sets user_agent_extra"),
    ],
)
async def test_an_unusual_configuration_is_left_to_the_sdk(
    config: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await why_not(caplog, AioConfig(**config)) == reason


async def test_no_credentials_are_left_to_the_sdk(aws_environ: Environ, caplog: pytest.LogCaptureFixture) -> None:
    aws_environ.delenv("AWS_ACCESS_KEY_ID")
    aws_environ.delenv("AWS_SECRET_ACCESS_KEY")
    assert "credentials" in (await why_not(caplog)).lower()


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


@pytest.mark.parametrize("wrapper", [hook, pretends, Wrapped(AioBaseClient._make_api_call)])
@pytest.mark.parametrize(
    "owner", [(AioBaseClient, "_make_api_call"), (AioEndpoint, "make_request")], ids=lambda o: o[1]
)
async def test_instrumented_calls_are_left_to_the_sdk(
    owner: tuple[type, str], wrapper: object, aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    aws_environ.setattr(*owner, wrapper)
    assert await why_not(caplog) == "calls of the SDK are instrumented"


async def test_a_method_that_was_put_on_the_client_is_left_to_the_sdk(caplog: pytest.LogCaptureFixture) -> None:
    def add(class_attributes: dict[str, Any], **_: object) -> None:
        class_attributes["receive_message"] = hook

    shared_session().register("creating-client-class.sqs", add)
    assert await why_not(caplog) == "calls of the SDK are instrumented"


async def test_hooks_that_the_sdk_does_not_show_are_left_to_it() -> None:
    client = SimpleNamespace(meta=SimpleNamespace(events=object()))
    with pytest.raises(Unusual, match="the SDK does not show its event hooks"):
        list(module._handlers(client))


async def test_credentials_are_asked_for_at_every_call(aws_environ: Environ) -> None:
    transport = await chosen()
    assert transport is not None
    found = await shared_session().get_credentials()
    assert found is not None
    assert (await transport.credentials()).token is None
    found.token = "new"
    assert (await transport.credentials()).token == "new"


async def test_the_transport_has_connections_for_polls_and_settlements() -> None:
    transport = await chosen()
    assert transport is not None
    assert transport.http.limit == 51
