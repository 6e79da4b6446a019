"""Arguments that move on a manifold: `retract=` makes every function of a claim one of tangent coordinates.

With x(v) = retract(x, v), a claim about x is one about v at v = 0: its functions are called at x(v), and its gradients,
tangents and columns are in the coordinates v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import argument_names
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BEFORE = {"vjp": 1, "jvp": 1}  # parameters before the arguments
FORMS = ("gradient", "vjp", "jvp", "jac", "hess")


def retracted(
    function: Callable[..., Any],
    args: Any,
    given: Mapping[str, Any],
    names: Sequence[str] | None,
    retract: Mapping[str, Any],
) -> tuple[Callable[..., Any], Any, dict[str, Any], Sequence[str] | None]:
    """Return function, args, forms and names in tangent coordinates.

    Raises
    ------
    ArgumentError
        If a name is no argument's, or a form cannot be had in tangent coordinates.

    """
    by_name = isinstance(args, dict)
    if not isinstance(args, tuple | list | dict):
        raise ArgumentError("retract= moves arguments of args=: pass args as a tuple or a dict")
    labels = list(args) if by_name else list(argument_names(function, len(args), names))
    values = dict(args) if by_name else dict(zip(labels, args, strict=True))
    for name in retract:
        if name not in labels:
            raise ArgumentError(f"retract= names {name!r}, which is no argument: there are {', '.join(labels)}")
    for form, value in given.items():
        if value is not None and form not in FORMS:
            raise ArgumentError(f"retract= goes together with {', '.join(FORMS)}, not with {form}=")
    moves = {name: _moving(name, values[name], how) for name, how in retract.items()}

    def at_the_place(user: Callable[..., Any], skipped: int) -> Callable[..., Any]:
        def moved(*passed: Any, **named: Any) -> Any:
            first, rest = passed[:skipped], passed[skipped:]
            rest = tuple(moves[n](x) if n in moves else x for n, x in zip(labels, rest, strict=False))
            named = {n: moves[n](x) if n in moves else x for n, x in named.items()}
            return user(*first, *rest, **named)

        moved.__name__ = getattr(user, "__name__", "f")
        return moved

    wrapped = {
        form: at_the_place(value, BEFORE.get(form, 0)) if callable(value) else value for form, value in given.items()
    }
    start = {name: _zeros(x, retract[name], name) if name in moves else x for name, x in values.items()}
    return at_the_place(function, 0), start if by_name else tuple(start.values()), wrapped, names if by_name else labels


def _moving(name: str, x: Any, how: Any) -> Callable[[Any], Any]:
    step = how[0] if isinstance(how, tuple) else how
    if not callable(step):
        raise ArgumentError(f"the retract= of {name} is a {type(step).__name__}, wanted a function of x and v")
    return lambda v: step(x, v)


def _zeros(x: Any, how: Any, name: str) -> Any:
    """Return v = 0 in the shape of the coordinates: as given, as the manifold says, or as the argument's own."""
    if not arrays.is_floating(x):
        raise ArgumentError(f"retract= moves {name}, which is no floating array")
    shape = how[1] if isinstance(how, tuple) else how.coordinates(x) if hasattr(how, "coordinates") else x.shape
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return (
        arrays.namespace(x).zeros(shape, dtype=x.dtype) if not isinstance(x, np.ndarray) else np.zeros(shape, x.dtype)
    )
