"""The lean transport sends a request where the SDK would, and trusts whom the SDK would."""

import ssl
from pathlib import Path
from typing import Any

import attrs
import pytest
from botocore.httpsession import get_cert_path
from lean_fakes import Environ, aws_environ, chosen, use_profile
from wire_requests import of_ours, of_the_sdk

from loafer.adapters.aws import mistakes
from loafer.adapters.aws.lean import choice as module

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")

REGIONS = ["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]
VARIABLES = {
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual-stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "FIPS and dual-stack": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "endpoint": {"AWS_ENDPOINT_URL": "http://localhost:4566"},
    "endpoint of SQS": {"AWS_ENDPOINT_URL_SQS": "http://sqs.test:9324", "AWS_ENDPOINT_URL": "http://localhost:4566"},
    "ignored": {"AWS_ENDPOINT_URL": "http://localhost:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "path": {"AWS_ENDPOINT_URL": "http://localhost:4566/a/b-c"},
    "path with a slash": {"AWS_ENDPOINT_URL": "https://localhost/a/"},
    "slash": {"AWS_ENDPOINT_URL": "https://localhost/"},
    "IPv4": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9324"},
    "IPv6": {"AWS_ENDPOINT_URL": "http://[::1]:9324"},
    "IPv6 and no port": {"AWS_ENDPOINT_URL": "http://[::1]"},
    "port of http": {"AWS_ENDPOINT_URL": "http://localhost:80"},
    "port of https": {"AWS_ENDPOINT_URL": "https://localhost:443"},
    "port of the other": {"AWS_ENDPOINT_URL": "http://localhost:443"},
    "capitals": {"AWS_ENDPOINT_URL": "http://LocalHost:4566"},
    "session token": {"AWS_SESSION_TOKEN": "t/o+k=en"},
}
PROFILES = {
    "FIPS": "use_fips_endpoint = true",
    "dual-stack": "use_dualstack_endpoint = true",
    "region": "region = ap-southeast-2",
    "endpoint": "endpoint_url = http://localhost:4566",
    "endpoint of SQS": "services = local\n[services local]\nsqs =\n  endpoint_url = http://sqs.test:9324",
    "credentials": "aws_access_key_id = other\naws_secret_access_key = secret\naws_session_token = token",
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", ["ordinary", "FIPS", "dual-stack"])
async def test_a_request_goes_where_the_sdk_sends_it_in_every_region(
    region: str, kind: str, aws_environ: Environ
) -> None:
    aws_environ.setenv("AWS_DEFAULT_REGION", region)
    for name, value in VARIABLES.get(kind, {}).items():
        aws_environ.setenv(name, value)
    try:
        expected = await of_the_sdk()
    except Exception:  # noqa: BLE001 - some partitions have no such endpoint
        assert await chosen() is None
    else:
        assert await of_ours(aws_environ) == expected
        assert expected.scope == f"{region}/sqs/aws4_request"


@pytest.mark.parametrize("kind", VARIABLES)
async def test_a_request_goes_where_the_sdk_sends_it_by_the_environment(kind: str, aws_environ: Environ) -> None:
    for name, value in VARIABLES[kind].items():
        aws_environ.setenv(name, value)
    assert await of_ours(aws_environ) == await of_the_sdk()


@pytest.mark.parametrize("kind", PROFILES)
async def test_a_request_goes_where_the_sdk_sends_it_by_a_profile(
    kind: str, tmp_path: Path, aws_environ: Environ
) -> None:
    use_profile(PROFILES[kind], tmp_path, aws_environ)
    assert await of_ours(aws_environ) == await of_the_sdk()


async def test_the_region_of_the_source_counts(aws_environ: Environ) -> None:
    transport = await chosen(region="sa-east-1")
    assert transport is not None
    assert (transport.endpoint, transport.signer.region) == ("https://sqs.sa-east-1.amazonaws.com/", "sa-east-1")


@attrs.define(eq=False)
class Context:
    """Notes which certificates are loaded."""

    files: list[Any] = attrs.field(factory=list)
    check_hostname: bool = False
    verify_mode: ssl.VerifyMode = ssl.CERT_REQUIRED

    def load_verify_locations(self, file: Any) -> None:
        self.files.append(file)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"AWS_CA_BUNDLE": "ours.pem"}, "ours.pem"),
        ({"REQUESTS_CA_BUNDLE": "theirs.pem"}, "theirs.pem"),
        ({"AWS_CA_BUNDLE": "ours.pem", "REQUESTS_CA_BUNDLE": "theirs.pem"}, "ours.pem"),
    ],
    ids=["none", "AWS", "requests", "both"],
)
async def test_the_certificates_are_those_of_the_sdk(
    variables: dict[str, str], expected: str | None, aws_environ: Environ
) -> None:
    context = Context()
    aws_environ.setattr(module, "create_urllib3_context", lambda: context)
    aws_environ.setattr(mistakes, "_read_certificates", lambda _: None)
    for name, value in variables.items():
        aws_environ.setenv(name, value)
    module._tls.cache_clear()
    transport = await chosen()
    module._tls.cache_clear()
    assert transport is not None
    assert transport.http.tls is context  # type: ignore[comparison-overlap]
    assert context.files == [expected or get_cert_path(True)]
    assert context.check_hostname


async def test_an_endpoint_without_tls_needs_no_certificates(aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", "http://localhost")
    transport = await chosen()
    assert transport is not None
    assert transport.http.tls is None


async def test_the_certificates_of_the_sdk_are_checked() -> None:
    transport = await chosen()
    assert transport is not None
    tls = transport.http.tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
