"""What targets of the fuzzers expect."""


class Unexpected(AssertionError):
    """Something returned what it never may."""


def expect(holds: object, what: str) -> None:
    if not holds:
        raise Unexpected(what)
