"""What is answered about workers: whether they are alive and ready, their metrics, and all that they say."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from loafer.domain.metrics import Family, merged, text_of
from loafer.entrypoints.worker.status_server import JSON, METRICS, TEXT, Answer
from loafer.entrypoints.worker.told import Told


@attrs.frozen
class Panel:
    """Answers paths.

    Attributes:
        workers: Returns what each worker says; called for each question, on the server's thread.
        text: Makes metrics a text.

    """

    workers: Callable[[], Sequence[Told]]
    text: Callable[[Sequence[Family]], str] = text_of

    def answer(self, path: str) -> Answer | None:
        """Answer a path; None: there is nothing there."""
        match path:
            case "/livez":
                return _probe("alive", self._reasons("not_alive"))
            case "/readyz":
                return _probe("ready", self._reasons("not_ready"))
            case "/metrics":
                return Answer(200, METRICS, self.text(merged(told.families for told in self.workers())))
            case "/status":
                return Answer(200, JSON, json.dumps(self._status()) + "\n")
        return None

    def _reasons(self, which: str) -> list[str]:
        workers = [told.document for told in self.workers()]
        names = [f"{worker['worker']}: " if len(workers) > 1 else "" for worker in workers]
        return [f"{name}{why}" for name, worker in zip(names, workers, strict=True) for why in worker[which]]

    def _status(self) -> dict[str, Any]:
        not_alive, not_ready = self._reasons("not_alive"), self._reasons("not_ready")
        means = {"alive": not not_alive, "ready": not not_ready, "not_alive": not_alive, "not_ready": not_ready}
        return {**means, "workers": [told.document for told in self.workers()]}


def _probe(what: str, reasons: Sequence[str]) -> Answer:
    if reasons:
        return Answer(503, TEXT, "".join(f"not {what}: {reason}\n" for reason in reasons))
    return Answer(200, TEXT, f"{what}\n")
