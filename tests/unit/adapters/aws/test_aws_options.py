"""Sources and consumer options are checked where a consumer is created."""

from typing import Any

import pytest

from loafer.adapters.aws.address import queue_address, topic_address
from loafer.adapters.aws.options import receive_options
from loafer.aws.consumer import Consumer
from loafer.exceptions import ConfigurationError


def test_the_documented_defaults() -> None:
    consumer = Consumer("orders", {})
    assert (consumer.wait_time, consumer.batch_size) == (5, 5)


def test_options_are_taken() -> None:
    options = receive_options({"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60})
    assert (options.wait_time, options.batch_size, options.visibility_timeout) == (0, 10, 60)


def test_names_that_are_asked_for_are_added_to_those_that_are_needed() -> None:
    parameters = receive_options({"MessageSystemAttributeNames": ["SenderId", "SentTimestamp"]}).parameters
    assert "SenderId" in parameters["MessageSystemAttributeNames"]
    assert "MessageGroupId" in parameters["MessageSystemAttributeNames"]
    assert parameters["MessageAttributeNames"] == ["All"]


@pytest.mark.parametrize(
    "options",
    [
        {"WaitTimeSeconds": 21},
        {"WaitTimeSeconds": -1},
        {"WaitTimeSeconds": "5"},
        {"MaxNumberOfMessages": 0},
        {"MaxNumberOfMessages": 11},
        {"MaxNumberOfMessages": True},
        {"VisibilityTimeout": 0},
        {"VisibilityTimeout": 43_201},
        {"VisibilityTimeout": 1.5},
        {"MessageAttributeNames": "All"},
        {"QueueUrl": "https://elsewhere/1/other"},
        {"ReceiveRequestAttemptId": "once"},
        {1: 2},
    ],
    ids=str,
)
def test_a_wrong_option_is_a_configuration_error(options: dict[Any, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"consumer option {next(iter(options))}"):
        Consumer("orders", options)


def test_every_mistake_is_named_on_a_line_of_its_own() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Consumer("orders", {"WaitTimeSecond": 5, "MaxNumberOfMessages": 50})
    unknown, outside = str(caught.value).splitlines()
    assert unknown == "consumer option WaitTimeSecond: unknown; the nearest known one is WaitTimeSeconds"
    assert outside == "consumer option MaxNumberOfMessages: 50 is not a whole number from 1 to 10"


@pytest.mark.parametrize("source", ["", "two words", "arn:aws:sns:eu-west-1:1:topic", "https://host", "ftp://a/1/b"])
def test_a_source_that_is_no_queue_is_a_configuration_error(source: str) -> None:
    with pytest.raises(ConfigurationError, match="source: "):
        Consumer(source)


def test_an_arn_says_name_region_and_account() -> None:
    address = queue_address("arn:aws-cn:sqs:cn-north-1:123456789012:orders.fifo")
    assert (address.name, address.region, address.account) == ("orders.fifo", "cn-north-1", "123456789012")
    assert address.ordered


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("us-gov-west-1.queue.amazonaws.com", "us-gov-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a.sqs.ap-southeast-2.vpce.amazonaws.com", "ap-southeast-2"),
        ("sqs.eu-west-1.api.aws", "eu-west-1"),
        ("queue.amazonaws.com", None),
        ("sqs.eu-west-1.example.com", None),
        ("localhost:4566", None),
    ],
)
def test_a_url_says_the_region_where_its_host_is_of_amazon(host: str, region: str | None) -> None:
    address = queue_address(f"https://{host}/123456789012/orders")
    assert (address.name, address.region, address.ordered) == ("orders", region, False)


@pytest.mark.parametrize("topic", ["news", "arn:aws:sns:eu-west-1:123456789012:news"])
def test_a_topic_is_a_name_or_an_arn(topic: str) -> None:
    assert topic_address(topic).name == "news"


@pytest.mark.parametrize("topic", ["", "https://host/1/news", "arn:aws:sqs:eu-west-1:1:news"])
def test_anything_else_is_no_topic(topic: str) -> None:
    with pytest.raises(ValueError, match="a topic name or a topic ARN"):
        topic_address(topic)
