"""How to judge: the options that every verb takes, and the table that checks each of them."""

from __future__ import annotations

import difflib
import numbers
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from gradcheck.claims.backward_asked import Terms
from gradcheck.errors import ArgumentError, shown
from gradcheck.oracles.by_name import ORACLES
from gradcheck.slopes.budget import CONTRACT, Budget

if TYPE_CHECKING:
    from concurrent.futures import Executor

PLAIN: tuple[type, ...] = (int, float, bool)
SEEDS = 2**128  # what numpy.random.SeedSequence().entropy draws from
MOST_PROBES = 2**16  # far beyond what narrows an interval: a number above it is a slip that would run for days
CONVENTIONS = ("right", "left", "midpoint", "chain-rule")


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
    max_seconds : float, optional
        Seconds after which no evaluation of f begins; what is then undecided is INCONCLUSIVE.
    progress : bool, optional
        Tell on the standard error stream what is spent, where f takes long; by default where that is a terminal.
    executor : concurrent.futures.Executor, optional
        Evaluate f in it, several at once where they do not wait for each other: for an f that is slow, and pure.
    kink : {"right", "left", "midpoint", "chain-rule"}, optional
        Require this convention where f has a kink at the point; "chain-rule" accepts what is no subgradient as well,
        where Torch's own graph of f gives it, or a derivation whose lines are right.
    kink_of : callable, optional
        ``kink_of(*args)`` returns the kink variable (an array, or a tuple of arrays): h for ``max(h, 0)``.
    tangent : mapping of str to callable, optional
        By argument name: maps a NumPy direction to one that the argument allows, ``lambda v: v + v.T``.
    every_entry : bool
        Measure each entry of an argument that failed, of 10,000 entries at most, by moving it alone: two evaluations
        an entry at least. The page draws them all.
    deterministic : bool
        With `inputs=`: a backward whose two answers are not the same to the bit is a FAIL instead of a note.
    inplace_cotangent : bool
        With `inputs=`: the backward may overwrite its cotangent.
    batch_axis : int or mapping of str to int, optional
        With `inputs=`: ask some rows along this axis alone too, and say whether they are the same as in the batch.

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
    max_seconds: float | None
    progress: bool | None
    executor: Executor | None
    kink: str | None
    kink_of: Callable[..., Any] | None
    tangent: Mapping[str, Callable[[Any], Any]] | None
    every_entry: bool
    deterministic: bool
    inplace_cotangent: bool
    batch_axis: int | Mapping[str, int] | None


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
    max_seconds: float | None = None
    progress: bool | None = None
    executor: Executor | None = None
    kink: str | None = None
    kink_of: Callable[..., Any] | None = None
    tangent: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    every_entry: bool = False
    deterministic: bool = False
    inplace_cotangent: bool = False
    batch_axis: int | Mapping[str, int] | None = None

    @property
    def terms(self) -> Terms:
        """What a backward pass owes."""
        return Terms(self.deterministic, self.inplace_cotangent, self.batch_axis)

    def budget(self) -> Budget:
        """Return what a check under these options may spend, from now on."""
        return Budget(
            evaluations=self.max_evaluations,
            seconds=self.max_seconds,
            progress=self.progress,
            executor=self.executor,
        )


# Each checker returns what was wanted, or None where the value will do. ---------------------------------------------

Checker = Callable[[Any], str | None]


def _number(x: Any) -> bool:
    """Tell whether x is a number as `_plain` leaves it."""
    return isinstance(x, int | float) and not isinstance(x, bool)


def _positive(wanted: str) -> Checker:
    return lambda x: None if _number(x) and 0 < x <= sys.float_info.max else wanted


def _boolean(wanted: str) -> Checker:
    return lambda x: None if isinstance(x, bool | np.bool_) else wanted


def _inside_0_1(wanted: str) -> Checker:
    return lambda x: None if _number(x) and 0 < x < 1 else wanted


def _from(least: int, most: int, wanted: str) -> Checker:
    def check(x: Any) -> str | None:
        if not isinstance(x, int) or isinstance(x, bool) or x < least:
            return wanted
        return None if x <= most else f"an integer up to {most}"

    return check


def _one_of(*choices: str) -> Checker:
    wanted = f"one of {', '.join(map(repr, choices))}, or None"
    return lambda x: None if isinstance(x, str) and x in choices else wanted


def _function(wanted: str) -> Checker:
    return lambda x: None if callable(x) else wanted


def _functions_by_name(wanted: str) -> Checker:
    return lambda x: None if isinstance(x, Mapping) and all(map(callable, x.values())) else wanted


def _order(wanted: str) -> Checker:
    return lambda x: None if type(x) is int and x in (1, 2) else wanted


def _texts(wanted: str, *, alone: bool) -> Checker:
    def check(x: Any) -> str | None:
        if isinstance(x, str):
            return None if alone else wanted
        return None if isinstance(x, Collection) and all(isinstance(text, str) for text in x) else wanted

    return check


def _axes(wanted: str) -> Checker:
    def check(x: Any) -> str | None:
        if type(x) is int:
            return None
        return None if isinstance(x, Mapping) and x and all(type(a) is int or a is None for a in x.values()) else wanted

    return check


def _by_name(wanted: str) -> Checker:
    return lambda x: None if isinstance(x, Mapping) and all(isinstance(name, str) for name in x) else wanted


def _with_submit(wanted: str) -> Checker:
    return lambda x: None if callable(getattr(x, "submit", None)) and not isinstance(x, type) else wanted


CHECKERS: dict[str, Checker] = {
    "rtol": _positive("a positive number, or None for significant errors to fail"),
    "atol": _positive("a positive number in the units of the gradient, or None"),
    "piecewise_constant": _boolean("True or False"),
    "straight_through": _function("the smooth function that f stands for"),
    "confidence": _inside_0_1("a probability inside (0, 1) such as 0.9999"),
    "probes": _from(2, MOST_PROBES, "an integer of 2 or more: one direction proves no error"),
    "seed": _from(0, SEEDS - 1, "an integer of 0 or more"),
    "oracle": _one_of(*ORACLES),
    "max_evaluations": _from(CONTRACT + 1, sys.maxsize, f"None, or an integer above the {CONTRACT} of the contract"),
    "max_seconds": _positive("None, or a positive number of seconds"),
    "progress": lambda x: None if isinstance(x, bool | np.bool_) else "True, False, or None for a line on a terminal",
    "executor": _with_submit("an executor as of concurrent.futures, such as ThreadPoolExecutor(4)"),
    "kink": _one_of(*CONVENTIONS),
    "kink_of": _function("a function of the arguments"),
    "tangent": _functions_by_name(
        "functions of a direction by argument name, such as {'a': lambda v: v + v.T}",
    ),
    "every_entry": _boolean("True or False"),
    "deterministic": _boolean("True or False"),
    "inplace_cotangent": _boolean("True or False"),
    "batch_axis": _axes("an axis such as 0, or a dict of axes by input"),
}
# What `check` takes beside the options of judging.
BESIDE: dict[str, Checker] = {
    "order": _order("1, or 2 together with inputs= (Torch's double backward)"),
    "only": _texts("the name of an argument, or a list of names", alone=True),
    "names": _texts("a list of different names, one for each argument", alone=False),
    "kwargs": _by_name("a dict of keyword arguments"),
    "approximate": _one_of("gauss-newton"),
    "residuals": _function("a function of the arguments that returns the residuals"),
    "retract": _by_name("a dict by argument name, such as {'R': gradcheck.manifolds.SO3()}"),
}
OPTIONAL = {f.name for f in fields(Rules) if f.default is None or f.name == "tangent"} | BESIDE.keys() - {"order"}


def read_rules(options: Mapping[str, Any]) -> Rules:
    """Return the options as Rules; None stands for the default.

    Raises
    ------
    ArgumentError
        If a name is none of `Options`, or a value is not what is wanted there.

    """
    for name in options:
        if name not in CHECKERS:
            near = difflib.get_close_matches(name, CHECKERS, 1)
            meant = f": did you mean {near[0]}=?" if near else f": there are {', '.join(CHECKERS)}"
            raise ArgumentError(f"{name}= is no option{meant}")
    return Rules(**{name: x for name, given in options.items() if (x := accepted(name, given)) is not None})


def accepted(name: str, given: Any) -> Any:
    """Return the value of an option, or of what `check` takes beside them; None where it may be left out, and is.

    Raises
    ------
    ArgumentError
        If it is not what is wanted there.

    """
    if given is None and name in OPTIONAL:
        return None
    value = _plain(given)
    try:
        wanted = (CHECKERS | BESIDE)[name](value)
    except Exception as error:  # a class of the user's, whose methods raise
        raise ArgumentError(f"{name}={shown(given)} cannot be read ({type(error).__name__})") from error
    if wanted is not None:
        raise ArgumentError(f"{name}={shown(given)}, wanted {wanted}")
    return float(value) if name in ("rtol", "atol") and value is not None else value


def _plain(x: Any) -> Any:
    """Return a number of NumPy's, or a fraction, as one of Python's; anything else as it is."""
    if type(x) in PLAIN or not isinstance(x, numbers.Real):
        return x
    try:
        return int(x) if isinstance(x, numbers.Integral) else float(x)
    except Exception:  # noqa: BLE001  a fraction beyond the floats, a time span that NumPy counts among the integers
        return x
