"""Every public error of loafer; the documented home, imported from everywhere and importing nothing."""

__all__ = [
    "AccessDenied",
    "ConfigurationError",
    "ConsumerError",
    "ConsumerUnavailable",
    "HandlerTimeout",
    "IgnoreMessage",
    "InvalidContent",
    "LifespanError",
    "LoaferError",
    "PublisherError",
    "RejectMessage",
]


class LoaferError(Exception):
    """The root of every error that loafer raises or understands."""


class ConsumerError(LoaferError):
    """A fatal error of a consumer: loafer stops all operations and shuts down."""


class AccessDenied(ConsumerError):
    """The source refuses our credentials: fatal at start, and after five minutes once it had worked."""


class ConsumerUnavailable(LoaferError):
    """A source that cannot be reached for now: loafer tries again for as long as it takes."""


class ConfigurationError(LoaferError):
    """A configuration that cannot work: loafer stops all operations and shuts down; one line a mistake."""


class HandlerTimeout(LoaferError):
    """A handler that took longer than LOAFER_HANDLER_TIMEOUT: it is cancelled and its message kept."""


class InvalidContent(LoaferError):
    """Content that does not fit the type that its handler asks for: its message is kept, and no handler is called.

    Attributes:
        path: Where in the content it does not fit, such as `$.lines[1].amount`; `$` is the content itself.
        what: What was expected there. Neither shows anything of the content.

    """

    def __init__(self, path: str = "$", what: str = "it does not fit its type") -> None:
        """Say where the content does not fit, and what was expected there."""
        super().__init__(path, what)
        self.path = path
        self.what = what

    def __str__(self) -> str:
        """Return `path: what`."""
        return f"{self.path}: {self.what}"


class PublisherError(LoaferError):
    """A message that could not be published; where the answer alone was lost, it was sent all the same.

    Attributes:
        retryable: Whether the same may succeed later, as where a service cannot be reached for now.

    """

    def __init__(self, *args: object, retryable: bool = False) -> None:
        """Say why it could not."""
        super().__init__(*args)
        self.retryable = retryable


class LifespanError(LoaferError):
    """An application's lifespan that failed at the start, which ends the start, or at the stop, or ended before."""


class InvalidDelay(ValueError):
    """A delay that is no number of seconds: whoever asks for it wants to keep the message, and so it is kept."""


class IgnoreMessage(LoaferError):
    """Raised by a handler to keep its message on the queue: it is not acknowledged and comes back."""

    delay: float | None = None
    """Seconds until it comes back; None also where a subclass does not say."""

    def __init__(self, *args: object, delay: float | None = None) -> None:
        """Keep the message, and ask for it back after `delay` seconds (None: as its route says, or a subclass).

        Raises:
            InvalidDelay: the delay is no number of seconds; the handler fails with it, and the message is kept too.

        """
        if not (delay is None or (isinstance(delay, int | float) and delay == delay)):  # noqa: PLR0124 - NaN is not
            raise InvalidDelay(f"delay={delay!r} is no number of seconds")
        super().__init__(*args)
        if delay is not None:  # or a subclass may say it
            self.delay = delay


class RejectMessage(LoaferError):
    """Raised by a handler to be rid of its message: it is acknowledged, so it is deleted."""
