"""Arguments that move on a manifold: `retract=` makes every function of a claim one of tangent coordinates.

With x(v) = retract(x, v), a claim about x is one about v at v = 0: its functions are called at x(v), and its gradients,
tangents and columns are in the coordinates v.

A gradient at x(v) is claimed in the coordinates there, so that its Jacobian is no Hessian: on a rotation it is not
even symmetric. A manifold's ``carried(x, v, g, g0)`` brings a gradient g at x(v) to the coordinates at x, to first
order in v, g0 being the one at x; the Jacobian of that is the Hessian of f(retract(x, v)) at v = 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import argument_names, finished, point
from gradcheck.claims.returned import by_argument
from gradcheck.claims.torch_backward import input_names
from gradcheck.claims.torch_module import is_module
from gradcheck.claims.tree import is_node, items, rebuilt
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BEFORE = {"vjp": 1, "jvp": 1}  # parameters before the arguments
SECOND = ("hess", "hessp")  # forms of second derivatives, judged against a gradient beside them
# Forms whose functions take no arguments: a backward has its cache, and inputs= is the point itself.
WITHOUT = ("backward", "inputs")


def retracted(
    function: Callable[..., Any],
    args: Any,
    given: Mapping[str, Any],
    names: Sequence[str] | None,
    retract: Mapping[str, Any],
) -> tuple[Callable[..., Any], Any, dict[str, Any], Sequence[str] | None]:
    """Return function, args, forms and names in tangent coordinates.

    Parameters
    ----------
    function, args, given, names
        What is claimed, `given` by the keyword of its form; with ``inputs=`` that is the point.
    retract : mapping
        How arguments move, by name; those inside a nested argument by theirs, ``poses.0``.

    Raises
    ------
    ArgumentError
        If a name is no argument's, or what moves is no array.

    """
    if given.get("adjoint") is not None:
        raise ArgumentError(
            "a function of arguments that move on a manifold is not linear: pass vjp= instead of adjoint="
        )
    inputs = given.get("inputs")
    if inputs is not None:
        if is_module(function):
            raise ArgumentError(
                "retract= moves what f is called with, and a module has parameters too: pass a function"
            )
        args = inputs if isinstance(inputs, tuple | list | dict) else (inputs,)
        names = names or input_names(function, args)
    if not isinstance(args, tuple | list | dict):
        raise ArgumentError("retract= moves arguments of args=: pass args as a tuple or a dict")
    place = _Place(function, args, names, retract)
    moved = {
        form: value if value is None or form in WITHOUT or not callable(value) else place.moved(value, form)
        for form, value in given.items()
    }
    if any(given.get(form) is not None for form in SECOND) and callable(given.get("gradient")):
        moved["carried"] = place.carried(given["gradient"], pair=given.get("hess") is True)
    start = place.start()
    if inputs is not None:
        moved["inputs"], start = start, None
    return place.moved(function, ""), start, moved, names if isinstance(args, dict) else place.labels


class _Place:
    """The point, and how its arguments move."""

    def __init__(self, function: Any, args: Any, names: Sequence[str] | None, retract: Mapping[str, Any]) -> None:
        self.labels = list(args) if isinstance(args, dict) else list(argument_names(function, len(args), names))
        self.tree, leaves = point(args, function, None if isinstance(args, dict) else self.labels)
        self.at = dict(zip(self.tree.names, leaves, strict=True))
        self.originals = dict(zip(self.tree.names, self.tree.originals(), strict=True))
        self.retract = retract
        for name in retract:
            if name not in self.at:
                known = [*self.labels, *(n for n in self.at if n not in self.labels)]
                raise ArgumentError(f"retract= names {name!r}, which is no argument: there are {', '.join(known)}")
            if not callable(_step(retract[name])):
                kind = type(_step(retract[name])).__name__
                raise ArgumentError(f"the retract= of {name} is a {kind}, wanted a function of x and v")

    def moved(self, user: Callable[..., Any], form: str) -> Callable[..., Any]:
        """Return a function called with v where `user` is called with x(v)."""
        skipped = BEFORE.get(form, 0)

        def called(*passed: Any, **named: Any) -> Any:
            first, rest = passed[:skipped], list(passed[skipped:])
            p = _product(rest, len(self.labels)) if form == "hessp" else None
            vector = [] if p is None else [rest.pop(p)]
            rest = [self._filled(x, label) for label, x in zip(self.labels, rest, strict=False)]
            if p is not None:
                rest.insert(p, *vector)
            return user(*first, *rest, **{n: self._filled(x, n) if n in self.labels else x for n, x in named.items()})

        called.__name__ = getattr(user, "__name__", "f")
        return called

    def _filled(self, x: Any, name: str) -> Any:
        """Return an argument with x(v) in the place of v."""
        if name in self.retract:
            here = self.at[name]
            if arrays.dtype_name(here) != arrays.dtype_name(x):
                here = arrays.cast(here, arrays.dtype_name(x))
            step = _step(self.retract[name])
            return finished(step(here, x), step)
        if not is_node(x) or not any(moving.startswith(f"{name}.") for moving in self.retract):
            return x
        parts = [self._filled(part, f"{name}.{key}") for key, part in items(x)]
        return rebuilt(x, parts)

    def start(self) -> Any:
        """Return the point in the coordinates: zeros for what moves on a manifold."""
        found = [
            _zeros(self.originals[name], self.retract[name]) if name in self.retract else self.originals[name]
            for name in self.tree.names
        ]
        return self.tree.fill(found)

    def carried(self, gradient: Callable[..., Any], *, pair: bool) -> Callable[..., Any]:
        """Return the gradient in the coordinates at the point itself, whose Jacobian is the Hessian there.

        With `pair` the function returns it together with the Hessian.
        """
        for name, how in self.retract.items():
            if not hasattr(how, "carried"):
                raise ArgumentError(
                    f"hess= and hessp= want a manifold of gradcheck.manifolds for {name}, or one with a method "
                    "carried(x, v, g, g0): how its coordinates turn along the way is not known of a function alone"
                )
        moved = self.moved(gradient, "gradient")
        first: list[Any] = []

        def by_name(*passed: Any, **named: Any) -> tuple[dict[str, Any], list[Any]]:
            result = moved(*passed, **named)
            g, rest = (result[0], list(result[1:])) if pair else (result, [])
            return dict(zip(self.tree.names, by_argument(g, self.tree), strict=True)), rest

        def called(*passed: Any, **named: Any) -> Any:
            found, rest = by_name(*passed, **named)
            if not first:
                zeros = self.start()
                first.append(
                    (by_name(**{**named, **zeros}) if isinstance(zeros, dict) else by_name(*zeros, **named))[0]
                )
            given = dict(zip(self.labels, passed, strict=False)) | named
            for name, how in self.retract.items():
                if found[name] is not None:
                    v = _inside(given, name)
                    found[name] = how.carried(self.at[name], v, np.asarray(found[name]), np.asarray(first[0][name]))
            whole = self.tree.fill([found[name] for name in self.tree.names])
            return (whole, *rest) if pair else whole

        return called


def _product(rest: Sequence[Any], arguments: int) -> int:
    """Return where the vector of a Hessian-vector product stands: second, or last as a tuple like the arguments."""
    return len(rest) - 1 if isinstance(rest[-1], tuple) and len(rest[-1]) == arguments > 1 else 1


def _inside(given: Mapping[str, Any], name: str) -> Any:
    """Return the entry of nested arguments that is called `name`."""
    if name in given:
        return given[name]
    for key, part in given.items():
        if name.startswith(f"{key}.") and is_node(part):
            return _inside(dict(items(part)), name[len(key) + 1 :])
    raise KeyError(name)


def _step(how: Any) -> Any:
    return how[0] if isinstance(how, tuple) else how


def _zeros(x: Any, how: Any) -> Any:
    """Return v = 0 in the shape of the coordinates: as given, as the manifold says, or as the argument's own."""
    shape = how[1] if isinstance(how, tuple) else how.coordinates(x) if hasattr(how, "coordinates") else x.shape
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if isinstance(x, np.ndarray | np.generic):
        return np.zeros(shape, x.dtype)
    zeros = arrays.namespace(x).zeros(shape, dtype=x.dtype)
    return zeros.requires_grad_(x.requires_grad) if arrays.is_torch(x) else zeros
