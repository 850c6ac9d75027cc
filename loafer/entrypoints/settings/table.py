"""Every setting of loafer: its key, default, option and meaning, and the pure function that works them out."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from loafer.domain.retry import Retry
from loafer.entrypoints.settings import parsers
from loafer.entrypoints.settings.mistakes import Layer, Mistake, Mistakes

Value = TypeVar("Value")


@attrs.frozen(slots=True)
class Setting:
    """One line of the settings table.

    Attributes:
        key: The name of the environment variable.
        default: The default's text; None where a value is required.
        parse: From the text to the value; raises ValueError saying what would be right.
        meaning: One line: what it is, and its unit.
        option: The command line option that says the same; None where there is none.

    """

    key: str
    default: str | None
    parse: Callable[[str], object]
    meaning: str
    option: str | None = None


def _setting(key: str, default: str, parse: Callable[[str], Value], meaning: str, option: str | None = None) -> Value:
    """Declare a field that is a setting; its type is what the parser returns."""
    setting = Setting(key, default, parse, meaning, option)
    return attrs.field(factory=lambda: parse(default), metadata={Setting: setting})


_SOURCE_EXAMPLE = "a queue's name, URL or ARN"
_SOURCE = Setting(
    "LOAFER_DEFAULT_ROUTE_SOURCE",
    None,
    parsers.text(_SOURCE_EXAMPLE),
    "Where messages come from: a queue's name, URL or ARN, or memory://NAME.",
    "--source",
)
_NO_ORIGINS: Mapping[str, str] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class RouteSettings:
    """What one route is made of; names of classes and callables are dotted names.

    Attributes:
        origins: Where each field's value came from; empty for a route that a program made.

    """

    name: str = _setting("LOAFER_DEFAULT_ROUTE_NAME", "default", parsers.text("a name"), "Name of the route.")
    source: str = attrs.field(metadata={Setting: _SOURCE})
    handler: str = _setting(
        "LOAFER_DEFAULT_ROUTE_HANDLER",
        "loafer.example.jobs.async_example_job",
        parsers.text("a dotted name such as package.module.function"),
        "Full name of the callable that gets each message's content.",
        "--handler",
    )
    translator: str = _setting(
        "LOAFER_DEFAULT_MESSAGE_TRANSLATOR_CLASS",
        "loafer.aws.message_translator.SQSMessageTranslator",
        parsers.text("a dotted name such as package.module.Translator"),
        "Full name of the class that turns a body into content.",
        "--translator",
    )
    consumer: str = _setting(
        "LOAFER_DEFAULT_CONSUMER_CLASS",
        "loafer.aws.consumer.Consumer",
        parsers.text("a dotted name such as loafer.aws.consumer.Consumer"),
        "Full name of the class that receives messages and deletes them.",
        "--consumer",
    )
    options: Mapping[str, Any] = _setting(
        "LOAFER_DEFAULT_CONSUMER_OPTIONS",
        "{'WaitTimeSeconds': 5, 'MaxNumberOfMessages': 5}",
        parsers.options,
        "Options of the consumer, as JSON or as a Python dictionary.",
        "--consumer-opts",
    )
    origins: Mapping[str, str] = attrs.field(default=_NO_ORIGINS, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set; `Settings()` is the defaults, without any route.

    Attributes:
        routes: The routes to run; from the outside there is one, the default route.
        origins: Where each field's value came from; empty for settings that a program made.

    """

    log_format: str = _setting(
        "LOAFER_LOG_FORMAT",
        "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
        parsers.log_format,
        "Format of log lines, as Python's logging has it; or json.",
    )
    log_level: str = _setting(
        "LOAFER_LOGLEVEL", "WARNING", parsers.log_level, "Least level that is logged: DEBUG to CRITICAL."
    )
    tracebacks: str = _setting(
        "LOAFER_TRACEBACKS",
        "full",
        parsers.one_of("full", "frames", "off"),
        "What is logged of a handler's error: full, frames (without its text), or off (one line).",
    )
    max_jobs: int = _setting(
        "LOAFER_MAX_JOBS", "10", parsers.whole_number(1), "Handlers that run at once, over all routes.", "--max-jobs"
    )
    max_threads: int | None = _setting(
        "LOAFER_MAX_THREAD_POOL",
        "None",
        parsers.optional(parsers.whole_number(1)),
        "Threads for handlers that are no coroutines; unset: from the number of cores.",
        "--max-threads",
    )
    processes: int = _setting(
        "LOAFER_PROCESSES", "1", parsers.whole_number(1), "Worker processes, each with all of this.", "--processes"
    )
    routes: tuple[RouteSettings, ...] = ()
    prefetch: int = _setting(
        "LOAFER_PREFETCH",
        "10",
        parsers.whole_number(1),
        "Messages that a route may hold ahead of a free handler.",
        "--prefetch",
    )
    held_bytes: int = _setting(
        "LOAFER_HELD_BYTES", "67108864", parsers.whole_number(1), "Bytes of message bodies that are held at once."
    )
    fifo_followers: int = _setting(
        "LOAFER_FIFO_FOLLOWERS",
        "1000",
        parsers.whole_number(1),
        "Messages of a FIFO route that may wait behind others of their groups.",
    )
    grace_period: float = _setting(
        "LOAFER_GRACE_PERIOD", "20", parsers.seconds(), "Seconds that running handlers get on a stop.", "--grace-period"
    )
    poll_grace: float = _setting(
        "LOAFER_POLL_GRACE",
        "5",
        parsers.seconds(),
        "Seconds that an outstanding poll is waited for on a stop before it is aborted.",
        "--poll-grace",
    )
    retry_delay: Retry = _setting(  # noqa: RUF009 - ruff does not see that a Retry is frozen
        "LOAFER_RETRY_DELAY",
        "None",
        parsers.retry_delay,
        "Seconds until a kept message comes back, or 'exponential'; unset: the queue's visibility timeout.",
        "--retry-delay",
    )
    handler_timeout: float | None = _setting(
        "LOAFER_HANDLER_TIMEOUT",
        "None",
        parsers.optional(parsers.seconds(above=0)),
        "Seconds after which a coroutine handler is cancelled and its message kept; unset: never.",
        "--handler-timeout",
    )
    stall_limit: float = _setting(
        "LOAFER_STALL_LIMIT",
        "900",
        parsers.seconds(above=0),
        "Seconds of a blocked event loop after which its messages are let go.",
        "--stall-limit",
    )
    sqs_transport: str = _setting(
        "LOAFER_SQS_TRANSPORT",
        "lean",
        parsers.one_of("lean", "aiobotocore"),
        "What carries frequent SQS calls: lean, where nothing asks for more; aiobotocore, always.",
    )
    origins: Mapping[str, str] = attrs.field(default=_NO_ORIGINS, eq=False, repr=False)


def settings_of(owner: type[Settings | RouteSettings]) -> dict[str, Setting]:
    """Return the settings among a class's fields, by field name."""
    return {field.name: field.metadata[Setting] for field in attrs.fields(owner) if Setting in field.metadata}


SETTINGS: tuple[Setting, ...] = (*settings_of(RouteSettings).values(), *settings_of(Settings).values())
"""The settings table."""

KEYS = tuple(setting.key for setting in SETTINGS)
"""The keys of all settings."""


def load_settings(layers: Sequence[Layer], mistakes: Mistakes, *, source_required: bool = True) -> Settings:
    """Return what `layers` (the first that has a key wins) say, with the default route; adds to `mistakes`.

    In place of a mistaken value stands its default, and of a missing source "", so that the rest can be looked at:
    call `mistakes.raise_if_any()` before anything is started.
    """
    values, origins = _work_out(RouteSettings, layers, mistakes)
    if source_required and "source" not in origins:
        right = f"no source; set it to {_SOURCE_EXAMPLE}, or give {_SOURCE.option}"
        mistakes.add(Mistake(_SOURCE.key, None, "set nowhere", right))
    route = RouteSettings(**{"source": "", **values}, origins=origins)
    values, origins = _work_out(Settings, layers, mistakes)
    return Settings(**values, routes=(route,), origins=origins)


def _work_out(
    owner: type[Settings | RouteSettings], layers: Sequence[Layer], mistakes: Mistakes
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values and the origins that layers give to the fields of a class."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, setting in settings_of(owner).items():
        given = next((layer[setting.key] for layer in layers if setting.key in layer), None)
        if given is None:
            continue
        origins[name] = given.origin
        try:
            values[name] = setting.parse(given.value)
        except ValueError as error:
            mistakes.add(Mistake(setting.key, given.value, given.origin, str(error)))
    return values, origins


def mistake_in(owner: Settings | RouteSettings, name: str, expected: str) -> Mistake:
    """Return the mistake that a field's value turned out to be later, as when a handler does not import."""
    key = settings_of(type(owner))[name].key
    return Mistake(key, str(getattr(owner, name)), owner.origins.get(name, "default"), expected)


def unknown_keys(layers: Sequence[Layer]) -> list[str]:
    """Return one sentence for each LOAFER_ key that is no setting: where it is, and the nearest that is one."""
    return [
        f"{key} ({given.origin}) is no setting{_nearest(key)}"
        for layer in layers
        for key, given in layer.items()
        if key not in KEYS
    ]


def _nearest(key: str) -> str:
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(key, KEYS, n=1)
    return f"; did you mean {near[0]}?" if near else ""
