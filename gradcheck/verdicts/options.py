"""How to judge: the options that every verb takes, and the table that checks each of them."""

from __future__ import annotations

import difflib
import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

import numpy as np

from gradcheck.errors import ArgumentError

FINITE_DIFFERENCES = "finite differences"
ORACLES = (FINITE_DIFFERENCES, "autograd", "exact")
CONTRACT = 3  # evaluations before any number: f's dtype, its value, and its value again
PLAIN: tuple[type, ...] = (int, float, bool)
CONVENTIONS = ("right", "left", "midpoint")


class Options(TypedDict, total=False):
    """How to judge: what `gradcheck.check`, `assert_gradient`, `check_module`, `Derivation.check` and the fixture take.

    Parameters
    ----------
    rtol : float, optional
        Relative error to allow: an approximate gradient is meant. By default every significant error is a FAIL.
    atol : float, optional
        ‖g − ∇f‖ that does not matter, in the units of the gradient (what `scipy.optimize.check_grad` returns). A
        gradient below what f's own digits show passes then with its absolute bound. With `rtol`, either of them will
        do.
    piecewise_constant : bool
        f moves in steps (a rounded number, a look-up table), and is constant in between: a claim of zero is a PASS
        where f does not move next to the point. False by default, for low precision inside f looks the same.
    straight_through : callable, optional
        The smooth function that a straight-through estimator is the gradient of: takes the arguments of f and returns
        what f returns (its output alone with `backward`). The claim is held against it instead of f.
    confidence : float
        Of the interval for the error, 0.9999 by default.
    probes : int
        Directions at least, 4 by default.
    seed : int
        Of every random draw, 0 by default; the same seed repeats the check bit for bit on a deterministic f.
    oracle : {"finite differences", "autograd", "exact"}, optional
        Where the slopes come from. Finite differences need nothing but f, and are the default.
    max_evaluations : int, optional
        Evaluations of f to spend at most; what is then undecided is INCONCLUSIVE.
    kink : {"right", "left", "midpoint"}, optional
        Require this convention where f has a kink at the point.
    kink_of : callable, optional
        ``kink_of(*args)`` returns the kink variable (an array, or a tuple of arrays): h for ``max(h, 0)``.
    tangent : mapping of str to callable, optional
        By argument name: maps a NumPy direction to one that the argument allows, ``lambda v: v + v.T``.

    """

    rtol: float | None
    atol: float | None
    piecewise_constant: bool
    straight_through: Callable[..., Any] | None
    confidence: float
    probes: int
    seed: int
    oracle: str | None
    max_evaluations: int | None
    kink: str | None
    kink_of: Callable[..., Any] | None
    tangent: Mapping[str, Callable[[Any], Any]] | None


@dataclass(frozen=True)
class Rules:
    """The options of one check, complete and checked."""

    rtol: float | None = None
    atol: float | None = None
    piecewise_constant: bool = False
    straight_through: Callable[..., Any] | None = None
    confidence: float = 0.9999
    probes: int = 4
    seed: int = 0
    oracle: str | None = None
    max_evaluations: int | None = None
    kink: str | None = None
    kink_of: Callable[..., Any] | None = None
    tangent: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


# Each checker returns what was wanted, or None where the value will do. ---------------------------------------------

Checker = Callable[[Any], str | None]


def _number(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, bool | np.bool_)


def _positive(wanted: str) -> Checker:
    return lambda x: None if _number(x) and 0 < x <= sys.float_info.max else wanted


def _boolean(wanted: str) -> Checker:
    return lambda x: None if isinstance(x, bool | np.bool_) else wanted


def _inside_0_1(wanted: str) -> Checker:
    return lambda x: None if _number(x) and 0 < x < 1 else wanted


def _at_least(least: int, wanted: str) -> Checker:
    return lambda x: None if isinstance(x, int) and not isinstance(x, bool) and x >= least else wanted


def _one_of(*choices: str) -> Checker:
    wanted = f"one of {', '.join(map(repr, choices))}, or None"
    return lambda x: None if isinstance(x, str) and x in choices else wanted


def _function(wanted: str) -> Checker:
    return lambda x: None if callable(x) else wanted


def _functions_by_name(wanted: str) -> Checker:
    return lambda x: None if isinstance(x, Mapping) and all(map(callable, x.values())) else wanted


CHECKERS: dict[str, Checker] = {
    "rtol": _positive("a positive number, or None for significant errors to fail"),
    "atol": _positive("a positive number in the units of the gradient, or None"),
    "piecewise_constant": _boolean("True or False"),
    "straight_through": _function("the smooth function that f stands for"),
    "confidence": _inside_0_1("a probability inside (0, 1) such as 0.9999"),
    "probes": _at_least(2, "an integer of 2 or more: one direction proves no error"),
    "seed": _at_least(0, "an integer of 0 or more"),
    "oracle": _one_of(*ORACLES),
    "max_evaluations": _at_least(CONTRACT + 1, f"None, or an integer above the {CONTRACT} of the contract"),
    "kink": _one_of(*CONVENTIONS),
    "kink_of": _function("a function of the arguments"),
    "tangent": _functions_by_name(
        "functions of a direction by argument name, such as {'a': lambda v: v + v.T}",
    ),
}
OPTIONAL = {f.name for f in fields(Rules) if f.default is None or f.name == "tangent"}


def rules(options: Mapping[str, Any]) -> Rules:
    """Return the options as Rules; None stands for the default.

    Raises
    ------
    ArgumentError
        If a name is none of `Options`, or a value is not what is wanted there.

    """
    found: dict[str, Any] = {}
    for name, given in options.items():
        if name not in CHECKERS:
            near = difflib.get_close_matches(name, CHECKERS, 1)
            meant = f": did you mean {near[0]}=?" if near else f": there are {', '.join(CHECKERS)}"
            raise ArgumentError(f"{name}= is no option{meant}")
        if given is None and name in OPTIONAL:
            continue
        value = _plain(given)
        if (wanted := CHECKERS[name](value)) is not None:
            raise ArgumentError(f"{name}={_shown(given)}, wanted {wanted}")
        found[name] = value
    return Rules(**found)


def _plain(x: Any) -> Any:
    """Return a number of NumPy's, or a fraction, as one of Python's; anything else as it is."""
    if isinstance(x, np.integer):
        return int(x)
    if type(x) not in PLAIN and isinstance(x, numbers.Real):
        try:
            return float(x)
        except (OverflowError, ValueError):
            return x
    return x


def _shown(x: Any) -> str:
    """Return x as a message shows it: whole where it is short."""
    text = repr(x)
    return text if len(text) <= 80 else f"{text[:60]}... ({type(x).__name__})"
