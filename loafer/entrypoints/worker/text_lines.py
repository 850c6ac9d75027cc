"""Log records as lines of text, whose tracebacks have our own words in place of the SDK's."""

import logging
from typing import Any

from loafer.entrypoints.worker.traces import without_the_sdks_words


class TextLines(logging.Formatter):
    """A formatter as that of `logging`, but for what the SDK's errors say: that may repeat what was signed."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - it is called so
        """Return the traceback of a record's error."""
        text = super().formatException(ei)
        return text if ei[1] is None else without_the_sdks_words(text, ei[1])
