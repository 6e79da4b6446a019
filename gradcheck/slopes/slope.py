"""A slope with its error bound: what measuring one directional derivative gives, and the levels that it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

COARSEST = -2  # the exponent of the largest step that is usual: a quarter of the argument's own size


@dataclass(frozen=True)
class Level:
    """The differences of φ at one step h; `noise` bounds the error of `central`, four times it that of `gap`."""

    step: float
    plus: float
    minus: float
    central: float
    gap: float
    noise: float


@dataclass(frozen=True)
class Slope:
    """φ'(0) = value ± error.

    Attributes
    ----------
    value : float
        The derivative; at a kink the mean of `left` and `right`.
    error : float
        Bound on |value − φ'(0)|; at a kink it covers both sides.
    left, right : float
        One-sided slopes, each within `side_error`; NaN where φ is not defined on that side.
    side_error : float
        Bound on the error of `left` and `right`.
    resolution : float
        The smallest step at which φ was compared: a kink is at the point *within* this distance.
    exponent : float
        p in |right − left| ~ h^p over the finest levels: 1 or more where smooth, 0 at a kink, below 0 where the
        slope grows without bound; NaN or infinite where the gap vanishes or drowns in noise (φ is smooth as far
        as can be seen).
    levels : tuple of Level
        The ladder, coarse to fine.
    constant : float
        Bound on |φ'(0)| where φ did not move by a bit on three levels or more: its round-off over the largest such
        step. NaN where φ moves.
    hidden : float
        Bound on |φ'(0)| where φ is constant next to the point, even if it moves in steps: the smallest move seen where
        it begins to move, over the largest step on which it does not. NaN where it was not looked for.
    first : float
        The smallest move of φ where it begins to move; NaN where it was not looked for.

    """

    value: float
    error: float
    left: float
    right: float
    side_error: float
    resolution: float
    exponent: float
    levels: tuple[Level, ...] = field(repr=False, default=())
    constant: float = math.nan
    hidden: float = math.nan
    first: float = math.nan

    def __eq__(self, other: object) -> bool:
        """Tell whether all numbers are equal, NaN equal to NaN."""
        if not isinstance(other, Slope):
            return NotImplemented
        return self._comparable == other._comparable

    def __hash__(self) -> int:
        return hash((self.value, self.error, self.resolution))

    @property
    def _comparable(self) -> tuple[object, ...]:
        numbers = [getattr(self, f.name) for f in fields(self)]
        return tuple(None if isinstance(x, float) and math.isnan(x) else x for x in numbers)

    @property
    def kinked(self) -> bool:
        """Whether the one-sided slopes differ by more than their errors, however small the step."""
        return abs(self.right - self.left) > 2 * self.side_error

    @property
    def jumps(self) -> bool:
        """Whether φ(0) stands apart from its surroundings: their mean does not close in on it as the step shrinks."""
        apart = [abs(level.gap) * level.step for level in self.levels]
        return len(apart) >= 3 and min(apart) > max(apart) / 2 > 0

    @property
    def one_sided(self) -> bool:
        """Whether φ is defined on one side of the point only."""
        return math.isnan(self.left) or math.isnan(self.right)
