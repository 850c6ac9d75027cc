"""Log records as lines of text, whose tracebacks forge no lines and have our own words in place of the SDK's."""

import logging
from typing import Any

from loafer.entrypoints.worker.traces import that_forges_nothing, without_the_sdks_words


class TextLines(logging.Formatter):
    """A formatter as that of `logging`, but for texts of errors: they may repeat what was signed, or forge lines."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - it is called so
        """Return the traceback of a record's error."""
        text = super().formatException(ei)
        return text if ei[1] is None else that_forges_nothing(without_the_sdks_words(text, ei[1]), ei[1])
