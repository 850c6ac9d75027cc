"""The plain way is not taken where somebody watches the SDK, and trusts whom the SDK would."""

import ssl
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.httpsession import create_urllib3_context, get_cert_path
from lean_fakes import Environ, aws_environ
from test_lean_hooks import EVENTS, HOOKS, INSTRUMENTED, hook, pretends
from wire_requests import plainly

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.lean import plain
from loafer.adapters.aws.session import shared_session

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")


@pytest.mark.parametrize("wrapper", [hook, pretends])
@pytest.mark.parametrize(
    "owner",
    [*INSTRUMENTED, (AioSession, "__init__"), (AioSession, "create_client"), (AioSession, "register")],
    ids=lambda owner: f"{owner[0].__name__}.{owner[1]}",
)
async def test_instrumented_calls_are_the_sdks_business(
    owner: tuple[type, str], wrapper: object, aws_environ: Environ
) -> None:
    assert await plainly() is not None
    aws_environ.setattr(*owner, wrapper)
    assert await plainly() is None


@pytest.mark.parametrize("kind", HOOKS)
async def test_an_event_hook_of_this_threads_session_is_the_sdks_business(kind: str) -> None:
    shared_session().register("before-send.sqs", HOOKS[kind])
    assert await plainly() is None


@pytest.mark.parametrize("event", [*EVENTS, "before-call.sqs.GetQueueUrl", "before-call.sqs.SendMessage"])
async def test_a_hook_for_any_event_of_a_call_is_the_sdks_business(event: str) -> None:
    shared_session().register(event, hook)
    assert await plainly() is None


async def test_a_hook_for_other_calls_is_none_of_our_business() -> None:
    shared_session().register("before-call.sqs.CreateQueue", hook)
    assert await plainly() is not None


class Finder:
    """What a tracing library puts where modules are looked for, to wrap the SDK once it is imported."""

    def find_spec(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("finder", [Finder, Finder()], ids=["class", "object"])
async def test_whoever_waits_for_the_sdk_to_be_imported_gets_it(finder: Any, aws_environ: Environ) -> None:
    aws_environ.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert await plainly() is None


async def test_a_part_of_the_sdk_that_has_lost_its_names_is_not_looked_at(aws_environ: Environ) -> None:
    aws_environ.setitem(sys.modules, "aiohttp.client", ModuleType("aiohttp.client"))
    assert await plainly() is not None


async def test_tls_is_that_of_the_sdk() -> None:
    transport = await plainly()
    assert transport is not None
    ours, theirs = transport.http.tls, create_urllib3_context()
    assert ours is not None
    assert plain._certificates() == get_cert_path(True)
    assert (ours.verify_mode, ours.check_hostname) == (ssl.CERT_REQUIRED, True)
    for name in ("options", "minimum_version", "maximum_version", "verify_flags", "post_handshake_auth"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.get_ciphers() == theirs.get_ciphers()


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("endpoint", ["https://localhost", "http://localhost"])
async def test_certificates_that_are_named_are_read(name: str, endpoint: str, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", endpoint)
    aws_environ.setenv(name, plain._certificates())
    assert await plainly() is not None
    aws_environ.setenv(name, __file__)
    assert await plainly() is None
    aws_environ.setenv(name, "/nowhere")
    assert await plainly() is None


async def test_certificates_are_read_once_for_all_routes_before_the_loop_is_at_work(aws_environ: Environ) -> None:
    aws_environ.setattr(plain, "_contexts", {})
    aws_environ.setattr(plain, "_prepared", set())
    plain.prepare("eu-west-1", None, {})
    [context] = plain._contexts.values()
    aws_environ.setattr(plain, "aside", None)  # no thread is wanted
    one, other = await plainly(), await plainly()
    assert one is not None
    assert other is not None
    assert one.http.tls is other.http.tls is context


def test_routes_that_ask_alike_are_prepared_for_once(aws_environ: Environ) -> None:
    looked: list[object] = []
    found = plain._found

    def counted(*given: Any) -> Any:
        looked.append(given)
        return found(*given)

    aws_environ.setattr(plain, "_prepared", set())
    aws_environ.setattr(plain, "_found", counted)
    for number in range(3):
        SQSConsumer(f"orders-{number}")
    assert len(looked) == 1
    SQSConsumer("orders", region="us-east-1")
    SQSConsumer("orders", profile="other")
    assert len(looked) == 3


def test_the_certificates_of_the_sdk_are_taken_where_there_are_no_others(aws_environ: Environ) -> None:
    aws_environ.setitem(sys.modules, "certifi", None)
    assert plain._certificates().endswith("botocore/cacert.pem")


IMPORTED = """
import sys
import loafer.entrypoints.commands.run, loafer.entrypoints.worker.manager
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.aws.consumer import Consumer
Consumer("orders"), SQSPublisher("orders")
print({"aiobotocore", "aiohttp", "botocore.session", "botocore.parsers"} & sys.modules.keys())
"""


@pytest.mark.parametrize(("variables", "imported"), [({}, False), ({"AWS_RETRY_MODE": "standard"}, True)])
def test_what_a_worker_is_made_of_imports_the_sdk_when_it_is_made_or_never(
    variables: dict[str, str], imported: bool, aws_environ: Environ
) -> None:
    for name, value in variables.items():
        aws_environ.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True)
    assert (done.stdout.strip() != "set()") is imported
