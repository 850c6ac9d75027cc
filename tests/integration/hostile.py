"""An endpoint that looks a queue up as SQS does, and answers ReceiveMessage with whatever it is given, without end."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, count, repeat
from typing import TypeAlias

import attrs

Pieces: TypeAlias = Iterator[bytes]

KILO, MEGA = 1024, 1024 * 1024
CHUNKED = b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n"
ROOM = 60 * MEGA + 64 * KILO
"""Bytes that an answer to a receive of ten messages may have."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target:[ \t]*AmazonSQS\.(\w+)", re.IGNORECASE)
LOOK_UPS: Mapping[bytes, bytes] = {
    b"GetQueueUrl": b'{"QueueUrl": "http://host/1/orders"}',
    b"GetQueueAttributes": b'{"Attributes": {"VisibilityTimeout": "30"}}',
}


def answer(body: bytes, status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def messages(*bodies: str) -> bytes:
    """Return a JSON answer with messages of these bodies, which are JSON strings without their quotes."""
    entries = [f'{{"MessageId":"{n}","ReceiptHandle":"r","Body":"{body}"}}' for n, body in enumerate(bodies)]
    return f'{{"Messages":[{",".join(entries)}]}}'.encode()


def message(**parts: object) -> bytes:
    """Return a JSON answer with one message, of these parts."""
    return json.dumps({"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": "x", **parts}]}).encode()


def numbered(value: object, size: int) -> dict[str, object]:
    return {str(number): value for number in range(size)}


def filled(start: bytes, part: bytes, end: bytes, size: int = ROOM - KILO) -> bytes:
    return start + part * ((size - len(start) - len(end)) // len(part)) + end


def endless(*parts: bytes, start: bytes = b"") -> Pieces:
    """Yield the start, and the parts again and again, 64 kB at once."""
    part = b"".join(parts)
    return chain([start], repeat(part * max(1, 64 * KILO // len(part))))


def numbered_headers() -> Pieces:
    yield b"HTTP/1.1 200 -\r\n"
    for number in count():
        yield b"".join(b"X-%d: x\r\n" % (number * 1000 + more) for more in range(1000))


ATTACKS: dict[str, Callable[[], Pieces]] = {
    "endless headers": numbered_headers,
    "one endless header": lambda: endless(b"x", start=b"HTTP/1.1 200 -\r\nX: "),
    "an endless name": lambda: endless(b"x", start=b"HTTP/1.1 200 -\r\n"),
    "an endless status line": lambda: endless(b"x", start=b"HTTP/1.1 200 "),
    "endless informational answers": lambda: endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless early hints": lambda: endless(b"HTTP/1.1 103 -\r\nLink: x\r\nLink: y\r\n\r\n"),
    "an endless body": lambda: endless(b"x", start=b"HTTP/1.1 200 -\r\n\r\n"),
    "an endless chunked body": lambda: endless(chunk(b" " * 16 * KILO), start=CHUNKED),
    "endless tiny chunks": lambda: endless(chunk(b"  "), start=CHUNKED),
    "an endless chunk extension": lambda: endless(b"x", start=CHUNKED + b"1;"),
    "an endless trailer": lambda: endless(b"x", start=CHUNKED + chunk(b"{}") + b"0\r\nX: "),
    "endless trailers": lambda: endless(b"X: x\r\n", start=CHUNKED + chunk(b"{}") + b"0\r\n"),
    "an endless error": lambda: endless(chunk(b"x" * 16 * KILO), start=CHUNKED.replace(b"200", b"400")),
    "too many entries": lambda: iter([answer(filled(b'{"Messages":[', b"{},", b"{}]}"))]),
    "too many messages": lambda: iter([answer(messages(*["x"] * 11))]),
    "entries of too many lists": lambda: iter([answer(filled(b'{"Messages":[{"a":[', b"[],", b"[]]}]}"))]),
    "entries of too many keys": lambda: iter(
        [answer(b'{"Messages":[{%b}]}' % b",".join(b'"%d":0' % number for number in range(5_000_000)))]
    ),
    "too many numbers": lambda: iter([answer(filled(b'{"Messages":[', b"1.5,", b"1]}"))]),
    "one endless number": lambda: iter([answer(filled(b'{"Messages":', b"9", b"}"))]),
    "nothing but blanks": lambda: iter([answer(filled(b'{"Messages":[', b" ", b"]}"))]),
    "nested too deeply": lambda: iter([answer(filled(b'{"Messages":', b"[", b""))]),
    "attributes of many megabytes": lambda: iter([answer(message(MessageAttributes=numbered([], 1_000_000)))]),
    "objects of a quarter megabyte": lambda: iter([answer(filled(b'{"Messages":[', b"{},", b"{}]}", 255 * KILO))]),
    "lists of a megabyte": lambda: iter([answer(filled(b'{"Messages":[{"a":[', b"[],", b"[]]}]}", MEGA - KILO))]),
}
"""Answers that no honest endpoint gives."""

REFUSED: dict[str, bytes] = {
    "a size that is none": b"zz\r\n",
    "a negative size": b"-5\r\n{}",
    "a size of too many digits": b"f" * 21 + b"\r\n{}",
    "a size without its end": b"2\n{}\n0\n\n",
    "no size at all": b"\r\n{}\r\n0\r\n\r\n",
    "more than its size": b'2\r\n{"a": 1}\r\n0\r\n\r\n',
    "garbage for a second size": chunk(b"{}") + b"garbage",
    "a trailer that is none": chunk(b"{}") + b"0\r\n\x00\x01\r\n\r\n",
    "a trailer without a name": chunk(b"{}") + b"0\r\n: x\r\n\r\n",
}
"""What may come behind the head of an answer in chunks, and is no HTTP."""

NO_MESSAGES: dict[str, Callable[[], bytes]] = {
    "an endless id": lambda: message(MessageId="\n" * 2_000_000),
    "an endless receipt": lambda: message(ReceiptHandle="x" * MEGA),
    "an endless group": lambda: message(Attributes={"MessageGroupId": "\n" * MEGA}),
    "attributes of a quarter megabyte": lambda: message(MessageAttributes=numbered({}, 20_000)),
    "attributes of half a megabyte": lambda: message(MessageAttributes=numbered({}, 40_000)),
}
"""Answers with what is no message of SQS, and is left out."""

ENTITIES = b"".join(b'<!ENTITY a%d "%b">' % (n, (b"&a%d;" % (n - 1) if n else b"ha") * 10) for n in range(9))
XML: dict[str, Callable[[], bytes]] = {
    "elements": lambda: filled(b"<a>", b"<a/>", b"</a>", MEGA - KILO),
    "nested elements": lambda: b"<a>" * 100_000 + b"</a>" * 100_000,
    "attributes": lambda: b"<a %b/>" % b" ".join(b'a%d=""' % number for number in range(90_000)),
    "entities": lambda: b"<!DOCTYPE a [%b]><a>&a8;</a>" % ENTITIES,
    "a text": lambda: filled(b"<a>", b"x", b"</a>", 2 * MEGA),
}
"""What no service sends that answers in XML, as SNS and STS do."""

HONEST: dict[str, Callable[[], bytes]] = {
    "small": lambda: messages("x"),
    "a megabyte": lambda: messages(*["x" * (MEGA // 10 - 100)] * 10),
    "ten megabytes": lambda: messages(*["x" * (MEGA - KILO)] * 10),
    "ten megabytes of JSON": lambda: messages(*['{\\"a\\": [\\"b\\", 1.5]}, ' * 47_000] * 10),
    "as large as may be": lambda: messages(*["\\u00e9" * (MEGA - KILO)] * 10),
    "lone surrogates": lambda: messages(*["\\ud83d" * (MEGA - KILO)] * 10),
    "line ends": lambda: messages(*["\\n" * (MEGA - KILO)] * 10),
}
"""Bodies of answers that an honest endpoint gives."""


def in_two(head: bytes, rest: bytes) -> Pieces:
    """Yield a head, and what comes behind it once that has been read."""
    yield head
    time.sleep(0.05)
    yield rest


def made(pieces: Callable[[], Pieces]) -> Callable[[], Pieces]:
    """Return what gives these pieces once; they are made now, for some take longer than a call may."""
    ready = pieces()
    return lambda: ready


@attrs.define(eq=False)
class HostileEndpoint:
    """Answers each ReceiveMessage with the next pieces, until they end or the client closes the connection.

    Attributes:
        pieces: Makes an answer.
        look_ups: The answers to look-ups, by operation; those of other operations are made.
        sent: How many bytes of each went out.
        closed: Set once a client has closed a connection.

    """

    pieces: Callable[[], Pieces]
    url: str = ""
    look_ups: Mapping[bytes, bytes] = attrs.field(factory=lambda: LOOK_UPS)
    sent: list[int] = attrs.field(factory=list)
    requests: list[bytes] = attrs.field(factory=list)
    closed: threading.Event = attrs.field(factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (request := read_request(connection)) is not None:
                    self.requests.append(request)
                    target = _TARGET.search(request)
                    look_up = self.look_ups.get(target[1]) if target else None
                    if look_up is not None:
                        connection.sendall(answer(look_up))
                    else:
                        self._attack(connection)
            except OSError:
                pass
            finally:
                self.closed.set()

    def _attack(self, connection: socket.socket) -> None:
        self.sent.append(0)
        for piece in self.pieces():
            self.sent[-1] += len(piece)
            connection.sendall(piece)


def read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(MEGA)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    while length and len(body) < int(length[1]):
        more = connection.recv(MEGA)
        data, body = data + more, body + more
    return data


@contextmanager
def hostile(pieces: Callable[[], Pieces], look_ups: Mapping[bytes, bytes] = LOOK_UPS) -> Iterator[HostileEndpoint]:
    """Serve on a port of the loopback, a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = HostileEndpoint(pieces, f"http://127.0.0.1:{listening.getsockname()[1]}", look_ups)

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
