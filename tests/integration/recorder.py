"""An endpoint that passes every call on to another one, and notes which operation of which service it was."""

import contextlib
import http.client
import http.server
import re
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import attrs

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<calls>[^|]+) \| (?P<allowed>[^|]+) \|$", re.MULTILINE)

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@attrs.define
class Recorder:
    """What was called so far, as `sqs:ReceiveMessage`."""

    target: str
    url: str = ""
    calls: set[str] = attrs.field(factory=set)


def documented() -> dict[str, set[str]]:
    """Return the calls of each row of the table on the security page."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## What is called")[2].partition("\n## ")[0]
    return {row["what"]: set(re.findall(r"`(\w+:\w+)`", row["calls"])) for row in ROW.finditer(section)}


@contextlib.contextmanager
def recording(target: str) -> Iterator[Recorder]:
    """Run an endpoint in front of the one with the URL `target`."""
    recorder = Recorder(target)
    handler = type("Handler", (_Handler,), {"recorder": recorder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def operation_of(headers: Message, body: bytes) -> str:
    """Return the service and the operation of a call, in the JSON protocol of SQS or the query protocol of SNS."""
    service = headers.get("Authorization", "").partition("/aws4_request")[0].rpartition("/")[2]
    service = {"monitoring": "cloudwatch"}.get(service, service)  # as policies call it
    target = headers.get("X-Amz-Target", "").rpartition(".")[2]
    return f"{service}:{target or parse_qs(body.decode())['Action'][0]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.recorder.calls.add(operation_of(self.headers, body))
        asked = http.client.HTTPConnection(urlsplit(self.recorder.target).netloc, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        asked.request("POST", self.path, body, kept)
        answer = asked.getresponse()
        content = answer.read()
        asked.close()
        with contextlib.suppress(ConnectionError):  # who asked may have gone meanwhile
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {*_HOP, "server", "date"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
