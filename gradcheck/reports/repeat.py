"""How to make a check again: where its gradient is written, and a program with the arguments, beside it if large."""

from __future__ import annotations

import inspect
import keyword
import numbers
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcheck.verdicts.report import Report

# Where the claim is, the first that is there.
FORMS = ("gradient", "vjp", "jvp", "adjoint", "backward", "jac", "kernel", "f")
SMALL = 64  # entries of all arrays that a program writes out; more go into a file beside it
TAKEN = {"args", "data", "gradcheck", "importlib", "jnp", "np", "print", "torch"}  # names that a program uses itself
SAVE = 'report.save("repeat.py") writes a program that repeats it'


@dataclass(frozen=True)
class Call:
    """A call of a verb: its name, and what it was given by the names of its parameters."""

    verb: str
    given: Mapping[str, Any]


class _Unwritable(Exception):  # noqa: N818  an answer, not an error
    """What cannot be written as Python: a closure, an object of a class of one's own."""


def remembered(report: Report, check: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Report:
    """Return the report of a call with where its gradient is written, and how to make it again."""
    bound = inspect.signature(check).bind(*args, **options)
    call = Call(check.__name__, {**dict(zip(bound.signature.parameters, bound.args, strict=False)), **bound.kwargs})
    try:
        object.__setattr__(report, "source", source(call))
        if report.repeat and not _problem(call):
            object.__setattr__(report, "repeat", SAVE)
    except Exception:  # noqa: BLE001  an object of the caller's that answers no question: the report stands without it
        return report
    return report.with_call(call)


def source(call: Call) -> str:
    """Return ``file.py:12, loss_gradient`` of the claim; empty where it is no Python function."""
    function = next((call.given[form] for form in FORMS if callable(call.given.get(form))), None)
    while isinstance(function, partial):
        function = function.func
    try:
        function = inspect.unwrap(function) if callable(function) else function
    except ValueError:  # a cycle of __wrapped__
        return ""
    if isinstance(owner := getattr(function, "__self__", None), type) and hasattr(owner, "backward"):
        function = owner.backward  # what is claimed by the apply of a torch.autograd.Function
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}, {getattr(function, '__name__', '?')}"


# The program ----------------------------------------------------------------------------------------------


def program(report: Report, data: str = "repeat.npz") -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    """Return a program that makes a check again, and the arrays that its file `data` has to hold; none if small.

    Raises
    ------
    UnsupportedError
        If the functions or the arguments cannot be written: the message says which.

    """
    if report.call is None:
        raise UnsupportedError(
            "the report does not know the call that made it: it passed, was read back, or came from another process; "
            "write the program where the check is made"
        )
    try:
        return _program(report.call, data, small=_entries(report.call.given) <= SMALL)
    except _Unwritable as error:
        raise UnsupportedError(f"no program can make this check again: {error}") from None


def _problem(call: Call) -> str:
    try:
        _program(call, "", small=False)
    except _Unwritable as error:
        return str(error)
    return ""


def _program(call: Call, data: str, *, small: bool) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    writer = _Writer(small=small)
    passed = [
        f"    {name}={writer.expression(value, name)}," for name, value in call.given.items() if value is not None
    ]
    loaded = [f"data = np.load(Path(__file__).with_name({data!r}))", ""] if writer.kept else []
    imports = sorted(writer.imports | ({"import numpy as np", "from pathlib import Path"} if writer.kept else set()))
    lines = [*imports, "", *loaded, f"report = gradcheck.{call.verb}(", *passed, ")", "print(report)"]
    return "\n".join(lines) + "\n", writer.kept


class _Writer:
    """Writes values as Python expressions, and gathers what they import and the arrays that are kept apart."""

    def __init__(self, *, small: bool) -> None:
        self.small = small
        self.imports = {"import gradcheck"}
        self.kept: dict[str, np.ndarray[Any, Any]] = {}

    def expression(self, value: Any, name: str) -> str:
        """Return the expression that makes a value again; raise _Unwritable if there is none."""
        if isinstance(value, np.generic):
            return self._scalar(value, name)
        if arrays.is_array(value):
            return self._array(value, name)
        if type(value) in {dict, list, tuple}:
            return self._container(value, name)
        if value is None or isinstance(value, str | int):
            return repr(value)
        if isinstance(value, numbers.Number):
            return self._number(value)
        return self._function(value, name)

    def _scalar(self, value: np.generic[Any], name: str) -> str:
        plain = value.item()
        if isinstance(plain, np.generic):
            raise _Unwritable(f"{name} is a {type(value).__name__}, which Python has no number for")
        self.imports.add("import numpy as np")
        return f"np.{type(value).__name__}({self.expression(plain, name)})"

    def _container(self, value: Any, name: str) -> str:
        if isinstance(value, dict):
            pairs = (f"{self.expression(k, name)}: {self.expression(v, f'{name}_{k}')}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        parts = [self.expression(v, f"{name}_{i}") for i, v in enumerate(value)]
        if isinstance(value, list):
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"

    def _number(self, value: Any) -> str:
        plain: Any = float(value) if isinstance(value, numbers.Real) else complex(value)
        return repr(plain) if np.isfinite(plain) else f"{type(plain).__name__}({str(plain)!r})"

    def _function(self, function: Any, name: str) -> str:
        module, path = str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", ""))
        found = None if module == "__main__" else sys.modules.get(module)
        for attribute in path.split("."):
            found = getattr(found, attribute, None)
        if found is not function:
            raise _Unwritable(f"{name} cannot be imported by name: define it at the top of a module")
        if all(_plain(word) for word in module.split(".")) and module.split(".", maxsplit=1)[0] not in TAKEN:
            self.imports.add(f"import {module}")
            return f"{module}.{path}"
        self.imports.add("import importlib")
        return f"importlib.import_module({module!r}).{path}"

    def _array(self, array: Any, name: str) -> str:
        values = _exact(array)
        if values.dtype.hasobject:
            raise _Unwritable(f"{name} is an array of objects")
        if self.small and values.size and np.all(np.isfinite(values)):
            made = f"np.array({values.tolist()}, dtype={values.dtype.name!r})"
        else:
            key = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{name}_{len(self.kept)}")
            self.kept[key] = values
            made = f"data[{key!r}]"
        self.imports.add("import numpy as np")
        if isinstance(array, np.ndarray | np.generic):
            return made
        dtype = arrays.dtype_name(array)
        if arrays.is_torch(array):
            self.imports.add("import torch")
            return f"torch.asarray({made}).to({str(array.device)!r}, torch.{dtype})"
        if type(array).__module__.partition(".")[0] in {"jax", "jaxlib"}:
            self.imports.add("import jax.numpy as jnp")
            return f"jnp.asarray({made}, dtype={dtype!r})"
        raise _Unwritable(f"{name} is a {type(array).__name__}, wanted an array of NumPy, Torch or JAX")


def _exact(array: Any) -> np.ndarray[Any, Any]:
    """Return the values in a dtype that NumPy can write: bfloat16 in float32, which holds each of them."""
    if arrays.is_torch(array):
        array = array.detach().cpu()
        array = array.float() if arrays.dtype_name(array) == "bfloat16" else array
        return np.asarray(array.resolve_conj().resolve_neg().numpy())
    return np.asarray(array, dtype=np.float32 if arrays.dtype_name(array) == "bfloat16" else None)


def _entries(value: Any) -> int:
    if arrays.is_array(value):
        return arrays.total_size([value])
    parts = value.values() if hasattr(value, "values") else value if isinstance(value, list | tuple) else ()
    return sum(map(_entries, parts))


def _plain(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)
