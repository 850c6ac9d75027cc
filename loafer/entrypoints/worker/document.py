"""How a worker is, as a document: what its status file and its server say."""

from typing import Any

import attrs

from loafer import __version__
from loafer.application.health import not_alive, not_ready, word_for
from loafer.application.status import Status


def document_of(status: Status, live_limit: float, name: str = "", started: int | None = None) -> dict[str, Any]:
    """Return a status as JSON has it, with what it means: `alive`, `ready`, and why not."""
    why_not_alive, why_not_ready = not_alive(status, live_limit), not_ready(status)
    meaning = {
        "version": __version__,
        "worker": name,
        "started": started,
        "state": word_for(status, live_limit),
        "alive": not why_not_alive,
        "ready": not why_not_ready,
        "not_alive": why_not_alive,
        "not_ready": why_not_ready,
    }
    return {**meaning, **attrs.asdict(status)}
