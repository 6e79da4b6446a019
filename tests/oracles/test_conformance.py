"""One suite for every oracle: its slope is within its bound of the true one, whichever arguments move.

An oracle that is added gets a line in ORACLES. Two toys show that the suite can pass without f, and that it can fail.
"""

import importlib
import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest

from gradcheck import arrays
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.direction import inner
from gradcheck.slopes.field import Field, quiet
from gradcheck.slopes.slope import Slope
from gradcheck.verdicts.joint import Joint
from gradcheck.verdicts.options import Rules
from gradcheck.verdicts.trial import Trial

X, W = np.array([[0.5, -1.5], [2.0, 0.25], [-0.75, 1.0]]), np.array([1.25, -0.5])


@dataclass(frozen=True)
class Case:
    """A function of x and w that every library can run, and its gradient in NumPy."""

    f: object
    gradient: object
    args: tuple = (X, W)


def residual(x, w):
    return x @ w - 1


CASES = {
    "quadratic": Case(
        lambda x, w: (residual(x, w) ** 2).sum(),
        lambda x, w: (2 * np.outer(residual(x, w), w), 2 * x.T @ residual(x, w)),
    ),
    "cubic": Case(lambda x, w: ((x @ w) ** 3).sum() / 3, lambda x, w: (np.outer((x @ w) ** 2, w), x.T @ (x @ w) ** 2)),
    "quotient": Case(
        lambda x, w: (1 / (1 + (x @ w) ** 2)).sum(),
        lambda x, w: (
            np.outer(-2 * (x @ w) / (1 + (x @ w) ** 2) ** 2, w),
            x.T @ (-2 * (x @ w) / (1 + (x @ w) ** 2) ** 2),
        ),
    ),
    "tiny beside an offset": Case(
        lambda x, w: ((x @ w) ** 2).sum() / 4 + 1e3,
        lambda x, w: (np.outer(x @ w, w) / 2, x.T @ (x @ w) / 2),
    ),
    "linear": Case(lambda x, w: (x * w).sum(), lambda x, w: (np.broadcast_to(w, x.shape).copy(), x.sum(0))),
    "constant in w": Case(lambda x, w: (x**2).sum() + 0 * w.sum(), lambda x, w: (2 * x, np.zeros_like(w))),
}


def made(module, name, *, raw=False):
    """What makes an oracle, imported where it is run: each needs another library."""

    def make(field, claim):
        oracle = getattr(importlib.import_module(f"gradcheck.oracles.{module}"), name)
        return oracle(field, claim.raw if raw else claim)

    return make


def finite_differences(field, claim):
    return FiniteDifferences(field, Prediction(claim, claim.leaves).judged)


class Toy:
    """Knows the gradient, and is off by a part of the bound that it states."""

    name = "toy"

    def __init__(self, case, part):
        self.gradient, self.part = case.gradient(*case.args), part

    def slope(self, move, *, scale, start):
        del scale, start
        value = sum(inner(self.gradient[i], v)[0] for i, v in move.items())
        error = 1e-9 * sum(float(np.linalg.norm(v)) for v in move.values())
        at = value + self.part * error
        return Slope(at, error, at, at, error, 0.0, np.nan)


ORACLES = {
    "finite differences": (finite_differences, "numpy", None),
    "finite differences, torch": (finite_differences, "torch", "torch"),
    "autograd": (made("autograd", "Autograd", raw=True), "torch", "torch"),
    "torch forward mode": (made("torch_forward", "TorchForward"), "torch", "torch"),
    "jax forward mode": (made("jax_forward", "JaxForward"), "jax", "jax"),
    "complex step": (made("complex_step", "ComplexStep"), "numpy", None),
    "exact": (made("exact_slopes", "ExactSlopes"), "numpy", "flint"),
}


def in_library(args, library):
    if library == "numpy":
        return args
    found = importlib.import_module(library)
    if library == "jax":
        found.config.update("jax_enable_x64", val=True)
        found = found.numpy
    return tuple(found.asarray(a) for a in args)


def field_at(case, library="numpy"):
    args = in_library(case.args, library)
    claim = GradientClaim(case.f, lambda *a: a, Given(args))
    return Field(claim, claim.leaves, seed=0), claim


def moves(field):
    """Each argument alone, and both together, along the directions that a check would take."""
    each = {i: field.direction(i, 0) for i in range(len(field.leaves))}
    return [{0: each[0]}, {1: each[1]}, each]


def assert_conforms(oracle, field, case):
    gradient = case.gradient(*case.args)
    for move in moves(field):
        parts = [inner(gradient[i], arrays.to_numpy(v)) for i, v in move.items()]
        true, lost = sum(value for value, _ in parts), sum(error for _, error in parts)
        size = sum(float(np.linalg.norm(gradient[i])) for i in move) + 1e-3
        found = oracle.slope(move, scale=abs(true), start=None)
        assert abs(found.value - true) <= found.error + lost, oracle.name
        assert found.error <= 1e-5 * size, f"{oracle.name} says too little"
        assert not found.kinked
        again = oracle.slope(move, scale=abs(true), start=None)
        assert again == found, f"{oracle.name} gives another answer to the same question"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_a_slope_is_within_its_bound_of_the_true_one(name, case):
    make, library, needs = ORACLES[name]
    if needs is not None and importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    field, claim = field_at(CASES[case], library)
    with quiet():
        assert_conforms(make(field, claim), field, CASES[case])


@pytest.mark.parametrize(("part", "right"), [(0.0, True), (0.9, True), (-0.9, True), (1.1, False), (-3.0, False)])
def test_a_toy_passes_as_long_as_its_bound_is_true(part, right):
    case = CASES["quadratic"]
    field, _ = field_at(case)
    if right:
        assert_conforms(Toy(case, part), field, case)
    else:
        with pytest.raises(AssertionError, match="toy"):
            assert_conforms(Toy(case, part), field, case)


class AloneOnly(Toy):
    """Answers for one argument at a time."""

    def slope(self, move, *, scale, start):
        return super().slope(move, scale=scale, start=start) if len(move) == 1 else None


@pytest.mark.parametrize(("oracle", "joint"), [(Toy, True), (AloneOnly, False)])
def test_where_an_oracle_has_no_answer_to_a_joint_move_every_argument_is_asked_alone(oracle, joint):
    case = CASES["quadratic"]
    claim = GradientClaim(case.f, case.gradient, Given(case.args))
    field, prediction = Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves)
    trials = {i: Trial(field, prediction, i, confidence=0.9999) for i in prediction.judged}
    toy = oracle(case, 0.0)
    Joint(trials, toy, count=4, resolution=1e-5, rules=Rules()).run()
    assert [trial.joint for trial in trials.values()] == [joint, joint]
    for trial in trials.values():
        if not trial.probes:
            trial.measure(toy, 4)
        assert trial.interval().high < 1e-6
