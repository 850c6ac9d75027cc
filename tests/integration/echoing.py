"""An endpoint of SQS, SNS, STS and CloudWatch: it refuses calls with one code after another, and repeats what was sent.

SQS does so where a signature is wrong; this one does it with every code.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import attrs
from hostile import answer, read_request

Refusal: TypeAlias = tuple[str, str]
"""The operation that is refused, and the code with which: a name, or a status without a name."""

BODY = '{"name": "Ada of TOPSECRET", "card": 4111111111111111}'
"""What the endpoint's messages hold."""

_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")
_XML = {
    "Publish": "<MessageId>1</MessageId>",
    "ListTopics": "<Topics><member><TopicArn>arn:aws:sns:eu-west-1:1:news</TopicArn></member></Topics>",
    "AssumeRole": "<Credentials><AccessKeyId>{0}</AccessKeyId><SecretAccessKey>{1}</SecretAccessKey>"
    "<SessionToken>{2}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>",
}


@attrs.define(eq=False)
class EchoingEndpoint:
    """Refuses what it is told to, in order, and answers everything else as the services do.

    Attributes:
        refusals: What is still to be refused. Once nothing is, every call is, for good.
        secrets: What the credentials of a role are.
        signatures: Those of the requests.

    """

    refusals: list[Refusal]
    secrets: tuple[str, str, str]
    url: str = ""
    signatures: set[str] = attrs.field(factory=set)
    received: int = 0
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    @property
    def finished(self) -> bool:
        return not self.refusals

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (request := read_request(connection)) is not None:
                    with self.lock:
                        made = self.answer(request.decode())
                    connection.sendall(made)
            except OSError:
                pass

    def answer(self, request: str) -> bytes:
        head, _, body = request.partition("\r\n\r\n")
        self.signatures.update(_SIGNATURE.findall(head))
        target = re.search(r"X-Amz-Target: \w+\.(\w+)", head, re.IGNORECASE)
        if target is not None:
            code = self._code_for(target[1])
            return _json_refusal(code, _echo(head, body)) if code else self._json(target[1], json.loads(body or "{}"))
        operation = parse_qs(body).get("Action", [""])[0]
        code = self._code_for(operation)
        return _xml_refusal(code, _echo(head, body)) if code else self._xml(operation)

    def _code_for(self, operation: str) -> str:
        """Return the code with which a call is refused; "" for none."""
        if not self.refusals:
            return "AWS.SimpleQueueService.NonExistentQueue" if operation.startswith(("Get", "Receive")) else "NotFound"
        refused, code = self.refusals[0]
        if operation == refused:
            self.refusals.pop(0)
            return code
        # What is to be refused is not called any more once the worker receives: it has to begin again.
        stuck = operation == "ReceiveMessage" and refused in {"GetQueueUrl", "GetQueueAttributes", "AssumeRole"}
        return "QueueDoesNotExist" if stuck else ""

    def _json(self, operation: str, request: dict[str, Any]) -> bytes:
        match operation:
            case "GetQueueUrl":
                made: dict[str, Any] = {"QueueUrl": f"{self.url}/1/{request.get('QueueName', 'orders')}"}
            case "GetQueueAttributes":
                arn = f"arn:aws:sqs:eu-west-1:1:{str(request.get('QueueUrl')).rpartition('/')[2]}"
                made = {"Attributes": {"VisibilityTimeout": "30", "QueueArn": arn}}
            case "ReceiveMessage" if self.received and str(request.get("QueueUrl")).endswith("/dead"):
                self.received, made = 0, {}  # whoever looks through a queue comes to its end
            case "ReceiveMessage":
                self.received += 1
                made = {"Messages": [{"MessageId": f"m{self.received}", "ReceiptHandle": "r", "Body": BODY}]}
            case "ListQueues":
                made = {"QueueUrls": [f"{self.url}/1/orders"]}
            case "SendMessage":
                made = {"MessageId": "1"}
            case _:
                made = {"Successful": [{"Id": entry["Id"]} for entry in request.get("Entries", ())]}
        return answer(json.dumps(made).encode())

    def _xml(self, operation: str) -> bytes:
        result = _XML[operation].format(*self.secrets)
        xml = f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
        return answer(xml.encode())


def _echo(head: str, body: str) -> str:
    """Return what SQS says of a signature, with more of the request than even that."""
    headers = "\n".join(line.strip() for line in head.splitlines()[1:])
    return (
        "The request signature we calculated does not match the signature you provided.\n\n"
        f"The Canonical String for this request should have been\n'POST\n/\n\n{headers}\n\n{body}'"
    )


def _status(code: str) -> int:
    if code.isdecimal():
        return int(code)
    return 403 if "Denied" in code or "Signature" in code or "Token" in code else 400


def _json_refusal(code: str, message: str) -> bytes:
    if code.isdecimal():
        return answer(message.encode(), int(code), "Location: http://127.0.0.1:1/")
    return answer(json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode(), _status(code))


def _xml_refusal(code: str, message: str) -> bytes:
    if code.isdecimal():
        return answer(message.encode(), int(code), "Location: http://127.0.0.1:1/")
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return answer(f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode(), _status(code))


@contextmanager
def echoing(refusals: list[Refusal], secrets: tuple[str, str, str]) -> Iterator[EchoingEndpoint]:
    """Serve on a port of the loopback, a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = EchoingEndpoint(refusals, secrets, f"http://127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=endpoint.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield endpoint
        listening.shutdown(socket.SHUT_RDWR)
