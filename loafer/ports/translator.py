"""The contract between a message's body and the handler."""

from collections.abc import Mapping
from typing import Any, Protocol


class MessageTranslator(Protocol):
    """Turns a body into content; users' classes inherit nothing and are created without arguments."""

    def translate(self, message: str) -> Mapping[str, Any]:
        """Return `{"content": content}`; None as content, or any exception, keeps the message on its queue.

        A `translate` that takes a second positional parameter also gets the whole `Message`. It may be a coroutine
        function; one whose translator has a true `blocking` is called in a thread. It may return a `Notification` as
        `notification` too: what a topic says of the message. A translator that refuses messages has a true `checks`: it
        is called also where nobody wants the content.
        """
        ...
