"""Is a NumPy gradient equal to the slopes of its function? Yes or no, in exact arithmetic, with no tolerance.

Along each direction judged, the claim g·v meets the exact slopes of f. Where the two slopes differ, or
differ from the claim, the gradient code is also run infinitely near the point on either side, where f is
smooth along v: there its formula must give the slope on that side. So a right formula with another
convention at the kink is told from a wrong formula, exactly.

A claim outside both slopes is wrong where one kink moves along the direction, as nearby gradients then
give these two slopes and no other (known with the kink variable, or in one dimension). Where several
kinks move, such a claim may still be a subgradient: it is compared with the limits of 32 random nearby
gradients, and called wrong only if it lies outside them and the second half of them showed no limit that
the first half had not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError
from gradcheck.oracles.balls import Real, agree, fmpq, middle, real, working
from gradcheck.oracles.exact import MOST_BITS, ExactPoint, ExactSlope
from gradcheck.oracles.kink_variable import lifting_directions, moving_zeros
from gradcheck.oracles.tightness import guaranteed_digits, ulps
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

__all__ = ["ExactRow", "ExactVerdict", "judge_exactly"]

CONVENTIONS = ("right", "left", "midpoint", "other")
SIDES = 32  # nearby gradients drawn round a kink, per argument


@dataclass(frozen=True)
class ExactRow:
    """The exact judgement of one argument's gradient.

    Attributes
    ----------
    name : str
        The argument.
    shape : tuple of int
        Its shape.
    along : str
        ``"entries"`` or ``"directions"``: what was judged.
    outcomes : mapping of str to int
        How many of them came out ``smooth`` (f has one slope, the claim equals it); or at a kink equal to the
        ``right`` slope, the ``left`` one, the ``midpoint``, or an ``other`` value that a subgradient may
        have; ``wrong``; ``undecided``.
    error : float
        Largest relative distance of a wrong claim from the slopes, 0 if none is: 1e-17 or so is a constant
        that Python rounded before it met an exact number (``3 * 0.1``).
    digits : float
        Decimal digits to which claim and slope are guaranteed to agree, at least; infinite when rational.
    ulps : float
        Largest distance of the floating-point gradient's entries from the exact ones, in units in the last
        place of each entry.
    ulps_of_largest : float
        The same in units in the last place of the largest entry: what cancellation does not inflate.

    """

    name: str
    shape: tuple[int, ...]
    along: str
    outcomes: Mapping[str, int]
    error: float
    digits: float
    ulps: float
    ulps_of_largest: float

    @property
    def judged(self) -> int:
        """Number of entries or directions judged."""
        return sum(self.outcomes.values())

    @property
    def equal(self) -> bool:
        """Whether the claim equals the slope where f has one, and may be a subgradient where it has two."""
        return not (self.outcomes["wrong"] or self.outcomes["undecided"])

    @property
    def convention(self) -> str | None:
        """Name what the claim is at the kinks: the limit from one side, the midpoint, other, or mixed.

        None if there is no kink. The sides are those of the kink variable if one was passed,
        else of the argument.
        """
        met = [name for name in CONVENTIONS if self.outcomes[name]]
        return None if not met else met[0] if len(met) == 1 else "mixed"


@dataclass(frozen=True)
class ExactVerdict:
    """The exact judgement of a gradient: one row per argument judged."""

    rows: tuple[ExactRow, ...]

    @property
    def verdict(self) -> str:
        """FAIL if anything is wrong, else INCONCLUSIVE if anything is undecided, else PASS."""
        for outcome, verdict in (("wrong", "FAIL"), ("undecided", "INCONCLUSIVE")):
            if any(row.outcomes[outcome] for row in self.rows):
                return verdict
        return "PASS"

    def __getitem__(self, name: str) -> ExactRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


def judge_exactly(
    f: Callable[..., Any],
    gradient: Callable[..., Any],
    args: Sequence[NDArray[Any]],
    *,
    names: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    entries_up_to: int = 256,
    directions: int = 4,
    kink_of: Callable[..., Any] | None = None,
    seed: int = 0,
    digits: int = 30,
) -> ExactVerdict:
    """Judge the gradient of a scalar NumPy function in exact arithmetic.

    Parameters
    ----------
    f : callable
        Maps the arguments to one number, in NumPy.
    gradient : callable
        Maps the arguments to one array per argument, in NumPy.
    args : sequence of arrays of float
        The point; the numbers in it are exact.
    names, only : sequence of str, optional
        Names of the arguments, and those of them to judge (default: all).
    entries_up_to : int
        Arguments of at most so many entries are judged entry by entry, larger ones along random directions.
    directions : int
        Number of Gaussian directions for each larger argument.
    kink_of : callable, optional
        Maps the arguments to the kink variable (such as h of relu(h)): conventions are then told of it, along
        the directions that move all its zeros to one side.
    seed : int
        Seed of the directions.
    digits : int
        Decimal digits that balls guarantee.

    Raises
    ------
    ArgumentError, UnsupportedError
        As `gradcheck.oracles.exact.exact_slope`; also if names do not fit.

    """
    names = [f"argument {i}" for i in range(len(args))] if names is None else list(names)
    if len(names) != len(args) or not set(only or ()) <= set(names):
        raise ArgumentError(f"names are {names} and only is {only}, but should name {len(args)} arguments")
    point = ExactPoint(args, digits=digits)
    judge = _Judge(f, gradient, point, kink_of)
    returned = gradient(*(array.copy() for array in point.floats))
    rounded = returned if isinstance(returned, (tuple, list)) else (returned,)
    rows = []
    for i, name in enumerate(names):
        if only is not None and name not in only:
            continue
        arg = point.floats[i]
        by_entry = arg.size <= entries_up_to
        rng = stream(seed, Purpose.EXACT, i)
        moves = _entries(arg.shape) if by_entry else [rng.standard_normal(arg.shape) for _ in range(directions)]
        if kink_of is not None and not by_entry:
            moves = lifting_directions(kink_of, point, i, list(moves), rng)
        outcomes, error, agreed = judge.argument(i, moves, rng)
        distance, largest = _distances(np.asarray(rounded[i]), judge.claim[i])
        along = "entries" if by_entry else "directions"
        rows.append(ExactRow(name, arg.shape, along, outcomes, error, agreed, distance, largest))
    return ExactVerdict(tuple(rows))


class _Judge:
    """One function, one claim, one point."""

    def __init__(
        self,
        f: Callable[..., Any],
        gradient: Callable[..., Any],
        point: ExactPoint,
        kink_of: Callable[..., Any] | None,
    ) -> None:
        self.f, self.gradient, self.kink_of, self.point = f, gradient, kink_of, point
        self.claim = point.gradient(gradient)

    def argument(
        self, i: int, moves: Iterable[NDArray[Any]], rng: np.random.Generator
    ) -> tuple[dict[str, int], float, float]:
        """Count the outcomes along the moves of one argument; find the largest error, the least digits."""
        outcomes = dict.fromkeys(("smooth", *CONVENTIONS, "wrong", "undecided"), 0)
        error, digits = 0.0, math.inf
        nearby = cache(lambda: [self._gradient_near(i, rng) for _ in range(SIDES)])  # drawn if needed
        for move in moves:
            slope = self.point.slope(self.f, self.point.along(i, move))
            claimed = _predicted(self.claim[i], move)
            outcome = self._outcome(i, move, slope, claimed, nearby)
            outcomes[outcome] += 1
            if outcome == "wrong":
                error = max(error, _relative_error(claimed, slope))
            scale = abs(middle(slope.value))
            numbers = (claimed, slope.left, slope.right)
            digits = min(digits, *(guaranteed_digits(number, scale) for number in numbers))
        return outcomes, error, digits

    def _outcome(
        self,
        i: int,
        move: NDArray[Any],
        slope: ExactSlope,
        claimed: Real,
        nearby: Callable[[], list[NDArray[Any]]],
    ) -> str:
        """Name what came out along one move."""
        if slope.smooth and agree(claimed, slope.right):
            return "smooth"
        for sign, side in ((1, slope.right), (-1, slope.left)):
            beside = self.point.gradient(self.gradient, self.point.along(i, sign * move))
            if not agree(_predicted(beside[i], move), side):
                return "wrong"
        zeros = None if self.kink_of is None else moving_zeros(self.kink_of, self.point, self.point.along(i, move))
        convention = _convention(claimed, slope, {1} if zeros is None else set(zeros.values()))
        if convention:
            return convention
        # One kink, or one dimension: nearby gradients give the two slopes and no other.
        alone = move.size == 1 or (zeros is not None and len(zeros) == 1)
        limits = [] if alone else [middle(_predicted(part, move)) for part in nearby()]
        return _among(middle(claimed), [middle(slope.left), middle(slope.right)], limits)

    def _gradient_near(self, i: int, rng: np.random.Generator) -> NDArray[Any]:
        """Return the limit of the gradient on one random side of the point."""
        move = rng.standard_normal(self.point.args[i].shape)
        return self.point.gradient(self.gradient, self.point.along(i, move))[i]


def _convention(claimed: Real, slope: ExactSlope, sides: set[int]) -> str | None:
    """Name the side that a claim takes at a kink, if the zeros that move all take one side; else None."""
    if slope.smooth or len(sides) != 1:
        return None
    right, left = (slope.right, slope.left) if sides == {1} else (slope.left, slope.right)
    with working(bits=MOST_BITS, terms=2):
        midpoint = (left + right) / 2
    named = (("right", right), ("left", left), ("midpoint", midpoint))
    return next((name for name, value in named if agree(claimed, value)), None)


def _relative_error(claimed: Real, slope: ExactSlope) -> float:
    """Return the distance of a claim from the nearer slope, relative to it."""
    return min(
        float(abs(middle(claimed) - middle(side)) / abs(middle(side))) if middle(side) else math.inf
        for side in (slope.left, slope.right)
    )


def _predicted(part: NDArray[Any], move: NDArray[Any]) -> Real:
    """Return Σ part·move, exactly or enclosed."""
    with working(bits=MOST_BITS, terms=2):
        total: Real = fmpq(0)
        for k in np.flatnonzero(move):
            total = total + part.flat[k] * real(move.flat[k])
        return total


def _among(claimed: Fraction, reached: Sequence[Fraction], limits: Sequence[Fraction]) -> str:
    """Tell whether a claim lies between the slopes of nearby gradients: these two and some others."""
    if min(*reached, *limits) <= claimed <= max(*reached, *limits):
        return "other"
    seen = {*reached, *limits[: SIDES // 2]}
    return "wrong" if seen.issuperset(limits) else "undecided"


def _entries(shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Yield the unit direction of each entry."""
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield unit


def _distances(rounded: NDArray[Any], exact: NDArray[Any]) -> tuple[float, float]:
    """Return the largest distance in ulps of each entry, and of the largest entry."""
    if not exact.size:
        return 0.0, 0.0
    each = ulps(rounded, exact)
    sizes = np.reshape([abs(float(middle(entry))) for entry in exact.flat], exact.shape).astype(rounded.dtype)
    return float(each.max()), float((each * (np.spacing(sizes) / np.spacing(sizes.max()))).max())
