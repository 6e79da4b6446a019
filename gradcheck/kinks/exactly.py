"""The claims next to a kink in exact arithmetic: limits of the user's own gradient code infinitely near the point.

With `oracle="exact"` the same judges work on these: there is no step, hence no drift, and no kink stands between the
step and the point. Where `Beside` hands out arguments next to the point, these hand out the direction in which they
lie, one array for each argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import GradcheckError, WrongClaim
from gradcheck.kinks.beside import Beside
from gradcheck.kinks.changes import Changes
from gradcheck.kinks.variable_samples import Variable
from gradcheck.oracles.exact_slopes import ExactSlopes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

ROUNDING = 2.0**-44  # of the largest entry: exact claims are rounded to float64, and a few of them are added up
BLUR = 2.0**-40  # of a move's size: that of rounding the move


def beside(trial: Trial, *, every: bool = False) -> Beside:
    """Return the claims next to the point: exact where the oracle is, and the gradient code runs on exact numbers."""
    oracle = _exact_oracle(trial)
    return Beside(trial, every=every) if oracle is None else ExactBeside(trial, oracle, every=every)


def variable(trial: Trial, kink_of: Callable[..., Any]) -> Variable:
    """Return the kink variable of a trial, exact where its claims are."""
    oracle = _exact_oracle(trial)
    return Variable(trial, kink_of) if oracle is None else ExactVariable(trial, kink_of, oracle)


def _exact_oracle(trial: Trial) -> ExactSlopes | None:
    """Return the oracle of exact slopes where exact arithmetic runs the claim's code too; None elsewhere."""
    oracle = trial.oracle
    try:
        return oracle if isinstance(oracle, ExactSlopes) and oracle.claimed[trial.index] is not None else None
    except GradcheckError:
        return None


class ExactBeside(Beside):
    """The point of a trial, and the limits of the claim there."""

    def __init__(self, trial: Trial, oracle: ExactSlopes, *, every: bool) -> None:
        super().__init__(trial, every=every)
        self.delta, self.blur = 0.0, BLUR
        self._oracle = oracle
        self.here = self._floats(oracle.claimed[trial.index])
        self.changes = Changes(self.here, whole=True)
        self._last: tuple[Any, int, list[NDArray[Any]]] | None = None
        self._limit: tuple[Any, Array] | None = None

    @property
    def tolerance(self) -> float:
        """How far two claims of one piece of f may be apart: by their rounding to float64."""
        return ROUNDING * self.changes.largest

    def leaves(self, v: Any, steps: float = 1.0) -> list[Any]:
        """Return the direction of the arguments on one side; all steps that way are one."""
        sign = 1 if steps > 0 else -1
        if self._last is None or self._last[0] is not v or self._last[1] != sign:
            self._last = v, sign, self._oracle.directions({self.trial.index: v}, sign)
        return self._last[2]

    def claim(self, leaves: Sequence[Any]) -> Array:
        """Return the limit of the claim along a direction."""
        if self._limit is None or self._limit[0] is not leaves:
            self.trial.prediction.evaluations += 1
            parts = self._oracle.claimed_beside(list(leaves))
            self._limit = leaves, self._floats(parts[self.trial.index])
        return self._limit[1].copy()

    def moved_to(self, leaves: Sequence[Any]) -> Array:
        """Return the move that the direction of the arguments is."""
        return self.as_move(leaves[self.trial.index])

    def there(self, move: Array) -> list[Any]:
        """Return the direction of the arguments at a move."""
        return self._oracle.directions({self.trial.index: self.allowed(move)})

    @property
    def by_entries(self) -> bool:
        """Whether floats move by themselves: here they are directions."""
        return False

    def _floats(self, exact: NDArray[Any] | None) -> Array:
        from gradcheck.oracles.balls import nearest  # noqa: PLC0415  python-flint is optional

        values = None if exact is None else self.in_scale(np.reshape([nearest(x) for x in exact.ravel()], self.shape))
        if values is None or not np.all(np.isfinite(values)):
            raise WrongClaim(f"the gradient of {self.trial.name} is {'None' if exact is None else 'infinite'} here")
        return values


class ExactVariable(Variable):
    """The kink variable in exact arithmetic: its entries that are 0, and the rates at which these move."""

    def __init__(self, trial: Trial, kink_of: Callable[..., Any], oracle: ExactSlopes) -> None:
        self._oracle = oracle
        super().__init__(trial, kink_of)

    def _zeros(self, trial: Trial) -> Entries:
        """Return the entries that are 0 at the point."""
        del trial
        values, _ = self._moved(self._oracle.directions({}))
        return np.flatnonzero(values == 0)

    def at(self, leaves: Sequence[Any]) -> Array:
        """Return the rates of the entries that are 0 at the point, along a direction of the arguments."""
        _, rates = self._moved(leaves)
        return rates[self.zero]

    def _moved(self, directions: Sequence[Any]) -> tuple[Array, Array]:
        return self._oracle.point.values_and_rates(lambda *leaves: self.parts(leaves), directions)
