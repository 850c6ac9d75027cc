"""A web application on Starlette with a worker inside: mails come over HTTP, wait on a queue, and are sent from there.

Run it with `uvicorn mail_api:web`; the queue `mails` must be there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from loafer import Loafer, PublisherError, Worker


class Mail(TypedDict):
    """What is to be sent."""

    to: str
    text: str


class State(TypedDict):
    """What the lifespan gives to all requests."""

    worker: Worker


worker_app = Loafer(grace_period=5)
mails = worker_app.publisher("mails", Mail)
sent: list[str] = []


@worker_app.route("mails", max_jobs=5)
async def send_mail(mail: Mail) -> None:
    """Send one mail."""
    sent.append(mail["to"])


async def take_mail(request: Request) -> JSONResponse:
    """Queue a mail."""
    try:
        return JSONResponse({"message": await mails.publish(await request.json())}, 202)
    except PublisherError as error:
        return JSONResponse({"error": str(error)}, 422)


async def show_sent(_: Request) -> JSONResponse:
    """Show to whom mails were sent."""
    return JSONResponse(sent)


async def livez(request: Request) -> JSONResponse:
    """Tell whether the worker lives."""
    worker: Worker = request.state.worker
    told = {"alive": worker.alive, "held": worker.held, "error": str(worker.error or "")}
    return JSONResponse(told, 200 if worker.alive else 503)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    """Run the worker while the web application runs."""
    async with worker_app.running() as worker:
        await worker.ready()
        yield {"worker": worker}


routes = [Route("/mails", take_mail, methods=["POST"]), Route("/mails", show_sent), Route("/livez", livez)]
web = Starlette(routes=routes, lifespan=lifespan)
