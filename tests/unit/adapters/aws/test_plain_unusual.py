"""Whatever the SDK might find otherwise than the plain way does is its business, and the reason shows no secret."""

import os
import sys
from itertools import product
from pathlib import Path

import pytest
from lean_fakes import Environ, aws_environ
from wire_requests import plainly

from loafer.adapters.aws.lean import environment
from loafer.adapters.aws.lean.environment import found_in
from loafer.adapters.aws.lean.plain import SWITCH
from loafer.adapters.aws.lean.unusual import Unusual

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")

SETTINGS = {
    "role_arn": "arn:aws:iam::123456789012:role/r",
    "source_profile": "default",
    "credential_source": "Environment",
    "credential_process": "/bin/false",
    "sso_session": "s",
    "sso_account_id": "1",
    "web_identity_token_file": "/t",
    "login_session": "x",
    "endpoint_url": "http://localhost:1",
    "services": "s",
    "use_fips_endpoint": "true",
    "use_dualstack_endpoint": "true",
    "ca_bundle": "/x",
    "retry_mode": "standard",
    "max_attempts": "2",
    "sdk_ua_app_id": "me",
    "aws_security_token": "t",
    "aws_account_id": "1",
    "whatever_comes": "1",
}


@pytest.mark.parametrize(("key", "file"), list(product(SETTINGS, ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])))
async def test_a_profile_that_sets_more_is_the_sdks_business(
    key: str, file: str, tmp_path: Path, aws_environ: Environ
) -> None:
    (tmp_path / "file").write_text(f"[default]\n{key} = {SETTINGS[key]}\n")
    aws_environ.setenv(file, str(tmp_path / "file"))
    with pytest.raises(Unusual, match=f"^the profile 'default' sets {key}$"):
        found_in(os.environ)
    assert await plainly() is None


UNUSUAL: dict[str, dict[str, str]] = {
    "AWS_USE_FIPS_ENDPOINT is set": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "AWS_USE_DUALSTACK_ENDPOINT is set": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "AWS_ROLE_ARN is set": {"AWS_ROLE_ARN": "arn"},
    "AWS_WEB_IDENTITY_TOKEN_FILE is set": {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"},
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"},
    "AWS_CREDENTIAL_EXPIRATION is set": {"AWS_CREDENTIAL_EXPIRATION": "2030-01-01T00:00:00Z"},
    "AWS_SECURITY_TOKEN is set": {"AWS_SECURITY_TOKEN": "t"},
    "AWS_RETRY_MODE is set": {"AWS_RETRY_MODE": "standard"},
    "AWS_SDK_UA_APP_ID is set": {"AWS_SDK_UA_APP_ID": "me"},
    "AWS_DATA_PATH is set": {"AWS_DATA_PATH": "/d"},
    "AWS_WHATEVER_COMES is set": {"AWS_WHATEVER_COMES": "1"},
    "BOTOCORE_TCP_KEEPALIVE is set": {"BOTOCORE_TCP_KEEPALIVE": "true"},
    "SSLKEYLOGFILE is set": {"SSLKEYLOGFILE": "/k"},
    "AWS_ENDPOINT_URL is empty": {"AWS_ENDPOINT_URL": ""},
    "AWS_DEFAULT_REGION is empty": {"AWS_DEFAULT_REGION": ""},
    "AWS_PROFILE is empty": {"AWS_PROFILE": ""},
    "there is no profile 'p'": {"AWS_PROFILE": "p"},
    "a proxy is set": {"HTTPS_PROXY": "http://proxy:1"},
    "credentials are incomplete": {"AWS_SECRET_ACCESS_KEY": ""},
    "credentials are unusable": {"AWS_SECRET_ACCESS_KEY": "secret\n"},
    "no credentials stand in the environment or in a profile": {"AWS_ACCESS_KEY_ID": ""},
}
URLS = [
    "localhost:4566",
    "ftp://localhost",
    "http://",
    "http://me:TOPSECRET@localhost",
    "http://localhost/a",
    "http://localhost/?a=b",
    "http://localhost/#a",
    "http://localhost:0",
    "http://localhost:65536",
    "http://local_host",
    "http://[:::1:::]",
    "http://[1.2.3.4]",
    "http://-a",
    "http://localhost ",
    "http://localhost\n",
    "http://é",
]


@pytest.mark.parametrize("reason", UNUSUAL)
async def test_what_is_unusual_is_the_sdks_business(reason: str, aws_environ: Environ) -> None:
    for name, value in UNUSUAL[reason].items():
        aws_environ.setenv(name, value)
    with pytest.raises(Unusual) as caught:
        found_in(os.environ)
    assert str(caught.value) == reason
    assert await plainly() is None


@pytest.mark.parametrize("url", URLS)
async def test_an_endpoint_that_is_no_plain_url_is_the_sdks_business(url: str, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(Unusual, match=r"^the endpoint is no plain URL$"):
        found_in(os.environ)
    assert await plainly() is None


@pytest.mark.parametrize("text", ["no section", "[default\n", b"[default]\nregion = \xff", "[default]\na =\n  b"])
async def test_a_file_that_the_sdk_cannot_parse_is_its_business(
    text: str | bytes, tmp_path: Path, aws_environ: Environ
) -> None:
    (tmp_path / "file").write_bytes(text if isinstance(text, bytes) else text.encode())
    aws_environ.setenv("AWS_CONFIG_FILE", str(tmp_path / "file"))
    with pytest.raises(Unusual, match="cannot be read"):
        found_in(os.environ)


async def test_models_of_ones_own_are_the_sdks_business(tmp_path: Path, aws_environ: Environ) -> None:
    aws_environ.setattr(environment, "_MODELS", str(tmp_path))
    assert await plainly() is None


@pytest.mark.parametrize("platform", ["darwin", "win32"])
async def test_where_the_system_has_proxies_it_is_asked(platform: str, aws_environ: Environ) -> None:
    aws_environ.setattr(sys, "platform", platform)
    aws_environ.setenv("HTTPS_PROXY", "http://proxy:1")
    with pytest.raises(Unusual, match="a proxy is set"):
        found_in(os.environ)


@pytest.mark.parametrize(("switch", "asked"), [("aiobotocore", None), ("lean", "aiobotocore"), ("?", None)])
async def test_whoever_asks_for_the_sdk_gets_it(switch: str, asked: str | None, aws_environ: Environ) -> None:
    aws_environ.setenv(SWITCH, switch)
    assert await plainly(asked=asked) is None


def test_neither_what_is_found_nor_a_reason_shows_a_secret(aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_SECRET_ACCESS_KEY", "TOPSECRET")
    aws_environ.setenv("AWS_SESSION_TOKEN", "TOPSECRET")
    assert "TOPSECRET" not in repr(found_in(os.environ))
