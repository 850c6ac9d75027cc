"""Which transport carries the calls, and why: reasons for the SDK in its configuration, and the log's line."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.credentials import Credentials
from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies
from lean_fakes import Environ, aws_environ, chosen, use_profile, why_not

from loafer.adapters.aws import credentials
from loafer.adapters.aws.credentials import Known
from loafer.adapters.aws.lean import choice as module
from loafer.adapters.aws.lean.choice import enter_lean_transport
from loafer.adapters.aws.lean.plain import SDK, SWITCH
from loafer.adapters.aws.session import create_client, settling

__all__ = ["aws_environ"]

ENDPOINT = "https://sqs.eu-west-1.amazonaws.com/"

pytestmark = pytest.mark.usefixtures("aws_environ")


async def test_the_log_says_which_endpoint_the_lean_transport_calls(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    assert await chosen() is not None
    assert caplog.messages[-1] == (
        "queue 'orders': frequent calls go over the lean transport to https://sqs.eu-west-1.amazonaws.com/"
    )


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
        {"NO_PROXY": "localhost"},
        {"HTTP_PROXY": "http://proxy:3128"},
        {"FTP_PROXY": "http://proxy:3128"},
        {"ALL_PROXY": "http://proxy:3128"},
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
    assert ProxyConfiguration(get_environ_proxies(ENDPOINT)).proxy_url_for(ENDPOINT) is None  # nor is it to the SDK


async def test_an_unknown_transport_is_a_warning_and_taken_as_lean(
    aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    aws_environ.setenv(SWITCH, "aiobotocor")
    assert await chosen() is not None
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning == f"{SWITCH}='aiobotocor': unknown, and taken as lean; give lean or aiobotocore"


@pytest.mark.parametrize(("asked", "lean"), [("lean", True), (SDK, False), (None, False)])
async def test_what_is_asked_for_goes_before_the_environment(
    asked: str | None, lean: bool, aws_environ: Environ
) -> None:
    aws_environ.setenv(SWITCH, SDK)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(create_client("sqs", None, settling()))
        assert (await enter_lean_transport(stack, client, "queue 'orders'", 1, asked) is not None) is lean


@pytest.mark.parametrize("named", ["billing", "a b\r\nX: y", "é#1", ""])
async def test_the_user_agent_names_the_application_as_the_sdk_does(named: str, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_SDK_UA_APP_ID", named)
    async with create_client("sqs", None, settling()) as client:
        words = client._user_agent_creator.to_string().split(" ")
    transport = await chosen()
    assert transport is not None
    assert [word for word in transport.signer.user_agent.split(" ") if word.startswith("app/")] == [
        word for word in words if word.startswith("app/")
    ]
    assert transport.signer.user_agent.isprintable()


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


async def test_credentials_are_asked_for_at_every_call(aws_environ: Environ) -> None:
    transport = await chosen()
    assert transport is not None
    assert (await transport.credentials()).token is None
    [pool] = credentials._pools.values()
    pool.newest = Known(Credentials("id", "secret", "new").get_frozen_credentials(), None)
    assert (await transport.credentials()).token == "new"


async def test_the_transport_has_connections_for_polls_and_settlements() -> None:
    transport = await chosen()
    assert transport is not None
    assert transport.http.limit == 51
