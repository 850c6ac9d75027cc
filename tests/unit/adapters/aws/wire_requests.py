"""What the SDK sends and what the lean transport sends: what decides where a request goes and whether it counts."""

import re
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import attrs
from aiobotocore.awsrequest import AioAWSResponse
from lean_fakes import Environ, chosen

from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.lean.http import Http
from loafer.adapters.aws.lean.plain import enter_plain_transport
from loafer.adapters.aws.lean.transport import LeanTransport
from loafer.adapters.aws.session import create_client, settling

QUEUE = "https://host/1/q"


@attrs.frozen
class Request:
    """What of a request decides where it goes and whether it is accepted there."""

    method: str
    url: str
    target: str
    scope: str
    signed: str
    token: str | None


def request_of(method: str, url: str, headers: dict[str, str]) -> Request:
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/(.*), SignedHeaders=(.*), Signature=.*", headers["authorization"]
    )
    assert found is not None
    return Request(method, url, headers["x-amz-target"], found[1], found[2], headers.get("x-amz-security-token"))


async def of_the_sdk(region: str | None = None, **access: Any) -> Request:
    """Return what the SDK sends."""
    seen = []

    async def read() -> bytes:
        return b"{}"

    def answers(request: Any, **_: object) -> AioAWSResponse:
        headers = {
            name.lower(): text.decode() if isinstance(text, bytes) else text for name, text in request.headers.items()
        }
        seen.append(request_of(request.method, request.url, headers))
        return AioAWSResponse(request.url, 200, {}, SimpleNamespace(read=read))

    async with create_client("sqs", region, settling(), **access) as client:
        client.meta.events.register("before-send.sqs", answers)
        await client.receive_message(QueueUrl=QUEUE)
    [request] = seen
    return request


async def of_ours(environ: Environ) -> Request:
    """Return what the lean transport sends where the SDK has found its endpoint."""
    transport = await chosen()
    assert transport is not None
    return await of_transport(transport, environ)


async def plainly(**options: Any) -> LeanTransport | None:
    """Return the transport that needs no SDK; None: there is none."""
    async with AsyncExitStack() as stack:
        return await enter_plain_transport(stack, options.pop("region", None), 1, **options)


async def of_transport(transport: LeanTransport, environ: Environ) -> Request:
    """Return what a lean transport sends."""
    seen = []

    async def post(_: Http, request: bytes, room: int) -> Answer:
        seen.append(request)
        return Answer(200, [], b"{}")

    environ.setattr(Http, "post", post)
    await transport.call("receive_message", {"QueueUrl": QUEUE})
    [request] = seen
    first, *lines = request.decode().partition("\r\n\r\n")[0].split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    method, path, _ = first.split(" ")
    url = transport.http.url
    assert headers["host"].lower() in {str(url.netloc).lower(), str(url.hostname), f"[{url.hostname}]"}
    return request_of(method, f"{url.scheme}://{url.netloc}{path}", headers)
