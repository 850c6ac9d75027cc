"""What is found without the SDK is what the SDK finds; whatever it might find otherwise is its business."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader
from lean_fakes import Environ, aws_environ
from wire_requests import of_the_sdk, of_transport, plainly

from loafer.adapters.aws.lean.transport import LeanTransport
from loafer.adapters.aws.session import shared_session

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")


def regions_of(*partitions: str) -> list[str]:
    known = create_loader().load_data("partitions")["partitions"]
    return [region for each in known if each["id"] in partitions for region in each["regions"]]


TAKEN_OVER = [region for region in regions_of("aws", "aws-cn", "aws-us-gov") if not region.endswith("-global")]
OTHERS = regions_of("aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
PSEUDO = ["aws-global", "fips-us-east-1", "us-east-1-fips", "local", "elasticmq", "eu-west-1 ", "EU-WEST-1", "é"]


async def check(environ: Environ, **options: Any) -> LeanTransport:
    """Return the transport that needs no SDK, which sends what the SDK sends, signed with the same keys."""
    transport = await plainly(**options)
    assert transport is not None
    assert await of_transport(transport, environ) == await of_the_sdk(**options)
    theirs: Any = await shared_session(options.get("profile")).get_credentials()
    frozen, ours = await theirs.get_frozen_credentials(), await transport.credentials()
    assert (ours.access_key, ours.secret_key, ours.token) == (frozen.access_key, frozen.secret_key, frozen.token)
    return transport


@pytest.mark.parametrize("region", [*TAKEN_OVER, "eu-west-9", "me-future-12", "us-gov-north-1", "cn-south-4"])
async def test_in_every_region_a_request_is_that_of_the_sdk(region: str, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_DEFAULT_REGION", region)
    await check(aws_environ)


async def test_a_region_that_is_given_goes_before_the_environment(aws_environ: Environ) -> None:
    assert (await check(aws_environ, region="cn-north-1")).endpoint == "https://sqs.cn-north-1.amazonaws.com.cn/"


@pytest.mark.parametrize("region", [*OTHERS, *PSEUDO])
async def test_other_regions_are_the_sdks_business(region: str, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_DEFAULT_REGION", region)
    assert await plainly() is None


VARIABLES: list[dict[str, str]] = [
    {"AWS_ENDPOINT_URL": "http://localhost:4566"},
    {"AWS_ENDPOINT_URL": "http://localhost:4566/"},
    {"AWS_ENDPOINT_URL_SQS": "http://sqs.test:9324", "AWS_ENDPOINT_URL": "http://localhost:4566"},
    {"AWS_ENDPOINT_URL": "http://127.0.0.1:9324"},
    {"AWS_ENDPOINT_URL": "http://[::1]:9324"},
    {"AWS_ENDPOINT_URL": "http://[::1]"},
    {"AWS_ENDPOINT_URL": "http://localhost:80"},
    {"AWS_ENDPOINT_URL": "https://localhost:443"},
    {"AWS_ENDPOINT_URL": "http://localhost:443"},
    {"AWS_ENDPOINT_URL": "http://LocalHost:4566"},
    {"AWS_ENDPOINT_URL": "https://vpce-0a1.sqs.eu-west-1.vpce.amazonaws.com"},
    {"AWS_ENDPOINT_URL_S3": "http://localhost:1", "AWS_ENDPOINT_URL_SNS": "http://localhost:2"},
    {"AWS_SESSION_TOKEN": "t/o+k=en"},
    {"AWS_SESSION_TOKEN": ""},
    {"AWS_REGION": "sa-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"},
    {"AWS_ACCOUNT_ID": "123456789012", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"},
    {"NO_PROXY": "localhost", "HTTPS_PROXY": ""},
]


@pytest.mark.parametrize("variables", VARIABLES)
async def test_a_request_is_that_of_the_sdk_by_the_environment(variables: dict[str, str], aws_environ: Environ) -> None:
    for name, value in variables.items():
        aws_environ.setenv(name, value)
    await check(aws_environ)


async def test_an_endpoint_that_is_given_goes_before_the_environment(aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    transport = await check(aws_environ, region="us-east-2", endpoint="http://localhost:9324")
    assert transport.endpoint == "http://localhost:9324/"


KEYS = "aws_access_key_id = {0}\naws_secret_access_key = {0}s\n"
TOKEN = KEYS + "aws_session_token = {0}t\n"
FILES: dict[str, tuple[str, str, dict[str, str]]] = {
    "credentials": ("", "[default]\n" + KEYS.format("A"), {}),
    "credentials with a token": ("", "[default]\n" + TOKEN.format("A"), {}),
    "config": ("[default]\nregion = sa-east-1\noutput = json\n" + TOKEN.format("A"), "", {}),
    "both": ("[default]\n" + TOKEN.format("A"), "[default]\n" + KEYS.format("B"), {}),
    "profile": ("[profile p]\nregion = ca-central-1", "[p]\n" + KEYS.format("A"), {"AWS_PROFILE": "p"}),
    "older name": (
        "[profile p]\nregion = ca-central-1\n[profile q]\nregion = af-south-1",
        "[p]\n" + KEYS.format("A") + "[q]\n" + KEYS.format("B"),
        {"AWS_PROFILE": "p", "AWS_DEFAULT_PROFILE": "q"},
    ),
    "region in credentials": (
        "[default]\nregion = sa-east-1",
        "[default]\nregion = eu-north-1\n" + KEYS.format("A"),
        {},
    ),
    "quoted": ('[profile "a b"]\nregion = sa-east-1\n' + KEYS.format("A"), "", {"AWS_PROFILE": "a b"}),
    "others do not matter": (
        "[default]\nregion = sa-east-1\n[profile other]\nrole_arn = x\n[services s]\nsqs =\n  a = b",
        "[default]\n" + KEYS.format("A"),
        {},
    ),
    "variables go first": (
        "[default]\nregion = sa-east-1",
        "[default]\n" + KEYS.format("A"),
        {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "Es", "AWS_DEFAULT_REGION": "eu-west-3"},
    ),
    "variables and a profile": (
        "[profile p]\nregion = sa-east-1",
        "[p]\n" + KEYS.format("A"),
        {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "Es", "AWS_PROFILE": "p"},
    ),
}


def written(config: str, credentials: str, variables: Mapping[str, str], folder: Path, environ: Environ) -> None:
    """Leave nothing but these files and variables in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        environ.delenv(name)
    for name, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
        (folder / name).write_text(text, encoding="utf-8")
        environ.setenv(name, str(folder / name))
    for name, value in variables.items():
        environ.setenv(name, value)


@pytest.mark.parametrize("kind", FILES)
async def test_a_request_is_that_of_the_sdk_by_plain_files(kind: str, tmp_path: Path, aws_environ: Environ) -> None:
    written(*FILES[kind], tmp_path, aws_environ)
    await check(aws_environ, **({} if "region" in FILES[kind][0] + FILES[kind][1] else {"region": "eu-west-1"}))


@pytest.mark.parametrize("variables", [{}, {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "Es"}])
async def test_a_profile_that_is_given_goes_before_the_environments_keys(
    variables: dict[str, str], tmp_path: Path, aws_environ: Environ
) -> None:
    written("", "[p]\n" + KEYS.format("A"), variables, tmp_path, aws_environ)
    transport = await check(aws_environ, region="eu-west-1", profile="p")
    assert (await transport.credentials()).access_key == "A"
