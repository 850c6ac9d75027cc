"""Credentials that would make headers are refused in a sentence, and endpoints without encryption are told once."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials
from lean_fakes import Environ, aws_environ, use_profile

from loafer.adapters.aws import safety as module
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.lean.signature import Signer
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.adapters.aws.safety import UnusableCredentials, check_credentials, warn_if_unencrypted
from loafer.adapters.aws.session import create_client, settling
from loafer.exceptions import ConsumerError, PublisherError

__all__ = ["aws_environ"]

SENTENCE = r"^queue 'orders': the AWS secret access key \(from env\) holds a line break, U\+000A: set it again"
EVIL = ["\n", "\r\nX-Evil: 1", "\x00", "\x1b[2J", "\x7f", "é", "\udcff"]


@pytest.fixture(autouse=True)
def nothing_was_told() -> None:
    warn_if_unencrypted.cache_clear()


def credentials(**parts: str) -> AioCredentials:
    return AioCredentials(**{"access_key": "id", "secret_key": "secret", "token": "token", "method": "env", **parts})


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("part", ["access_key", "secret_key", "token"])
def test_credentials_that_would_break_headers_sign_nothing(part: str, evil: str) -> None:
    broken = credentials(**{part: f"TOPSECRET{evil}"})
    signer = Signer("host", "/", "eu-west-1", "test")
    signer.head("AmazonSQS.ReceiveMessage", b"{}", credentials(), 0)
    with pytest.raises(UnusableCredentials) as caught:
        signer.head("AmazonSQS.ReceiveMessage", b"{}", broken, 0)
    assert "TOPSECRET" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_credentials_may_lack_a_token_and_an_origin() -> None:
    check_credentials(None)
    check_credentials(SimpleNamespace(access_key="id", secret_key="a/+=b", token=None))


@pytest.mark.parametrize("make", [SQSConsumer, SQSPublisher])
async def test_credentials_of_the_environment_are_refused_in_a_sentence(make: Any, aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_SECRET_ACCESS_KEY", "TOPSECRET\n")
    with pytest.raises((ConsumerError, PublisherError), match=SENTENCE) as caught:
        await make("orders").open()
    assert "TOPSECRET" not in str(caught.value)


async def test_a_publisher_to_a_topic_refuses_them_too(aws_environ: Environ) -> None:
    aws_environ.setenv("AWS_SESSION_TOKEN", "a\r\nb")
    with pytest.raises(PublisherError, match="the AWS session token"):
        await SNSPublisher("arn:aws:sns:eu-west-1:1:news").open()


async def test_credentials_of_a_profile_are_refused_in_a_sentence(aws_environ: Environ, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_environ.delenv(name)
    use_profile("aws_access_key_id = a\naws_secret_access_key = b\n  c", tmp_path, aws_environ)
    with pytest.raises(ConsumerError, match=r"secret access key \(from config-file\) holds a line break"):
        await SQSConsumer("orders").open()


async def test_an_endpoint_without_encryption_is_told_once(aws_environ: Environ, caplog: Any) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", "http://me:TOPSECRET@sqs.internal:9324/TOPSECRET")
    for service in ("sqs", "sns", "sqs"):
        async with create_client(service, None, settling()):
            pass
    [record] = [record for record in caplog.records if record.name == module.__name__]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("http://sqs.internal is not encrypted")
    assert "TOPSECRET" not in caplog.text


@pytest.mark.parametrize(
    ("endpoint", "warnings"),
    [
        ("http://localhost:4566", 0),
        ("http://queues.localhost", 0),
        ("http://127.0.0.1:9324", 0),
        ("http://127.9.9.9", 0),
        ("http://[::1]:4566", 0),
        ("https://sqs.eu-west-1.amazonaws.com", 0),
        ("http://sqs.eu-west-1.amazonaws.com", 1),
        ("http://10.0.0.1", 1),
        ("http://localhost.example", 1),
        ("http://[fe80::1]", 1),
        ("http://localstack:4566", 1),
    ],
)
def test_only_what_goes_over_a_network_unencrypted_is_told(endpoint: str, warnings: int, caplog: Any) -> None:
    warn_if_unencrypted(endpoint)
    assert len(caplog.records) == warnings
