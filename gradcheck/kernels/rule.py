"""The rule: which statistics of a result a right kernel in its precision does not reach.

The limits were set on right kernels of eleven families, seeds below 100, and tried on fifteen others, with other seeds:
``python docs/kernel_calibration.py`` prints the table. Each is about 1.6 times the largest value seen where they were
set, and no smaller than 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck.kernels.statistics import Statistics

LIMITS = {
    "whole": 1.9,
    "row": 60.0,
    "column": 3.0,
    "tile": 9.0,
    "slab": 6.0,
    "entry": 500.0,
    "scale": 1.9,
    "row scales": 15.0,
    "column scales": 2.5,
    "tile scales": 3.5,
    "slab scales": 3.5,
    "row scale": 21.0,
    "column scale": 5.0,
    "tile scale": 5.0,
    "slab scale": 8.0,
    "along": 8.5,
}
# In float32 rounding is biased by what the rule does not see (a polynomial for exp, a sum in blocks), and any mistake
# is thousands of units: all limits are wider.
WIDER = 16.0
FLOAT32 = 2.0**-20


@dataclass(frozen=True)
class Objection:
    """A statistic beyond its limit.

    Attributes
    ----------
    statistic : str
        Its name.
    value, limit : float
        What it is, and what a right kernel stays below.
    group : int
        The row, column, tile, slab or entry, where there is one.
    """

    statistic: str
    value: float
    limit: float
    group: int | None = None

    @property
    def excess(self) -> float:
        """How many times the limit it is."""
        return self.value / self.limit


def limit_of(statistic: str, u: float) -> float:
    """Return the limit of a statistic in a precision."""
    name = "along" if statistic.startswith("along ") else statistic
    return LIMITS[name] * (WIDER if u < FLOAT32 else 1.0)


def objections(found: Statistics, u: float, factor: float = 1.0) -> list[Objection]:
    """Return what speaks against a result, the strongest first; empty for a right one.

    Parameters
    ----------
    found : Statistics
        Of the result.
    u : float
        Its unit round-off.
    factor : float
        All limits are multiplied by it.
    """
    every = [
        Objection(name, value, factor * limit_of(name, u), found.worst.get(name))
        for name, value in found.values.items()
    ]
    return sorted((o for o in every if not o.value <= o.limit), key=lambda o: -o.excess)
