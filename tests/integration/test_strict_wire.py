"""The strict endpoint over the wire: as the SDK sees it, and its faults."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from endpoints import CREDENTIALS
from strict.strict_control import StrictEndpoint


@pytest.fixture
def sqs(strict: StrictEndpoint) -> Iterator[Any]:
    """The SDK's own client, which retries nothing."""
    from botocore.config import Config

    client = get_session().create_client(
        "sqs", endpoint_url=strict.url, config=Config(retries={"total_max_attempts": 1}, read_timeout=30)
    )
    yield client
    client.close()


def code_of(error: "pytest.ExceptionInfo[ClientError]") -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_message_goes_through_with_its_attributes(strict: StrictEndpoint, sqs: Any) -> None:
    attributes = {"FifoQueue": "true", "VisibilityTimeout": "7"}
    url = sqs.create_queue(QueueName="orders.fifo", Attributes=attributes)["QueueUrl"]
    assert sqs.get_queue_url(QueueName="orders.fifo")["QueueUrl"] == url
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="ä",
        MessageGroupId="g",
        MessageDeduplicationId="d",
        MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}},
    )
    assert (
        sqs.send_message(QueueUrl=url, MessageBody="b", MessageGroupId="g", MessageDeduplicationId="d")["MessageId"]
        == sent["MessageId"]
    )
    names = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    [message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **names)["Messages"]
    assert (message["Body"], message["MessageAttributes"]["k"]["StringValue"]) == ("ä", "v")
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["VisibilityTimeout"], attributes["ApproximateNumberOfMessagesNotVisible"]) == ("7", "1")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert [event.what for event in strict.history("orders.fifo")] == ["sent", "repeated", "received", "deleted"]
    [received] = strict.history("orders.fifo", "received")
    assert (received.id, received.worker, received.receives) == (sent["MessageId"], CREDENTIALS["AWS_ACCESS_KEY_ID"], 1)


def test_errors_have_the_codes_of_sqs(strict: StrictEndpoint, sqs: Any) -> None:
    with pytest.raises(ClientError) as error:
        sqs.get_queue_url(QueueName="missing")
    assert code_of(error) == "AWS.SimpleQueueService.NonExistentQueue"
    url = strict.url + "/000000000000/" + strict.create("orders", VisibilityTimeout=0)
    strict.numbers("orders", 1)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    with pytest.raises(ClientError) as error:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=1)
    assert code_of(error) == "AWS.SimpleQueueService.MessageNotInflight"
    entries = [{"Id": "a", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 1}]
    [failed] = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)["Failed"]
    assert (failed["Code"], failed["SenderFault"]) == ("AWS.SimpleQueueService.MessageNotInflight", True)
    strict.lost_leases_are("InvalidParameterValueException")
    [failed] = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)["Failed"]
    assert (failed["Code"], failed["SenderFault"]) == ("InvalidParameterValueException", False)
    with pytest.raises(ClientError) as error:
        sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": "x"}] * 2)
    assert code_of(error) == "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"


def test_a_long_poll_wakes_for_a_message_and_ends_without_one(strict: StrictEndpoint, sqs: Any) -> None:
    url = strict.url + "/000000000000/" + strict.create("orders")
    start = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - start < 3
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=10)
        time.sleep(0.2)
        strict.numbers("orders", 1)
        assert poll.result(5)["Messages"]


def test_a_poll_whose_caller_is_gone_still_takes_a_message(strict: StrictEndpoint) -> None:
    import socket
    from urllib.parse import urlsplit

    strict.create("orders")
    body = b'{"QueueUrl": "/orders", "WaitTimeSeconds": 10}'
    where = urlsplit(strict.url)
    with socket.create_connection((where.hostname, where.port)) as poll:
        head = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {len(body)}\r\n\r\n"
        poll.sendall(head.encode() + body)
        time.sleep(0.2)
    time.sleep(0.1)
    strict.numbers("orders", 1)
    [received] = strict.history("orders", "received")
    assert received.detail == "unanswered"


def test_faults_are_by_operation_and_end(strict: StrictEndpoint, sqs: Any) -> None:
    url = strict.url + "/000000000000/" + strict.create("orders")
    lag = {"before": 0.001, "after": 0.001}
    strict.faults({"ReceiveMessage": {"denied": True}, "SendMessage": {"throttled": 1}, "*": lag})
    with pytest.raises(ClientError) as error:
        sqs.receive_message(QueueUrl=url)
    assert code_of(error) == "AccessDenied"
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="a")
    assert code_of(error) == "RequestThrottled"
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    strict.faults({"ReceiveMessage": {"uncoded": "proxy", "times": 1}})
    with pytest.raises(ClientError):
        sqs.receive_message(QueueUrl=url)
    sqs.receive_message(QueueUrl=url)
    assert strict.calls("ReceiveMessage") == strict.calls("ReceiveMessage", CREDENTIALS["AWS_ACCESS_KEY_ID"]) == 3


def test_an_answer_that_is_lost_was_applied_and_an_entry_that_fails_was_not(strict: StrictEndpoint, sqs: Any) -> None:
    url = strict.url + "/000000000000/" + strict.create("orders")
    strict.faults({"SendMessage": {"lost": 1}, "SendMessageBatch": {"failed": 1}})
    with pytest.raises(Exception, match="Connection was closed"):
        sqs.send_message(QueueUrl=url, MessageBody="a")
    [failed] = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "b"}])["Failed"]
    assert failed["SenderFault"] is False
    assert [event.detail for event in strict.history("orders", "sent")] == ["a"]
