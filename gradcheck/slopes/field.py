"""f at and around one point: every evaluation of f happens here, and is counted."""

from __future__ import annotations

import contextlib
import copy
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.slopes.budget import Budget, BudgetReached
from gradcheck.slopes.direction import Scale, draw, drawn_together, scale_of
from gradcheck.slopes.noise import Noise, measure_noise
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.slopes.zero import scale_of_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    Move = Mapping[int, Any]  # the direction of each argument that moves, by its number

# Round-off of a long sum grows like its square root (N. Higham and T. Mary, SIAM J. Sci. Comput. 41(5), 2019): up to
# this many units of it are no surprise.
SUSPICIOUS = 2.0**10


def quiet() -> np.errstate:
    """Silence NumPy's floating-point warnings: overflow and NaN next to the point are findings, not accidents.

    Entered once around a whole check, so that a check is the same whatever the caller's own settings are. It belongs to
    the thread; `warnings.catch_warnings` would change what all threads see.
    """
    return np.errstate(all="ignore")


def _quietly(function: Callable[[Sequence[Any]], float], leaves: Sequence[Any]) -> float:
    """Evaluate f in a thread or process of its own, as `quiet` as the check is here."""
    with quiet():
        return function(leaves)


class Evaluated(Protocol):
    """A scalar function of leaves, as a claim brings it."""

    @property
    def title(self) -> str:
        """What to call it."""

    @property
    def leaves(self) -> tuple[Any, ...]:
        """The point, in the caller's own dtypes."""

    @property
    def function(self) -> Callable[[Sequence[Any]], float]:
        """Leaves → f."""

    @property
    def output_dtype(self) -> Callable[[Sequence[Any]], str]:
        """Leaves → the name of the dtype that f computes in."""


class Phi:
    """φ(t) = f(x + t·v), v moving one argument or several at once."""

    def __init__(self, field: Field, move: Move) -> None:
        self._field = field
        self._move = move
        self._begun: dict[float, Future[float]] = {}

    def __call__(self, t: float) -> float:
        """Return φ(t)."""
        if self._begun and (begun := self._begun.pop(t, None)) is not None:
            return self._field.ended(begun)
        return self._field.evaluate(self._at(t))

    @property
    def begin(self) -> Callable[[Iterable[float]], None] | None:
        """What begins evaluations that are certain to be asked for; None without an executor: they wait until then."""
        return None if self._field.budget.executor is None else self._begin

    def _begin(self, points: Iterable[float]) -> None:
        for t in points:
            if t not in self._begun and (begun := self._field.begun(self._at(t))) is not None:
                self._begun[t] = begun

    def _at(self, t: float) -> list[Any]:
        leaves = list(self._field.leaves)
        for index, v in self._move.items():
            leaves[index] = arrays.shifted(leaves[index], t, v)
        return leaves


class Field:
    """f at and around one point: its value, its noise, and lines through it.

    Attributes
    ----------
    evaluations : int
        How often f was called.
    size : int
        Entries of all arguments together.
    at_point : float
        f(x).
    largest : float
        The largest finite |f| seen.
    least_move : float
        The smallest |f − f(x)| seen that is not 0; infinite where f was never seen to move.
    failure : str or None
        The first exception that f raised next to the point.
    inside : str
        The dtype that f was found to compute in, coarser than its value's; empty where none was.

    """

    def __init__(self, claim: Evaluated, leaves: Sequence[Any], *, seed: int, budget: Budget | None = None) -> None:
        self.claim = claim
        self.leaves = tuple(leaves)
        self.seed = seed
        self.budget = budget or Budget()
        self.evaluations = 0
        self.failure: str | None = None
        self.inside = ""
        self.largest, self.least_move = 0.0, math.inf
        self.scales: tuple[Scale, ...] = tuple(
            scale_of(arrays.to_numpy(x), arrays.NORMAL[arrays.dtype_name(own)])
            for x, own in zip(self.leaves, claim.leaves, strict=True)
        )
        self.dtype = self._output_dtype()
        widths = [arrays.ROUNDOFF[arrays.dtype_name(x)] for x in self.leaves]
        self.unit = max(arrays.ROUNDOFF.get(self.dtype, 2.0**-53), *widths)
        self.size = arrays.total_size(self.leaves)
        self.tiny = self.size * max(
            arrays.SMALLEST.get(self.dtype, 2.0**-1074), *(arrays.SMALLEST[arrays.dtype_name(x)] for x in self.leaves)
        )
        self.at_point = math.nan  # until it is known
        self.at_point = self._first()
        self._noise: dict[int, Noise] = {}
        self._own_noise: dict[tuple[int, frozenset[int]], Noise] = {}

    def computing_in(self, dtype: str, unit: float) -> Self:
        """Return the same f, known to compute in `dtype` inside: evaluations are counted on, noise is measured anew.

        `unit` is the round-off that this makes relative to f's value, which is less where only a part of f is rounded.
        """
        other = copy.copy(self)
        vars(other).pop("arithmetic", None)
        other.dtype = other.inside = dtype
        other.unit = unit
        other._noise, other._own_noise = {}, {}  # noqa: SLF001  of the same class
        return other

    def scale_zeros(self, judged: Sequence[int]) -> None:
        """Give judged arguments that are zero the scale that f has there; two evaluations where that is 1 for all.

        Where it is another for all together, halves are asked: one argument may be measured in metres, or all of them
        move f too far.
        """
        waiting = [[i for i in judged if not np.any(arrays.to_numpy(self.leaves[i]))]]
        found: dict[int, Scale] = {}
        with contextlib.suppress(BudgetReached):
            while waiting:
                zeros = waiting.pop()
                if (scale := self._scale_of_zero(zeros)) == 1:
                    continue
                if len(zeros) == 1:
                    found[zeros[0]] = Scale(scale)
                else:
                    half = len(zeros) // 2
                    waiting += [zeros[half:], zeros[:half]]
        if found:
            self.scales = tuple(found.get(i, scale) for i, scale in enumerate(self.scales))

    def _scale_of_zero(self, zeros: Sequence[int]) -> float:
        if not zeros:
            return 1.0
        move = {i: self.direction(i, 0, purpose=Purpose.ZERO) for i in zeros}
        return scale_of_zero(self.line(move), self.at_point, self.unit)

    @cached_property
    def arithmetic(self) -> str:
        """The name of the narrowest dtype among the arguments and f's value: it bounds what slopes can show."""
        names = [self.dtype, *(arrays.dtype_name(x) for x in self.leaves)]
        return max(names, key=lambda name: arrays.ROUNDOFF.get(name, 2.0**-53))

    def _output_dtype(self) -> str:
        self.evaluations += 1
        with self._at_the_point():
            return self.claim.output_dtype(self.leaves)

    @contextlib.contextmanager
    def _at_the_point(self) -> Iterator[None]:
        try:
            yield
        except GradcheckError:
            raise
        except Exception as error:
            told = f"{self.claim.title} raised {type(error).__name__} at the point: {error}"
            if self.budget.executor is not None:
                told += (
                    "; if it does not without executor=, it cannot be sent to another process: use threads, a function "
                    "of a module, or an executor that sends any function (Dask's client, loky)"
                )
            raise ArgumentError(told) from error

    def _first(self) -> float:
        with self._at_the_point():
            value = self._call(self.leaves)
        if not math.isfinite(value):
            raise ArgumentError(f"{self.claim.title} is {value} at the point, wanted a finite number")
        return value

    def _call(self, leaves: Sequence[Any]) -> float:
        if self.budget.executor is not None and (begun := self.begun(leaves)) is not None:
            return self._seen(begun.result())
        self.spend()
        return self._seen(self.claim.function(leaves))

    def spend(self) -> None:
        """Count an evaluation of f, or of what stands for it, that begins now; raise `BudgetReached` if none may."""
        self.budget.spend(self.evaluations, self.claim.title)
        self.evaluations += 1

    def count(self, evaluations: int) -> None:
        """Count what was evaluated elsewhere: at another point, or of another function that runs f."""
        self.evaluations += evaluations

    def _seen(self, value: float) -> float:
        if math.isfinite(value):
            self.largest = max(self.largest, abs(value))
            if 0 < (move := abs(value - self.at_point)) < self.least_move:
                self.least_move = move
        return value

    def begun(self, leaves: Sequence[Any]) -> Future[float] | None:
        """Begin an evaluation in the executor; None without one, and where nothing is left to spend."""
        executor = self.budget.executor
        if executor is None or not self.budget.left(self.evaluations):
            return None
        self.spend()
        return executor.submit(_quietly, self.claim.function, leaves)

    def evaluate(self, leaves: Sequence[Any]) -> float:
        """Return f, NaN where it raises: the edge of its domain."""
        try:
            return self._call(leaves)
        except GradcheckError:
            raise
        except Exception as error:  # noqa: BLE001  a Cholesky of a matrix that is not positive definite, say
            return self._failed(error)

    def ended(self, begun: Future[float]) -> float:
        """Return f where its evaluation was begun, NaN where it raises."""
        try:
            return self._seen(begun.result())
        except GradcheckError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            return self._failed(error)

    def _failed(self, error: Exception) -> float:
        self.failure = self.failure or f"{type(error).__name__}: {error}"
        return math.nan

    def line(self, move: Move) -> Phi:
        """Return φ along a move."""
        return Phi(self, move)

    def direction(
        self,
        index: int,
        number: int,
        *,
        purpose: Purpose = Purpose.DIRECTION,
        stretch: float = 1.0,
        tangent: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Return the direction of that number, of argument `index`, for one purpose."""
        return draw(
            self.leaves[index],
            self.scales[index],
            stream(self.seed, purpose, index, number),
            stretch=stretch,
            tangent=tangent,
        )

    def directions(self, index: int, numbers: Sequence[int], stretches: Sequence[float]) -> list[Any]:
        """Return what `direction` does for several numbers, each with its stretch."""
        generators = [stream(self.seed, Purpose.DIRECTION, index, number) for number in numbers]
        return drawn_together(self.leaves[index], self.scales[index], generators, stretches)

    def noise(self, judged: Sequence[int], repeat: int = 0, move: Move | None = None) -> Noise:
        """Return the noise of f, measured along one direction that moves all judged arguments; shared by all slopes.

        `move` is that direction, where it is at hand.
        """
        if repeat not in self._noise:
            line = Phi(self, self.noise_move(judged, repeat) if move is None else move)
            noise = measure_noise(line, self.at_point, self.unit, self.tiny)
            for other in self._noise.values():
                noise = noise.widened(other)
            self._noise[repeat] = noise
        return self._noise[repeat]

    def noise_move(self, judged: Sequence[int], repeat: int = 0) -> Move:
        """Return the move along which the noise of some arguments is measured."""
        return {i: self.direction(i, repeat, purpose=Purpose.NOISE) for i in judged}

    def noise_of(self, move: Move, judged: Sequence[int], repeat: int = 0) -> Noise:
        """Return the noise for slopes of the arguments that move: the shared one, unless another may have spoilt it.

        A joint direction crosses every discontinuity that any argument stands on (a label of a hinge loss). Where it
        shows far more than round-off, a direction of these arguments alone is asked.
        """
        joint = self.noise(judged, repeat)
        moved = frozenset(move)
        if len(moved) == len(judged) or joint.bound <= SUSPICIOUS * self.unit * abs(self.at_point):
            return joint
        key = (repeat, moved)
        if key not in self._own_noise:
            own = self.noise_move(sorted(moved), repeat)
            noise = measure_noise(Phi(self, own), self.at_point, self.unit, self.tiny)
            for (_, other), found in self._own_noise.items():
                noise = noise.widened(found) if other == moved else noise
            self._own_noise[key] = noise
        return self._own_noise[key]

    def coarseness(self) -> float:
        """Return the relative size of moves of an argument that f does not see: its unit, or low precision inside f."""
        return max([self.unit, *(noise.plateau / 2 for noise in self._noise.values())])

    def step_size(self) -> float:
        """Return the size of the steps in which f moves, relative to its value; infinite where none was seen."""
        steps = [noise.granularity for noise in self._noise.values()]
        return min(steps, default=math.inf) / (abs(self.at_point) or 1.0)

    def finest(self, move: Iterable[int]) -> int:
        """Return the exponent of the smallest step that moves all of these arguments exactly."""
        return max(arrays.FINEST[arrays.dtype_name(self.leaves[index])] for index in move)
