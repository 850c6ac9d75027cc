"""The one place where everything is put together; nothing else knows the container library."""

from typing import Any

from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.connections import Connections
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.wiring.lighter import frameworks_put_off
from loafer.entrypoints.wiring.routes import Wiring
from loafer.entrypoints.wiring.threads import handler_threads
from loafer.ports.publisher import Publisher

with frameworks_put_off():
    from dependency_injector import containers, providers


def _connections(application: Application | None, *given: Any) -> Connections:
    if application is None:
        return Connections()
    from loafer.entrypoints.wiring.connecting import Connecting  # noqa: PLC0415 - only code has publishers

    return Connecting(*given).connections(application)


def _sqs_publisher(queue: str, transport: str) -> Publisher:
    from loafer.adapters.aws.publisher import SQSPublisher  # noqa: PLC0415 - the SDK is slow to import, and rarely needed

    return SQSPublisher(queue, transport=transport)


def _sns_publisher(topic: str) -> Publisher:
    from loafer.adapters.aws.publisher import SNSPublisher  # noqa: PLC0415 - the SDK is slow to import, and rarely needed

    return SNSPublisher(topic)


class Container(containers.DeclarativeContainer):
    """Wires a dispatcher and publishers from what it is given where it is created; nothing is replaced in it later.

    Opens the thread pool when the dispatcher is first asked for: call `shutdown_resources()` in the end. A publisher
    needs the transport alone.
    """

    settings = providers.Dependency(instance_of=Settings)
    mistakes = providers.Dependency(instance_of=Mistakes)
    broker = providers.Dependency(instance_of=MemoryBroker)
    observe = providers.Dependency(instance_of=object)
    stopping = providers.Dependency(instance_of=object)
    new_loop = providers.Dependency(instance_of=object)
    clock = providers.Dependency(instance_of=object)
    transport = providers.Dependency(instance_of=str)
    application = providers.Dependency(instance_of=object, default=providers.Object(None))
    publisher_to = providers.Dependency(instance_of=object, default=providers.Object(None))

    pool = providers.Resource(handler_threads, settings.provided.max_threads)
    wiring = providers.Singleton(
        Wiring, mistakes=mistakes, pool=pool, broker=broker, transport=transport, shared=settings
    )
    options = providers.Singleton(
        Options,
        max_jobs=settings.provided.max_jobs,
        prefetch=settings.provided.prefetch,
        held_bytes=settings.provided.held_bytes,
        fifo_followers=settings.provided.fifo_followers,
        grace_period=settings.provided.grace_period,
        poll_grace=settings.provided.poll_grace,
        retry_delay=settings.provided.retry_delay,
        handler_timeout=settings.provided.handler_timeout,
        stall_limit=settings.provided.stall_limit,
        tracebacks=settings.provided.tracebacks,
        depth=settings.provided.depth,
        explain_dead_letters=settings.provided.explain_dead_letters,
    )
    dispatcher = providers.Singleton(
        Dispatcher,
        routes=wiring.provided.routes.call(settings.provided.routes, application),
        options=options,
        observe=observe,
        stopping=stopping,
        clock=clock,
        new_loop=new_loop,
    )
    connections = providers.Singleton(
        _connections, application, mistakes, broker, transport, settings.provided.processes, publisher_to
    )
    sqs_publisher = providers.Factory(_sqs_publisher, transport=transport)
    sns_publisher = providers.Factory(_sns_publisher)
