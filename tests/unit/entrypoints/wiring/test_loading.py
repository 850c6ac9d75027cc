import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import loafer
from loafer.application.pool import ThreadPool
from loafer.domain.message import Message
from loafer.entrypoints.wiring.loading import import_name, load_consumer_class, load_translator
from loafer.ports.consumer import Consumer

numbers = itertools.count()
MESSAGE = Message("id", "body", "receipt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an import path, and modules, of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def module(folder: Path, source: str) -> str:
    name = f"sample_{next(numbers)}"
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return name


def test_the_working_directory_is_importable_and_put_on_the_path_once(here: Path) -> None:
    name = module(here, "here = 1\nthere = 2")
    assert import_name(f"{name}.here") == 1
    assert import_name(f"{name}.there") == 2
    assert sys.path.count(str(here)) == 1


@pytest.mark.parametrize(("safe", "status"), [({}, 0), ({"PYTHONSAFEPATH": "1"}, 1)], ids=["usual", "safe"])
def test_python_can_be_told_to_import_nothing_from_the_working_directory(
    here: Path, safe: dict[str, str], status: int
) -> None:
    (here / "planted.py").write_text("name = 1\n", encoding="utf-8")
    program = here / "app" / "program.py"  # Python puts its folder on the path, and not the working directory
    program.parent.mkdir()
    program.write_text("from loafer.entrypoints.wiring.loading import import_name\nimport_name('planted.name')\n")
    environ = {**os.environ, "PYTHONPATH": str(Path(loafer.__file__).parents[1]), **safe}
    command = [sys.executable, str(program)]
    done = subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("not from the working directory: PYTHONSAFEPATH is set" in done.stderr) is bool(safe)


def test_a_member_of_a_class_is_found() -> None:
    assert import_name("collections.OrderedDict.fromkeys") is not None


def test_a_submodule_that_nobody_imported_is_found() -> None:
    assert import_name("json.tool.main") is not None


def test_a_function_that_hides_its_module_is_found_under_both_names(here: Path) -> None:
    package = here / f"package_{next(numbers)}"
    package.mkdir()
    (package / "__init__.py").write_text("from .run import run\n", encoding="utf-8")
    (package / "run.py").write_text("def run(content): ...\n", encoding="utf-8")
    assert import_name(f"{package.name}.run") is import_name(f"{package.name}.run.run")


@pytest.mark.parametrize("dotted", ["", " ", "json.", ".json", "a b.c", "json..dumps", "a:b:c"])
def test_what_is_no_dotted_name_is_refused(dotted: str) -> None:
    with pytest.raises(ValueError, match="not a dotted name; give one such as"):
        import_name(dotted)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("jobs", "it names a module, and nothing in it; give that too, such as jobs:NAME"),
        ("jobs()", "it names a module, and nothing in it; give that too, such as jobs:NAME"),
        ("jobs.greet()", "not a dotted name; give jobs.greet"),
        ("jobs:greet()", "not a dotted name; give jobs:greet"),
        ("jobs/greet", "not a dotted name; give jobs.greet"),
    ],
)
def test_what_was_meant_is_told_where_one_can_tell(given: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        import_name(given)


def test_a_colon_may_stand_between_the_module_and_the_name() -> None:
    assert import_name("json.decoder:JSONDecoder.decode") is import_name("json.decoder.JSONDecoder.decode")


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("jobs.py", "jobs:NAME"),
        ("jobs.py:run", "jobs:run"),
        ("shop/jobs.py:run", "shop.jobs:run"),
        (".py", "module:NAME"),
        (str(Path("shop/jobs.py").absolute()) + ":run", "shop.jobs:run"),
    ],
)
def test_the_name_of_a_file_is_answered_with_what_was_meant(given: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"it is the name of a file; give .*: {right}$"):
        import_name(given)


def test_a_missing_module_is_named(here: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no module 'nowhere'; give the full name"):
        import_name("nowhere.jobs.run")


def test_a_missing_part_is_named_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"there is no 'dmps' in json; did you mean dumps\?"):
        import_name("json.dmps")
    with pytest.raises(ValueError, match=r"there is no 'jbos' in loafer.example; did you mean jobs\?"):
        import_name("loafer.example.jbos.async_example_job")
    with pytest.raises(ValueError, match=r"there is no 'zzzz' in json.dumps; give a name that is defined there"):
        import_name("json.dumps.zzzz")


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def", "SyntaxError: invalid syntax"),
    ],
)
def test_an_error_while_importing_is_told(here: Path, source: str, raised: str) -> None:
    name = module(here, source)
    with pytest.raises(ValueError, match=f"importing {name} raised {raised}"):
        import_name(f"{name}.run")


def test_an_error_while_importing_names_its_line(here: Path) -> None:
    name = module(here, "import json\n\njson.loads('x')")
    with pytest.raises(ValueError, match=rf"^{name}\.py:3: importing {name} raised JSONDecodeError"):
        import_name(f"{name}.run")


POOL = ThreadPool(1)  # it starts its thread when it is given something to do
TRANSLATORS = """
class One:
    def translate(self, message): return {"content": message}
class Two:
    def translate(self, body, message): return {"content": (body, message.id)}
class Optional:
    def translate(self, body, message=None): return {"content": message.id}
class Rest:
    def translate(self, *args): return {"content": len(args)}
class Static:
    @staticmethod
    def translate(body): return {"content": body}
class Generator:
    def translate(self, message): yield
class AsynchronousGenerator:
    async def translate(self, message): yield
class Three:
    def translate(self, body, message, more): ...
class Zero:
    def translate(self): ...
class Without: ...
class Broken:
    def __init__(self): raise RuntimeError("no luck")
one = One()
"""


@pytest.fixture
def translators(here: Path) -> str:
    return module(here, TRANSLATORS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("One", "body"),
        ("one", "body"),
        ("Static", "body"),
        ("Rest", 1),
        ("Two", ("body", "id")),
        ("Optional", "id"),
    ],
)
def test_a_translator_gets_the_body_and_the_message_if_it_wants_it(
    translators: str, name: str, content: object
) -> None:
    assert load_translator(f"{translators}.{name}", POOL).translate(MESSAGE) == {"content": content}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Generator", "'translate' is a generator, which would never run; write it without yield"),
        ("AsynchronousGenerator", "'translate' is a generator, which would never run; write it without yield"),
        ("Three", "it needs more than one argument.*'translate' takes one, the body, or two"),
        ("Zero", "it takes no argument"),
        ("Without", "it has no method 'translate'"),
        ("Broken", r"Broken\(\) raised RuntimeError: no luck"),
    ],
)
def test_what_cannot_translate_is_refused(translators: str, name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        load_translator(f"{translators}.{name}", POOL)


CONSUMERS = """
from loafer.ports.consumer import Consumer
class Half(Consumer):
    async def open(self): ...
    async def close(self): ...
Whole = type("Whole", (Consumer,), dict.fromkeys(Consumer.__abstractmethods__))
"""


def test_a_subclass_of_the_port_is_returned(here: Path) -> None:
    assert issubclass(load_consumer_class(f"{module(here, CONSUMERS)}.Whole"), Consumer)


@pytest.mark.parametrize("dotted", ["json.dumps", "collections.OrderedDict"])
def test_anything_else_is_refused(dotted: str) -> None:
    with pytest.raises(ValueError, match=r"not a consumer; name a subclass of loafer.ports.consumer.Consumer"):
        load_consumer_class(dotted)


def test_a_class_that_lacks_methods_is_refused(here: Path) -> None:
    with pytest.raises(ValueError, match="class Half lacks methods of a consumer; it needs acknowledge, dead_letter"):
        load_consumer_class(f"{module(here, CONSUMERS)}.Half")
