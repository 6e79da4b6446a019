"""The oracles that a caller may name with `oracle=`, each imported when it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.oracles.finite_difference import FiniteDifferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.claims.prediction import Prediction
    from gradcheck.oracles.base import Oracle
    from gradcheck.slopes.field import Field

FINITE_DIFFERENCES = "finite differences"


def oracle_of(name: str | None, field: Field, prediction: Prediction) -> Oracle:
    """Return the oracle of that name, finite differences by default."""
    return ORACLES[name or FINITE_DIFFERENCES](field, prediction)


def again(before: Oracle, field: Field, prediction: Prediction) -> Oracle:
    """Return the oracle for fresh slopes after those of `before`: differences measure the noise afresh."""
    return FiniteDifferences(field, prediction.judged, 1) if isinstance(before, FiniteDifferences) else before


def _finite_differences(field: Field, prediction: Prediction) -> Oracle:
    return FiniteDifferences(field, prediction.judged)


def _autograd(field: Field, prediction: Prediction) -> Oracle:
    from gradcheck.oracles.autograd import Autograd  # noqa: PLC0415

    return Autograd(field, prediction.claim.raw)


def _exact(field: Field, prediction: Prediction) -> Oracle:
    from gradcheck.oracles.exact_slopes import ExactSlopes  # noqa: PLC0415

    return ExactSlopes(field, prediction.claim)


ORACLES: dict[str, Callable[[Field, Prediction], Oracle]] = {
    FINITE_DIFFERENCES: _finite_differences,
    "autograd": _autograd,
    "exact": _exact,
}
