"""The user's own functions by name, ``package.module:function``, as the command line takes them."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError
from gradcheck.reports.words import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

HERE = Path(__file__).parents[1]


def find_function(target: str) -> Callable[..., Any]:
    """Import the function named ``package.module:function``; modules in the current directory are found.

    Raises
    ------
    ArgumentError
        If the text has no colon, the module cannot be imported, or it has no such function.

    """
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise ArgumentError(f"got {target!r}, wanted package.module:function, such as mymodule:loss")
    if module_name.endswith(".py"):
        module_name = module_name.removesuffix(".py").replace("/", ".")
        raise ArgumentError(f"got {target!r}, wanted a module's name: {module_name}:{name}")
    module = _import_module(module_name, target)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=1)
            hint = f": did you mean {close[0]!r}?" if close else f"; it is read from {_place(module)}"
            raise ArgumentError(f"{module_name} has no function {name!r}{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise ArgumentError(f"{target} is a {type(found).__name__}, wanted a function")
    function: Callable[..., Any] = found
    return function


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module, with its own directory on the path.

    Raises
    ------
    ArgumentError
        If there is no such file, or it raises.

    """
    if not path.is_file():
        raise ArgumentError(f"there is no file {str(path)!r}: pass a Python file, or package.module:function")
    _on_path(str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{str(path)!r} is no Python file: its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # where pickle and inspect look
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's file raises, sys.exit() included
        if sys.modules.get(path.stem) is module:  # half a module, which an import would take for the whole
            del sys.modules[path.stem]
        raise ArgumentError(f"{str(path)!r} cannot be run: {raised(error)}") from error
    return module


def _import_module(name: str, target: str) -> ModuleType:
    _on_path(str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise ArgumentError(
                f"there is no module {missing!r} for {target!r} in {Path.cwd()} or among the installed packages"
            ) from error
        raise ArgumentError(
            f"{name} cannot be imported: it needs {missing!r}, which is not installed{_at(error)}"
        ) from error
    except BaseException as error:  # whatever the user's module raises, sys.exit() included
        raise ArgumentError(f"{name} cannot be imported: {raised(error)}") from error


def raised(error: BaseException) -> str:
    """Return what the user's code raised, in a line with its file and line; sys.exit() is named as such."""
    name = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else type(error).__name__
    said = "" if isinstance(error, SystemExit) else error.msg if isinstance(error, SyntaxError) else str(error)
    said = visible(" ".join(said.split()))
    return f"{name}: {said}{_at(error)}" if said else f"{name}{_at(error)}"


def _at(error: BaseException) -> str:
    """Return the last line of the user's own code that an exception came through; a syntax error's is where it is."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if not (frame.filename.startswith("<") or Path(frame.filename).is_relative_to(HERE)):
            return f" ({frame.filename}, line {frame.lineno})"
    return ""


def _on_path(directory: str) -> None:
    if directory not in sys.path and not (directory == str(Path.cwd()) and "" in sys.path):
        sys.path.insert(0, directory)


def _place(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "the interpreter")
