"""Slopes from evaluations of f alone: noise-aware extrapolated differences (`gradcheck.slopes.measure`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.slopes.measure import measure_slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.slopes.field import Field, Move
    from gradcheck.slopes.slope import Slope

# The relative error bound at which a slope is done. Four probes then certify 13 times this (1/√χ²_4(8e-5) = 6.3,
# times √4): 9.7e-8, a hundred times below the 1e-5 a PASS needs in float64, and two levels reach it where φ is smooth.
TARGET = 2.0**-27


class FiniteDifferences:
    """The oracle that needs nothing but f."""

    name = "finite differences"

    def __init__(self, field: Field, judged: Sequence[int], repeat: int = 0) -> None:
        self._field = field
        self._judged = judged
        self._repeat = repeat

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return φ'(0) along `move`; see `gradcheck.slopes.measure.measure_slope`."""
        return measure_slope(
            self._field.line(move),
            self._field.at_point,
            self._field.noise_of(move, self._judged, self._repeat),
            scale=scale,
            target=TARGET,
            finest=self._field.finest(move),
            start=start,
        )
