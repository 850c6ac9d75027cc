"""What `import loafer` gives: every public name, when it is asked for, and no other."""

import pkgutil
import subprocess
import sys

import pytest

import loafer
from loafer import exceptions


@pytest.mark.parametrize("name", loafer.__all__)
def test_every_public_name_is_there_and_stays_the_same(name: str) -> None:
    assert getattr(loafer, name) is getattr(loafer, name)
    assert getattr(loafer, name) is not None


def test_the_public_errors_are_among_them() -> None:
    assert set(exceptions.__all__) < set(loafer.__all__)
    assert loafer.RejectMessage is exceptions.RejectMessage


def test_the_names_are_sorted_and_can_be_listed() -> None:
    assert loafer.__all__ == sorted(loafer.__all__)
    assert dir(loafer) == loafer.__all__


def test_no_public_name_hides_behind_a_module() -> None:
    assert not {module.name for module in pkgutil.iter_modules(loafer.__path__)} & set(loafer.__all__)


def test_a_name_that_does_not_exist_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'loafer' has no attribute 'Handler'"):
        loafer.Handler  # type: ignore[attr-defined]  # noqa: B018


def test_importing_loafer_imports_neither_asyncio_nor_the_sdk_nor_what_it_is_made_of() -> None:
    program = (
        "import loafer, sys\n"
        "heavy = {'asyncio', 'attrs', 'aiobotocore', 'botocore', 'click', 'logging', 'msgspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from loafer import *\n"
        "assert not {'asyncio', 'aiobotocore', 'botocore', 'msgspec'} & set(sys.modules)\n"
        "assert Context and RejectMessage\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
