"""From dotted names to what they name, and to what a route calls."""

import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

import attrs

from loafer.application.calling import call_of, instance_of, raised, translator_of
from loafer.application.pool import ThreadPool
from loafer.application.route import Call, Surroundings, Translate
from loafer.exceptions import ConfigurationError
from loafer.ports.consumer import Consumer
from loafer.ports.decoder import Decoder

NOTHING: Mapping[str, object] = MappingProxyType({})

_ABOUT_THE_SOURCE = "source: "
"""How a consumer's complaint begins that is about its source, and not about an option."""


def import_name(dotted: str) -> object:
    """Return what `package.module.name`, or `package.module:name`, names.

    The working directory is importable, unless Python is told otherwise.

    Raises:
        ValueError: there is no such thing, or importing it raised; the text says which part, and why.

    """
    _refuse_file(dotted)
    parts = dotted.replace(":", ".", 1).split(".")
    if len(parts) == 1 or not all(part.isidentifier() for part in parts):
        raise ValueError(_no_name(dotted, parts))
    make_working_directory_importable()
    found: object = _import(parts[0])
    if found is None:
        safe = " (not from the working directory: PYTHONSAFEPATH is set)" if sys.flags.safe_path else ""
        right = f"give the full name of something that can be imported{safe}"
        raise ValueError(f"there is no module {parts[0]!r}; {right}")
    for place in range(1, len(parts)):
        found = _member(found, parts[:place], parts[place], last=place == len(parts) - 1)
    return found


def _no_name(named: str, parts: list[str]) -> str:
    """Return what is wrong with what is no dotted name, and the one that was meant, where one can tell."""
    bare = named.removesuffix("()").replace("/", ".")
    if len(parts) == 1 and bare.isidentifier():
        return f"it names a module, and nothing in it; give that too, such as {bare}:NAME"
    meant = bare.replace(":", ".", 1).split(".")
    right = bare if all(part.isidentifier() for part in meant) else "one such as package.module.name"
    return f"not a dotted name; give {right}"


def _refuse_file(named: str) -> None:
    """Raise ValueError for the name of a file, which says the name that was meant."""
    path, _, name = named.partition(":")
    if path.endswith(".py"):
        file, here = Path(path.removesuffix(".py")), Path.cwd()
        file = file.relative_to(here) if file.is_relative_to(here) else file
        module = ".".join(file.parts).lstrip("./") or "module"
        raise ValueError(f"it is the name of a file; give the module's, and what is in it: {module}:{name or 'NAME'}")


def make_working_directory_importable() -> None:
    """Put the working directory first on the import path, once; PYTHONSAFEPATH keeps it off, as from Python itself."""
    if sys.flags.safe_path:
        return
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path[0:0] = [directory]


def named_by(given: object) -> object:
    """Return what a dotted name names, and anything else as it is; ValueError: there is no such thing."""
    return import_name(given) if isinstance(given, str) else given


def load_handler(dotted: str, pool: ThreadPool, decoder: Decoder, around: Surroundings) -> Call:
    """Return how the handler of a dotted name is called, as `call_of` decides.

    Raises:
        ValueError: it does not import, or cannot be a handler.

    """
    return call_of(import_name(dotted), pool, decoder, around)


@attrs.frozen
class Translator:
    """A translator, what calls it, as `translator_of` makes it, and the names of what it was created with."""

    made: object
    translate: Translate
    took: frozenset[str] = frozenset()


def load_translator(given_as: object, pool: ThreadPool, given: Mapping[str, object] = NOTHING) -> Translator:
    """Return a translator, given as it is, its class, or its dotted name.

    A class is created with as much of what is given as it has names for.

    Raises:
        ValueError: it does not import, or cannot be a translator.

    """
    named = named_by(given_as)
    took = {name: value for name, value in given.items() if isinstance(named, type) and takes(named, name)}
    made = instance_of(named, **took)
    return Translator(made, translator_of(made, pool), frozenset(took))


def load_consumer_class(given_as: object) -> type[Consumer]:
    """Return a consumer class, given as it is or by its dotted name.

    Raises:
        ValueError: it does not import, is no subclass of `loafer.ports.consumer.Consumer`, or lacks methods of it.

    """
    named = named_by(given_as)
    if not isinstance(named, type) or not issubclass(named, Consumer):
        raise ValueError("not a consumer; name a subclass of loafer.ports.consumer.Consumer")
    if inspect.isabstract(named):
        missing = ", ".join(sorted(named.__abstractmethods__))
        raise ValueError(f"class {named.__name__} lacks methods of a consumer; it needs {missing}")
    return named


def creates(create: Callable[[], Consumer], refuse: Callable[[str, str], object]) -> bool:
    """Tell whether a consumer can be created, by creating one: only it knows its options.

    `refuse` is told what is wrong: whether with its `source`, its `options` or the `consumer` itself, and a sentence.
    """
    try:
        create()
    except ConfigurationError as error:
        for line in str(error).splitlines():
            about = "source" if line.startswith(_ABOUT_THE_SOURCE) else "options"
            refuse(about, line.removeprefix(_ABOUT_THE_SOURCE))
    except Exception as error:  # noqa: BLE001 - a user's own class, which may raise anything
        refuse("consumer", f"creating it raised {type(error).__name__}: {error}")
    else:
        return True
    return False


def takes(created: type, keyword: str) -> bool:
    """Tell whether a class can be created with an argument of this name; one hidden behind `**keywords` counts not."""
    return keyword in inspect.signature(created).parameters


def _import(name: str) -> ModuleType | None:
    """Return a module, or None if there is none of that name.

    Raises:
        ValueError: importing it raised something.

    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise raised(f"{_line_of(error)}importing {name}", error) from error
    except ConfigurationError as error:
        raise ValueError(f"{_line_of(error)}{error}") from error
    except (Exception, SystemExit) as error:  # a module's own code runs here, and may raise anything
        raise raised(f"{_line_of(error)}importing {name}", error) from error


def _line_of(error: BaseException) -> str:
    """Return the line of a user's own code that an error comes from; nothing where there is none."""
    from loafer.application.registered import Line  # noqa: PLC0415 - only a mistake needs it

    places = [Line(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    ours = str(Path(__file__).parents[2])
    theirs = [place for place in places if not place.file.startswith((ours, "<", importlib.__file__))]
    nearest = [
        place for place in theirs if place.file.startswith(str(Path.cwd())) and "site-packages" not in place.file
    ]
    return f"{(nearest or theirs)[-1]}: " if theirs else ""


def _member(found: object, path: list[str], name: str, *, last: bool) -> object:
    """Return what is called `name` in a module or object: inside a name a submodule goes first, at its end last."""
    full = ".".join([*path, name])
    package = isinstance(found, ModuleType) and hasattr(found, "__path__")
    if package and not last and (module := _import(full)) is not None:
        return module
    if hasattr(found, name):
        return getattr(found, name)
    if package and (module := _import(full)) is not None:
        return module
    names = [*dir(found), *(module.name for module in pkgutil.iter_modules(getattr(found, "__path__", ())))]
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(name, names, n=1)
    right = f"did you mean {near[0]}?" if near else "give a name that is defined there"
    raise ValueError(f"there is no {name!r} in {'.'.join(path)}; {right}")
