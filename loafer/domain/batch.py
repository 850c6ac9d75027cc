"""Batches: what became of each entry, and when a batch goes out."""

import attrs


@attrs.frozen(slots=True)
class Failure:
    """Why one entry of a batch was not done.

    Attributes:
        reason: One short sentence for the log.
        retryable: True if the same call may succeed later; False if it never will (the lease is lost).

    """

    reason: str
    retryable: bool = True
