"""Two runs compared by their ratios to the floor, which a slower machine does not change.

Judged is this package's own code: the textbook step, the fast one and its graph; what users would write otherwise is
shown beside it. A variant has become slower if the median of its ratio grew by more than is allowed *and* the
quartiles of the two ratios lie apart: what overlaps may be noise, and is said to be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck.bench.variants import FLOOR
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from gradcheck.bench.results import Results, Spread

OWN = ("textbook", "fast", "graph")


@dataclass(frozen=True)
class RatioChange:
    """One variant of one case in both runs: its ratio to the floor before and after."""

    case: str
    variant: str
    old: Spread
    new: Spread

    @property
    def slowdown(self) -> float:
        """By how much the ratio grew: 0.1 is a tenth; negative where it shrank."""
        return self.new.median / self.old.median - 1

    @property
    def apart(self) -> bool:
        """Whether the quartiles do not overlap."""
        return self.new.low > self.old.high or self.new.high < self.old.low

    @property
    def judged(self) -> bool:
        """Whether it is this package's own code."""
        return self.variant in OWN

    def slower_than(self, allowed: float) -> bool:
        """Tell whether own code became slower by more than that, beyond the spread of both."""
        return self.judged and self.slowdown > allowed and self.apart

    def verdict(self, allowed: float) -> str:
        """Return what there is to say, in a word or two; nothing where all is well."""
        if not self.judged:
            return "not judged"
        if self.slowdown <= allowed:
            return ""
        return "SLOWER" if self.apart else "within the spread"


def changes(old: Results, new: Results) -> list[RatioChange]:
    """Return every variant that both runs timed beside a floor, the largest slowdown first.

    Raises
    ------
    ArgumentError
        If there is none: then nothing was compared, and that is no success.

    """
    before, after = _ratios(old), _ratios(new)
    found = [RatioChange(*name, then, after[name]) for name, then in before.items() if name in after]
    if not found:
        raise ArgumentError("the two runs have no variant in common: run both with the same --shapes and --dtypes.")
    return sorted(found, key=lambda change: -change.slowdown)


def only_in_one(old: Results, new: Results) -> list[str]:
    """Return the variants that one run timed and the other did not."""
    return [" ".join(name) for name in sorted(_ratios(old).keys() ^ _ratios(new).keys())]


def _ratios(results: Results) -> dict[tuple[str, str], Spread]:
    """Return the ratio to the floor of each (case, variant)."""
    found = {}
    for case in results.cases():
        for variant in results.of(case):
            ratio = results.ratio(case, variant)
            if ratio is not None and variant != FLOOR:
                found[str(case), variant] = ratio
    return found


def fraction(text: str) -> float:
    """Read 10% or 0.1 as 0.1.

    Raises
    ------
    ArgumentError
        If it is neither, or negative.

    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", text)
    if match is None:
        raise ArgumentError(f"got {text!r}, wanted a share such as 10% or 0.1.")
    return float(match[1]) / (100 if match[2] else 1)
