"""Receives that a stop aborts: SQS cannot be told, and may answer them all the same, for whoever hears nothing."""

FEW = 3
"""Receives that aborted ones of several workers could use up, however long a message stays invisible."""


def are_few(receives: int | None, lasts: float, visibility_timeout: float) -> bool:
    """Tell whether aborted receives could use up all that a message has; None: there is no end of them.

    Each lasts for so many seconds more. What one takes is visible again after the visibility timeout, in seconds too,
    and the next one may take it.
    """
    return receives is not None and receives <= FEW + lasts / (visibility_timeout or 1)
