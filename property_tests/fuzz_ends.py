"""Calls at the ends of the floats, and of functions that change their mind at a later call; for `fuzz.py --area ends`.

Every form of claim, with scales from the smallest number to infinity: there quotients, squares and sums overflow or
vanish. A function that was right when its claim was read returns something else, or raises, while the verdict is made,
or while a mistake is looked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import fuzz
import numpy as np

import gradcheck as gc

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

breach = fuzz.breach
FINITE = [0.0, 5e-324, 1e-320, 2.3e-308, 1e-300, 1e-160, 1e-30, 1e-9, 1.0, 3.0, 1e9, 1e30, 1e160, 1e300, 8e307, 1.7e308]
ENDS = [*FINITE, math.inf, math.nan]
PLAIN = [0.5, 0.25, 1.0, 2.0, 0.0, -1.0]
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda x: x, np.ones_like),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "abs": (lambda x: np.abs(x - 0.5), lambda x: np.sign(x - 0.5)),
    "root": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "one over": (lambda x: 1 / x, lambda x: -1 / x**2),
    "constant": (lambda x: 1 + 0 * x, lambda x: 0 * x),
    "stairs": (lambda x: np.round(x * 1e3) / 1e3, np.ones_like),
    "float32 inside": (lambda x: np.sin(x.astype("f4")).astype("f8"), np.cos),
    "one side": (lambda x: np.where(x >= 0.5, x, np.nan), np.ones_like),
}


class Unreadable:
    """An array by its attributes, whose values cannot be had."""

    shape, dtype = (3,), np.dtype("f8")

    def __array_namespace__(self, *, api_version: Any = None) -> Any:
        return np

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise OSError("no values")


LATER: dict[str, Callable[[Any], Any]] = {
    "unreadable": lambda _: Unreadable(),
    "None": lambda _: None,
    "text": lambda _: "x",
    "NaN": lambda y: y * math.nan,
    "infinite": lambda y: y * math.inf,
    "huge": lambda y: y * 1e308,
    "another shape": lambda _: np.ones((7, 2)),
    "empty": lambda _: np.zeros(0),
    "objects": lambda _: np.array([None] * 3),
    "twice": lambda y: (y, y),
    "complex": lambda y: y * 1j,
    "an error": lambda _: {}["k"],
}
if fuzz.torch is not None:
    LATER["nested"] = lambda _: fuzz.torch.nested.nested_tensor([fuzz.torch.ones(2), fuzz.torch.ones(3)])


def later(function: Callable[..., Any], calls: int, change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function that is `function` for so many calls, and returns something else from then on."""
    made = [0]

    def changing(*args: Any, **kwargs: Any) -> Any:
        made[0] += 1
        result = function(*args, **kwargs)
        if made[0] <= calls:
            return result
        if isinstance(result, tuple):
            return (change(result[0]), *result[1:])
        return change(result)

    return changing


def _point(draw: random.Random) -> Any:
    count, kind = draw.choice([1, 2, 3, 5]), draw.random()
    if kind < 0.5:
        return np.array([draw.choice(PLAIN) for _ in range(count)])
    if kind < 0.7:
        return np.full(count, draw.choice(FINITE))
    return np.array([draw.choice(FINITE) * draw.choice([1, -1, 0.5]) for _ in range(count)])


def _call(draw: random.Random, name: str, x: Any) -> tuple[str, tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a form of claim, and what is passed: a function in a scale, and a claim, right or wrong."""
    f, d = FUNCTIONS[name]
    s = draw.choice([1.0, draw.choice(ENDS)])
    t = draw.choice([1.0, 1.0, 1.0 + 1e-6, -1.0, 2.0, draw.choice(ENDS)]) * draw.choice([s, s, draw.choice(ENDS)])
    w = np.array([draw.choice(FINITE) for _ in x]) if draw.random() < 0.4 else np.ones(len(x))
    c = draw.choice([0.0, 0.0, draw.choice(FINITE)])

    def whole(x: Any) -> Any:
        return c + s * (w * f(x))

    def value(x: Any) -> Any:
        return c + s * np.sum(w * f(x))

    def slope(x: Any) -> Any:
        return t * (w * d(x))

    cubic, its_gradient = (lambda x: s * np.sum(w * x**3)), (lambda x: s * 3 * w * x**2)
    points = tuple(x * draw.choice([1, 1e-200, 1e200]) for _ in range(5))
    forms: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "gradient": ((value, slope, (x,)), {}),
        "two": ((lambda x, y: value(x) + np.sum(f(y)), lambda x, y: (slope(x), d(y)), (x, x.copy())), {}),
        "many": ((lambda *xs: sum(map(value, xs)), lambda *xs: tuple(map(slope, xs)), points), {}),
        "vjp": ((whole,), {"vjp": lambda v, x: v * slope(x), "args": (x,)}),
        "two outputs": (
            (lambda x: (whole(x), f(x)),),
            {"vjp": lambda v, x: v[0] * slope(x) + v[1] * d(x), "args": (x,)},
        ),
        "jvp": ((whole,), {"jvp": lambda v, x: v * slope(x), "args": (x,)}),
        "jac": ((whole,), {"jac": lambda x: np.diag(slope(x)), "args": (x,)}),
        "hess": ((cubic, its_gradient, (x,)), {"hess": lambda x: np.diag(t * 6 * w * x)}),
        "hessp": ((cubic, its_gradient, (x,)), {"hessp": lambda x, p: t * 6 * w * x * p}),
        "order 2": ((cubic, lambda x: t * 3 * w * x**2, (x,)), {"order": 2}),
        "adjoint": ((lambda x: s * w * x,), {"adjoint": lambda y: t * w * y, "args": (x,)}),
        "backward": ((lambda x: (whole(x), x),), {"backward": lambda v, x: v * slope(x), "args": (x,)}),
    }
    return draw.choice(list(forms.items()))


def drawn(draw: random.Random) -> fuzz.Call:
    """Return a call of `check`; one in two has a function that changes its mind."""
    with np.errstate(all="ignore"):
        name, x = draw.choice(list(FUNCTIONS)), _point(draw)
        if draw.random() < 0.1:
            x = x.astype("f4")
        form, (args, options) = _call(draw, name, x)
    words = f"{form} of {name}"
    for option, odds, values in (
        ("oracle", 0.2, ["exact", "finite differences"]),
        ("kink", 0.2, ["right", "left", "midpoint", "chain-rule"]),
        ("rtol", 0.15, [1e-12, 1e-3, 0.5]),
        ("atol", 0.1, FINITE[1:]),
    ):
        if draw.random() < odds:
            options[option] = draw.choice(values)
    if draw.random() < 0.5:
        places = [k for k, a in enumerate(args) if callable(a)], [k for k, a in options.items() if callable(a)]
        place, kind, calls = draw.choice([*places[0], *places[1]]), draw.choice(list(LATER)), draw.randrange(60)
        if isinstance(place, int):
            args = (*args[:place], later(args[place], calls, LATER[kind]), *args[place + 1 :])
        else:
            options[place] = later(options[place], calls, LATER[kind])
        words += f", {place} is {kind} after {calls} calls"
    return fuzz.Call(f"{words}, at {x!r}", gc.check, args, options)


def words_of(call: fuzz.Call) -> str:
    """Return what was drawn as text."""
    return call.words
