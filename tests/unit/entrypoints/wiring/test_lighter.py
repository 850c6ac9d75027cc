"""What the container library costs where frameworks are installed, and that it can do all it could."""

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = {
    "fastapi/__init__.py": "",
    "fastapi/params.py": "class Depends: ...",
    "starlette/__init__.py": "",
    "starlette/requests.py": "class Request: ...",
    "werkzeug/__init__.py": "",
    "werkzeug/local.py": "class LocalProxy: ...",
    "pydantic_settings.py": "class BaseSettings:\n    def model_dump(self, **_): return {'a': 1}\nclass Other: ...",
}
IMPORTED = "import sys; import loafer.entrypoints.wiring.container; "
NAMES = "{'fastapi', 'starlette', 'werkzeug', 'pydantic_settings', 'dependency_injector.wiring'}"


@pytest.fixture
def frameworks(tmp_path: Path) -> Path:
    """A folder in which everything is installed that the library looks for."""
    for name, text in FRAMEWORKS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def said(code: str, folder: Path) -> str:
    """Return what a line of Python prints where the frameworks are installed."""
    first = f"import sys; sys.path.insert(0, {str(folder)!r}); "
    done = subprocess.run([sys.executable, "-c", first + code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_container_imports_no_framework_that_is_installed(frameworks: Path) -> None:
    assert said(f"{IMPORTED}print({NAMES} & sys.modules.keys())", frameworks) == "set()"


def test_an_application_that_wires_gets_the_frameworks(frameworks: Path) -> None:
    application = """
from dependency_injector import containers, providers
from dependency_injector.wiring import MARKER_EXTRACTORS, Provide, inject
class Own(containers.DeclarativeContainer):
    number = providers.Object(7)
@inject
def told(number=Provide[Own.number]):
    return number
own = Own()
own.wire(modules=[__name__])
print(told(), len(MARKER_EXTRACTORS), 'fastapi' in sys.modules)
own.unwire()
print(type(told()).__name__)
"""
    assert said(f"{IMPORTED}exec({application!r})", frameworks).split() == ["7", "1", "True", "Provide"]


def test_an_application_that_has_settings_of_pydantic_can_give_them_to_the_library(frameworks: Path) -> None:
    application = """
from dependency_injector import providers
from pydantic_settings import BaseSettings, Other
class Of(BaseSettings): ...
for given in (Of, Of()):
    configuration = providers.Configuration()
    configuration.from_pydantic(given)
    print(configuration.a())
try:
    configuration.from_pydantic(Other())
except Exception as error:
    print(type(error).__name__)
"""
    assert said(f"{IMPORTED}exec({application!r})", frameworks).split() == ["1", "1", "Error"]


def test_what_an_application_has_imported_already_is_left_alone(frameworks: Path) -> None:
    before = "import pydantic_settings, dependency_injector.wiring; here = dict(sys.modules); "
    same = "[sys.modules[n] is here[n] for n in ('pydantic_settings', 'dependency_injector.wiring')]"
    assert said(f"import sys; {before}{IMPORTED}print({same})", frameworks) == "[True, True]"


def test_a_stand_in_gives_way_to_whoever_uses_more_of_its_module(frameworks: Path) -> None:
    code = """
from loafer.entrypoints.wiring.lighter import frameworks_put_off
with frameworks_put_off():
    from pydantic_settings import Other
    from dependency_injector.wiring import inject
print(Other.__module__, inject.__module__, 'pydantic_settings' in sys.modules)
"""
    told = ["pydantic_settings", "dependency_injector.wiring", "True"]
    assert said(f"import sys; exec({code!r})", frameworks).split() == told
