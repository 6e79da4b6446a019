"""One written line of a derivation: its name, its function, the names it reads, its text for people."""

from __future__ import annotations

import ast
import inspect
import linecache
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gradcheck.claims.point import finished
from gradcheck.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

GRADIENT_PREFIX = "grad_"  # grad_h is what a line reads, and the text shows, for dloss/dh
NAMESPACE = "xp"  # the parameter that is filled with the array namespace


@dataclass(frozen=True)
class Line:
    """One line `name = function(parameters)`.

    Attributes
    ----------
    name : str
        What the line computes: a forward value, or the variable whose gradient it is.
    function : callable
        The line as written; its parameters are filled by name.
    label : str
        How the line is called in messages, for instance "forward line 'h'".
    parameters : tuple of str
        The names it reads, in the order written. A parameter with a default value is a constant of
        the line and is not among them.

    """

    name: str
    function: Callable[..., Any]
    label: str
    parameters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", _parameters(self.function, self.label))

    def __call__(self, known: Mapping[str, Any]) -> Any:
        """Return the line's value, each parameter filled from `known`; its exceptions name the line."""
        try:
            return finished(self.function(**{name: known[name] for name in self.parameters}), self.function)
        except Exception as error:
            error.add_note(f"raised in the {self.label}: {self.expression}")
            raise

    @property
    def upstream(self) -> tuple[str, ...]:
        """The variables whose gradients the line reads: `h` for a parameter `grad_h`."""
        cut = len(GRADIENT_PREFIX)
        return tuple(p[cut:] for p in self.parameters if p.startswith(GRADIENT_PREFIX))

    @property
    def expression(self) -> str:
        """The right-hand side as its author wrote it, on one line; `f(a, b)` where no source is kept."""
        written = _body(self.function)
        if written is not None:
            return written
        return f"{_called(self.function)}({', '.join(self.parameters)})"


def _parameters(function: object, label: str) -> tuple[str, ...]:
    """Return the names to fill; refuse what cannot be filled by name."""
    if not callable(function):
        raise ArgumentError(f"the {label} is {shown(function)}: pass a function of named values, as lambda x, w: x @ w")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ArgumentError(
            f"the {label} is {shown(function)}, which does not tell its parameters: write a lambda"
        ) from None
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ArgumentError(
                f"the {label} takes {parameter}, which has no name to be filled by: name each value it reads"
            )
    return tuple(p.name for p in parameters if p.default is p.empty)


def _called(function: Callable[..., Any]) -> str:
    """Return the name a function goes by in a line's text."""
    return str(getattr(function, "__name__", "f")).strip("<>")


def _body(function: Callable[..., Any]) -> str | None:
    """Return the text of a lambda's body, or of what a one-line `def` returns, white space collapsed."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        inner = _body(wrapped)
        return None if inner is None else f"{_called(function)}({inner})"
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    source = "".join(linecache.getlines(code.co_filename, getattr(function, "__globals__", None)))
    try:
        candidates = _functions(source).get(code.co_firstlineno, ())
    except SyntaxError:  # the file changed since it was imported, or is no Python
        return None
    found = [node for node in candidates if _holds(node, code)]
    if len(found) != 1:
        return None
    node = found[0]
    body: ast.AST | None = node.body if isinstance(node, ast.Lambda) else _returned(node)
    text = None if body is None else ast.get_source_segment(source, body)
    return None if text is None else " ".join(text.split()).replace("( ", "(").replace(" )", ")")


@lru_cache(maxsize=64)
def _functions(source: str) -> dict[int, tuple[ast.Lambda | ast.FunctionDef, ...]]:
    """Return the lambdas and functions of a file by the line they start on."""
    starts: dict[int, tuple[ast.Lambda | ast.FunctionDef, ...]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            starts[node.lineno] = (*starts.get(node.lineno, ()), node)
    return starts


def _holds(node: ast.Lambda | ast.FunctionDef, code: CodeType) -> bool:
    """Tell whether `code` was compiled from `node`: same arguments, and its instructions lie in its body."""
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if arguments != list(code.co_varnames[: len(arguments)]) or len(arguments) != (
        code.co_argcount + code.co_kwonlyargcount
    ):
        return False
    if isinstance(node, ast.FunctionDef):
        return node.name == code.co_name
    start = (node.body.lineno, node.body.col_offset)
    end = (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    places = [
        (line, column)
        for line, _, column, _ in code.co_positions()
        if line is not None and column is not None and (line, column) >= (node.lineno, node.col_offset + 1)
    ]
    return bool(places) and all(start <= place <= end for place in places)


def _returned(node: ast.FunctionDef) -> ast.expr | None:
    """Return what a function whose body is one `return` (after its docstring) returns."""
    last = node.body[-1]
    documented = len(node.body) == 2 and ast.get_docstring(node) is not None
    return last.value if isinstance(last, ast.Return) and (len(node.body) == 1 or documented) else None
