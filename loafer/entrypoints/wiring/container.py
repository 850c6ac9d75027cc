"""The one place where everything is put together; nothing else knows the container library."""

import asyncio

from dependency_injector import containers, providers

from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.delivery import ignore
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.routes import Wiring
from loafer.entrypoints.wiring.threads import handler_threads
from loafer.ports.publisher import Publisher


def _sqs_publisher(queue: str) -> Publisher:
    from loafer.adapters.aws.publisher import SQSPublisher  # noqa: PLC0415 - the SDK is slow to import, and rarely needed

    return SQSPublisher(queue)


def _sns_publisher(topic: str) -> Publisher:
    from loafer.adapters.aws.publisher import SNSPublisher  # noqa: PLC0415 - the SDK is slow to import, and rarely needed

    return SNSPublisher(topic)


class Container(containers.DeclarativeContainer):
    """Wires a dispatcher and publishers from settings.

    Opens the thread pool when the dispatcher is first asked for: call `shutdown_resources()` in the end.
    """

    settings = providers.Dependency(instance_of=Settings)
    mistakes = providers.Dependency(instance_of=Mistakes)
    observe = providers.Object(ignore)
    new_loop = providers.Object(asyncio.new_event_loop)

    broker = providers.Singleton(MemoryBroker)
    pool = providers.Resource(handler_threads, settings.provided.max_threads)
    wiring = providers.Singleton(Wiring, mistakes=mistakes, pool=pool, broker=broker)
    options = providers.Singleton(
        Options,
        max_jobs=settings.provided.max_jobs,
        prefetch=settings.provided.prefetch,
        grace_period=settings.provided.grace_period,
        retry_delay=settings.provided.retry_delay,
        handler_timeout=settings.provided.handler_timeout,
        stall_limit=settings.provided.stall_limit,
    )
    dispatcher = providers.Singleton(
        Dispatcher,
        routes=wiring.provided.routes.call(settings.provided.routes),
        options=options,
        observe=observe,
        new_loop=new_loop,
    )
    sqs_publisher = providers.Factory(_sqs_publisher)
    sns_publisher = providers.Factory(_sns_publisher)
