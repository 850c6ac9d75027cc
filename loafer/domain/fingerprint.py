"""What errors of one kind have in common: their class, and the function in which they were raised."""

LONGEST = 200
"""Characters of a name that are told."""


def fingerprint_of(error: BaseException) -> tuple[str, str]:
    """Return the class of an error, and the function in which it was raised; never its text, which may quote a body."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = trace.tb_frame.f_code.co_qualname
        trace = trace.tb_next
    return type(error).__qualname__[:LONGEST], place[:LONGEST]
