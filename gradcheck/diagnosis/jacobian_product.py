"""J·v for all outputs at once, claimed and measured: one line through the point moves every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.slopes.central import central

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.array_claim import ArrayClaim
    from gradcheck.claims.jacobian import MatrixClaim
    from gradcheck.claims.jvp import JvpClaim
    from gradcheck.verdicts.trial import Trial

SAFETY = 4.0
PLAIN = 2.0**-10  # of an entry: rows that are off by less are not asked for here
NEGLIGIBLE = 2.0**-20  # of the row itself: not what made the claim fail


@dataclass(frozen=True)
class Pushed:
    """J·v, claimed and measured, for all outputs flattened and joined; `bound` is how far the latter is off."""

    claimed: NDArray[Any]
    measured: NDArray[Any]
    bound: NDArray[np.float64]

    @property
    def size(self) -> NDArray[np.float64]:
        """How far each row moves, claimed or measured."""
        return np.asarray(np.maximum(np.abs(self.claimed), np.abs(self.measured)))

    @property
    def excess(self) -> NDArray[np.float64]:
        """Error of each row in units of its bound."""
        return np.asarray(np.abs(self.claimed - self.measured) / (SAFETY * self.bound + NEGLIGIBLE * self.size))


def pushed(trial: Trial, claim: MatrixClaim | JvpClaim, v: NDArray[Any]) -> Pushed:
    """Return J·v, claimed and measured."""
    slopes, bound = measured(trial, claim, v)
    leaves = trial.field.leaves
    return Pushed(flat(claim.pushed(leaves, trial.index, arrays.like(v, leaves[trial.index]))), slopes, bound)


def measured(trial: Trial, claim: ArrayClaim, v: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return J·v by differences, and how far it is off."""
    field, x = trial.field, trial.field.leaves[trial.index]
    move = arrays.like(v, x)
    size = flat(claim.out).size

    def at(t: float) -> NDArray[Any]:
        leaves = list(field.leaves)
        leaves[trial.index] = arrays.shifted(x, t, move)
        field.count(1)
        found = flat(claim.outputs(leaves))
        if found.size != size:
            raise ArgumentError(f"{claim.title} returns {found.size} numbers next to the point, and {size} at it")
        return found

    return central(at, arrays.dtype_name(x), field.unit, PLAIN)


def flat(outputs: Sequence[Any]) -> NDArray[Any]:
    """Return all outputs flattened and joined."""
    return np.concatenate([arrays.to_numpy(y).reshape(-1) for y in outputs])
