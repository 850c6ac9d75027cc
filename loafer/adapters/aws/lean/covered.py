"""Which libraries that instrument the SDK are told of calls otherwise: they do not switch the lean transport off."""

_COVERED: set[str] = set()


def cover(package: str) -> None:
    """Note that an observer of loafer's tells a library what it would see by instrumenting the SDK, in this process."""
    _COVERED.add(package)


def is_covered(module: object) -> bool:
    """Tell whether what instruments is of such a library."""
    return str(module).partition(".")[0] in _COVERED
