"""Every setting of loafer: its key, default, option and meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from loafer.domain.retry import Retry
from loafer.domain.shown import without_secrets
from loafer.entrypoints.settings import parsers
from loafer.entrypoints.settings.mappings import mapping
from loafer.entrypoints.settings.setting import Setting, setting

SOURCE_EXAMPLE = "a queue's name, URL or ARN"
"""What a source can be."""

SOURCE = Setting(
    "LOAFER_DEFAULT_ROUTE_SOURCE",
    None,
    parsers.text(SOURCE_EXAMPLE),
    "Where messages come from: a queue's name, URL or ARN, or memory://NAME.",
    "--source",
    without_secrets,
)
"""The one setting that has no default."""

_NO_ORIGINS: Mapping[str, str] = MappingProxyType({})

DEFAULT = "DEFAULT"
"""The key of the default route: what stands for <NAME> in its variables, LOAFER_<NAME>_ROUTE_SOURCE and so on."""


@attrs.frozen(kw_only=True)
class RouteSettings:
    """What one route is made of; names of classes and callables are dotted names.

    Attributes:
        key: What stands for it in its variables.
        table: Where a TOML file has a table for it; None where none has.
        origins: Where each field's value came from; empty for a route that a program made.

    """

    key: str = DEFAULT
    table: str | None = None

    name: str = setting("LOAFER_DEFAULT_ROUTE_NAME", "default", parsers.text("a name"), "Name of the route.")
    source: str = attrs.field(metadata={Setting: SOURCE})
    handler: str = setting(
        "LOAFER_DEFAULT_ROUTE_HANDLER",
        "loafer.example.jobs.async_example_job",
        parsers.text("a dotted name such as package.module.function"),
        "Full name of the callable that gets each message's content.",
        "--handler",
    )
    translator: str = setting(
        "LOAFER_DEFAULT_MESSAGE_TRANSLATOR_CLASS",
        "loafer.aws.message_translator.SQSMessageTranslator",
        parsers.text("a dotted name such as package.module.Translator"),
        "Full name of the class that turns a body into content.",
        "--translator",
    )
    consumer: str = setting(
        "LOAFER_DEFAULT_CONSUMER_CLASS",
        "loafer.aws.consumer.Consumer",
        parsers.text("a dotted name such as loafer.aws.consumer.Consumer"),
        "Full name of the class that receives messages and deletes them.",
        "--consumer",
    )
    options: Mapping[str, Any] = setting(
        "LOAFER_DEFAULT_CONSUMER_OPTIONS",
        "{'WaitTimeSeconds': 5, 'MaxNumberOfMessages': 5}",
        mapping,
        "Options of the consumer, as JSON or as a Python dictionary.",
        "--consumer-opts",
    )
    max_jobs: int | None = setting(
        "LOAFER_DEFAULT_ROUTE_MAX_JOBS", "None", parsers.count, "The route's handlers that run at once; unset: any."
    )
    weight: float = setting(
        "LOAFER_DEFAULT_ROUTE_WEIGHT", "1", parsers.number_above_zero, "The route's share of the slots others wait for."
    )
    retry: Retry | None = setting(  # noqa: RUF009 - as below
        "LOAFER_DEFAULT_ROUTE_RETRY_DELAY", "None", parsers.route_retry, "As LOAFER_RETRY_DELAY, for the route."
    )
    timeout: float | None = setting(
        "LOAFER_DEFAULT_ROUTE_HANDLER_TIMEOUT", "None", parsers.timeout, "As LOAFER_HANDLER_TIMEOUT, for the route."
    )
    origins: Mapping[str, str] = attrs.field(default=_NO_ORIGINS, eq=False, repr=False)

    @property
    def whole(self) -> bool:
        """Whether it says enough to be a route of its own; only the default route has a handler without a word."""
        return bool(self.source) and (self.key == DEFAULT or "handler" in self.origins)


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set; `Settings()` is the defaults, without any route.

    Attributes:
        routes: The routes to run; read from outside, all that anything is said of, the default route first.
        changes: What goes before the code of an application's routes; known when it is loaded.
        application: The name of the application whose routes run too, such as shop:app; None: there is none.
        only: The names of the routes that run; none: all.
        origins: Where each field's value came from; empty for settings that a program made.

    """

    log_format: str = setting(
        "LOAFER_LOG_FORMAT",
        "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
        parsers.log_format,
        "Format of log lines, as Python's logging has it; or json.",
    )
    log_level: str = setting(
        "LOAFER_LOGLEVEL", "WARNING", parsers.log_level, "Least level that is logged: DEBUG to CRITICAL."
    )
    log_config: str | None = setting(
        "LOAFER_LOG_CONFIG",
        "None",
        parsers.optional(parsers.text("the path of a .toml or .json file")),
        "A .toml or .json file that configures logging, as its dictConfig takes it.",
    )
    tracebacks: str = setting(
        "LOAFER_TRACEBACKS",
        "full",
        parsers.one_of("full", "frames", "off"),
        "What is logged of a handler's error: full, frames (without its text), or off (one line).",
    )
    max_jobs: int = setting(
        "LOAFER_MAX_JOBS", "10", parsers.whole_number(1), "Handlers that run at once, over all routes.", "--max-jobs"
    )
    max_threads: int | None = setting(
        "LOAFER_MAX_THREAD_POOL",
        "None",
        parsers.count,
        "Threads for handlers that are no coroutines; unset: from the number of cores.",
        "--max-threads",
    )
    processes: int = setting(
        "LOAFER_PROCESSES", "1", parsers.whole_number(1), "Worker processes, each with all of this.", "--processes"
    )
    routes: tuple[RouteSettings, ...] = ()
    changes: tuple[RouteSettings, ...] = ()
    application: str | None = None
    only: tuple[str, ...] = ()
    prefetch: int | None = setting(
        "LOAFER_PREFETCH",
        "None",
        parsers.optional(parsers.whole_number(1)),
        "Messages that a route may hold ahead of a free handler; unset: as many as keep it busy, 500 at most.",
        "--prefetch",
    )
    held_bytes: int = setting(
        "LOAFER_HELD_BYTES", "67108864", parsers.whole_number(1), "Bytes of messages that are held at once."
    )
    fifo_followers: int = setting(
        "LOAFER_FIFO_FOLLOWERS",
        "1000",
        parsers.whole_number(1),
        "Messages of a FIFO route that may wait behind others of their groups.",
    )
    grace_period: float = setting(
        "LOAFER_GRACE_PERIOD", "20", parsers.seconds(), "Seconds that running handlers get on a stop.", "--grace-period"
    )
    poll_grace: float = setting(
        "LOAFER_POLL_GRACE",
        "5",
        parsers.seconds(),
        "Seconds that an outstanding poll is waited for on a stop before it is aborted.",
        "--poll-grace",
    )
    retry_delay: Retry = setting(  # noqa: RUF009 - ruff does not see that a Retry is frozen
        "LOAFER_RETRY_DELAY",
        "None",
        parsers.retry_delay,
        "Seconds until a kept message comes back, or 'exponential'; unset: the queue's visibility timeout.",
        "--retry-delay",
    )
    handler_timeout: float | None = setting(
        "LOAFER_HANDLER_TIMEOUT",
        "None",
        parsers.timeout,
        "Seconds after which a coroutine handler is cancelled and its message kept; unset: never.",
        "--handler-timeout",
    )
    explain_dead_letters: bool = setting(
        "LOAFER_EXPLAIN_DEAD_LETTERS",
        "0",
        parsers.switch,
        "1: move messages of standard queues to their dead-letter queue at the last attempt, and say why in the copy.",
    )
    stall_limit: float = setting(
        "LOAFER_STALL_LIMIT",
        "900",
        parsers.seconds(above=0),
        "Seconds of a blocked event loop after which its messages are let go.",
        "--stall-limit",
    )
    start_timeout: float = setting(
        "LOAFER_START_TIMEOUT",
        "60",
        parsers.seconds(above=0),
        "Seconds in which an application's lifespan has to start.",
    )
    sqs_transport: str = setting(
        "LOAFER_SQS_TRANSPORT",
        "lean",
        parsers.one_of("lean", "aiobotocore"),
        "What carries frequent SQS calls: lean, where nothing asks for more; aiobotocore, always.",
    )
    sns_topics: tuple[str, ...] | None = setting(
        "LOAFER_SNS_TOPICS",
        "None",
        parsers.topics,
        "ARNs of the SNS topics whose messages are taken, with commas between; unset: of any.",
        "--sns-topics",
    )
    sns_verify: bool = setting(
        "LOAFER_SNS_VERIFY", "0", parsers.switch, "Take only what SNS has signed; needs the extra sns.", "--sns-verify"
    )
    observers: tuple[str, ...] = setting(
        "LOAFER_OBSERVERS",
        "None",
        parsers.names("otel, sentry, prometheus or a dotted name"),
        "Who is told what happens, with commas between: otel, sentry, prometheus, or an Observer by its full name.",
    )
    status: str | None = setting(
        "LOAFER_STATUS",
        "None",
        parsers.optional(parsers.address),
        "HOST:PORT on which health and metrics are served, such as 127.0.0.1:9102; unset: nowhere.",
        "--status",
    )
    status_file: str | None = setting(
        "LOAFER_STATUS_FILE",
        "None",
        parsers.optional(parsers.text("a path, or off")),
        "File for `loafer status`, or off; unset: one in the runtime folder.",
    )
    live_limit: float = setting(
        "LOAFER_LIVE_LIMIT",
        "30",
        parsers.seconds(above=0),
        "Seconds of a blocked event loop after which the worker says that it is not alive.",
    )
    ecs_protection: bool = setting(
        "LOAFER_ECS_PROTECTION", "0", parsers.switch, "1: on ECS, protect the task from scale-in while it has messages."
    )
    depth: bool = setting(
        "LOAFER_DEPTH", "0", parsers.switch, "1: ask each queue once a minute how many messages it has."
    )
    origins: Mapping[str, str] = attrs.field(default=_NO_ORIGINS, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class FileSettings:
    """Which files of a project are read; said by the environment alone, for no file can vouch for itself."""

    trusting: bool = setting(
        "LOAFER_TRUST_PROJECT_FILES", "0", parsers.switch, "1: read project files, whoever owns or may write them."
    )
    none: bool = setting("LOAFER_NO_PROJECT_FILES", "0", parsers.switch, "1: read no project files.")


Owner: TypeAlias = type[Settings | RouteSettings | FileSettings]


def settings_of(owner: Owner) -> dict[str, Setting]:
    """Return the settings among a class's fields, by field name."""
    return {field.name: field.metadata[Setting] for field in attrs.fields(owner) if Setting in field.metadata}


FOR_FILES = tuple(settings_of(FileSettings).values())
"""The settings that only the environment has."""

SETTINGS: tuple[Setting, ...] = (
    *settings_of(RouteSettings).values(),
    *settings_of(Settings).values(),
    *FOR_FILES,
)
"""The settings table."""

KEYS = tuple(each.key for each in SETTINGS)
"""The keys of all settings."""
