"""Endpoints that speak the real protocol: started when a test first asks for them, stopped at the end."""

from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
from dlq_letters import Dlq
from endpoints import CREDENTIALS, OTHER_AWS_NAMES, FastSQS, lean_sqs, ministack, moto
from strict.strict_control import StrictEndpoint, strict_sqs
from transports import TRANSPORTS

from loafer.adapters.aws.lean.plain import SDK, SWITCH
from loafer.entrypoints.cli import cli


@pytest.fixture(scope="session")
def ministack_url() -> Iterator[str]:
    with ministack() as url:
        yield url


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="session")
def lean_sqs_url() -> Iterator[str]:
    with lean_sqs() as url:
        yield url


@pytest.fixture
def aws_environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Made-up credentials and a region, and nothing of the machine's own AWS configuration."""
    for name in (*OTHER_AWS_NAMES, SWITCH):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, aws_environ: pytest.MonkeyPatch) -> str:
    """Each transport in turn for the frequent calls; see transports.py for how to be sure of it."""
    name: str = request.param
    aws_environ.setenv(SWITCH, name)
    return name


@pytest.fixture
def sdk_transport(aws_environ: pytest.MonkeyPatch) -> None:
    """The SDK for all calls, where the lean transport is the default."""
    aws_environ.setenv(SWITCH, SDK)


@pytest.fixture
def on_ministack(ministack_url: str, aws_environ: pytest.MonkeyPatch) -> str:
    """Ministack as the AWS endpoint of the environment."""
    aws_environ.setenv("AWS_ENDPOINT_URL", ministack_url)
    return ministack_url


@pytest.fixture
def on_moto(moto_url: str, aws_environ: pytest.MonkeyPatch) -> str:
    """Moto as the AWS endpoint of the environment."""
    aws_environ.setenv("AWS_ENDPOINT_URL", moto_url)
    return moto_url


@pytest.fixture(params=["ministack", "moto"])
def aws(request: pytest.FixtureRequest, aws_environ: pytest.MonkeyPatch) -> str:
    """Each emulator in turn as the AWS endpoint of the environment."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    aws_environ.setenv("AWS_ENDPOINT_URL", url)
    return url


@pytest.fixture
def fast_sqs(lean_sqs_url: str, aws_environ: pytest.MonkeyPatch) -> FastSQS:
    """The lean endpoint, empty and calm, as the AWS endpoint of the environment."""
    aws_environ.setenv("AWS_ENDPOINT_URL", lean_sqs_url)
    endpoint = FastSQS(lean_sqs_url)
    endpoint.reset()
    return endpoint


@pytest.fixture(scope="session")
def strict_endpoint() -> Iterator[StrictEndpoint]:
    with strict_sqs() as endpoint:
        yield endpoint


@pytest.fixture
def strict(strict_endpoint: StrictEndpoint, aws_environ: pytest.MonkeyPatch) -> StrictEndpoint:
    """The strict endpoint, empty and calm, as the AWS endpoint of the environment."""
    aws_environ.setenv("AWS_ENDPOINT_URL", strict_endpoint.url)
    strict_endpoint.reset()
    return strict_endpoint


@pytest.fixture
def dlq(tmp_path: Path, strict: StrictEndpoint, aws_environ: pytest.MonkeyPatch) -> Dlq:
    aws_environ.chdir(tmp_path)
    aws_environ.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    aws_environ.setattr("loafer.application.letters.browsing.WAIT", 0)  # this endpoint has one server alone

    def run(*arguments: str) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(cli, ["dlq", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run
