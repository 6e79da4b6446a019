import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.oracles.autograd import ROUNDINGS, Autograd
from gradcheck.oracles.finite_difference import TARGET, FiniteDifferences
from gradcheck.slopes.field import Field

X = np.array([0.5, -1.5, 2.0])
Y = np.array([1.0, 0.25, -0.75])


def product(x, y):
    return (x**3 * y).sum()


def field(f, *args):
    claim = GradientClaim(f, lambda *a: a, Given(args))
    return Field(claim, claim.leaves, seed=0)


# Finite differences --------------------------------------------------------------------------------------------


def test_finite_differences_move_the_argument_they_are_asked_for():
    oracle = FiniteDifferences(field(product, X, Y), [0, 1])
    v = np.array([1.0, -0.5, 0.25])
    for index, truth in ((0, 3 * X**2 * Y @ v), (1, X**3 @ v)):
        found = oracle.slope({index: v}, scale=abs(truth), start=None)
        assert abs(found.value - truth) <= found.error <= 2 * TARGET * abs(truth)
    assert oracle.name == "finite differences"


def test_finite_differences_begin_where_the_hint_says():
    oracle = FiniteDifferences(field(product, X, Y), [0, 1])
    found = oracle.slope({0: X}, scale=1.0, start=-28)
    assert -28 in [round(math.log2(level.step)) for level in found.levels]


def test_the_noise_is_measured_once_for_all_slopes_and_again_on_a_repeat():
    own_field = field(product, X, Y)
    oracle = FiniteDifferences(own_field, [0, 1])
    before = own_field.evaluations
    oracle.slope({0: X}, scale=1.0, start=None)
    first = own_field.evaluations - before
    oracle.slope({0: X}, scale=1.0, start=None)
    assert own_field.evaluations - before == 2 * first - 7 * (first > 7 and own_field.evaluations - before < 2 * first)
    spent = own_field.evaluations
    FiniteDifferences(own_field, [0, 1], 1).slope({0: X}, scale=1.0, start=None)
    assert own_field.evaluations - spent >= 7


def test_a_tangent_to_nowhere_cannot_be_measured_where_f_is_not_defined():
    oracle = FiniteDifferences(field(lambda x: float(np.sum(x)) if np.array_equal(x, X) else math.nan, X), [0])
    assert oracle.slope({0: X}, scale=1.0, start=None) is None


# autograd ------------------------------------------------------------------------------------------------------


class TestAutograd:
    torch = None

    @pytest.fixture(autouse=True)
    def _torch(self):
        type(self).torch = pytest.importorskip("torch")

    def oracle(self, f, *args):
        claim = GradientClaim(f, lambda *a: a, Given(args))
        own_field = Field(claim, claim.leaves, seed=0)
        return Autograd(own_field, claim.raw), own_field

    def test_slopes_of_all_directions_cost_one_evaluation(self):
        x, y = self.torch.tensor(X), self.torch.tensor(Y)
        oracle, own_field = self.oracle(product, x, y)
        before = own_field.evaluations
        for v in (X, Y, X * Y):
            for index, truth in ((0, 3 * X**2 * Y @ v), (1, X**3 @ v)):
                found = oracle.slope({index: self.torch.tensor(v)}, scale=1.0, start=None)
                assert abs(found.value - truth) <= found.error
                assert found.left == found.right == found.value
                assert not found.kinked
        assert own_field.evaluations == before + 1
        assert oracle.name == "torch.autograd"

    def test_the_bound_is_round_off_of_what_the_slope_is_made_of(self):
        oracle, _ = self.oracle(lambda x: (x**2).sum(), self.torch.tensor(X))
        found = oracle.slope({0: self.torch.tensor([1.0, 1.0, -0.5]).double()}, scale=1.0, start=None)
        assert found.error == pytest.approx(ROUNDINGS * 2.0**-53 * (1 + 3 + 2), rel=1e-12)

    def test_float32_has_the_round_off_of_float32(self):
        x = self.torch.tensor(X, dtype=self.torch.float32)
        oracle, _ = self.oracle(lambda x: (x**2).sum(), x)
        assert oracle.slope({0: x}, scale=1.0, start=None).error > 1e-5

    def test_an_argument_that_is_not_used_has_slope_zero(self):
        oracle, _ = self.oracle(lambda x, y: (x**2).sum(), self.torch.tensor(X), self.torch.tensor(Y))  # noqa: ARG005
        found = oracle.slope({1: self.torch.tensor(Y)}, scale=1.0, start=None)
        assert (found.value, found.error) == (0.0, 0.0)

    def test_complex_slopes_are_the_real_part_of_the_conjugate_product(self):
        z, v = np.array([1 + 2j, -0.5 + 0.25j]), np.array([0.3 - 1j, 2 + 0.5j])
        oracle, _ = self.oracle(lambda z: (z.abs() ** 2).sum(), self.torch.tensor(z))
        found = oracle.slope({0: self.torch.tensor(v)}, scale=1.0, start=None)
        assert abs(found.value - float(np.sum(2 * np.conj(z) * v).real)) <= found.error

    def test_grad_mode_and_gradients_of_the_caller_are_left_alone(self):
        x = self.torch.tensor(X, requires_grad=True)
        with self.torch.no_grad():
            oracle, _ = self.oracle(lambda x: (x**2).sum(), x)
            assert oracle.slope({0: x.detach()}, scale=1.0, start=None).value == pytest.approx(float(2 * X @ X))
        assert x.grad is None

    def test_what_torch_cannot_differentiate_is_refused_in_a_sentence(self):
        x = self.torch.tensor(X)
        for f in (lambda x: (x.detach() ** 2).sum(), lambda x: float((x.detach() ** 2).sum())):
            oracle, _ = self.oracle(f, x)
            with pytest.raises(UnsupportedError, match="cannot differentiate this function: it leaves Torch or"):
                oracle.slope({0: x}, scale=1.0, start=None)

    def test_a_vjp_is_judged_by_either_oracle(self):
        x = self.torch.tensor(X)
        for oracle in ("finite differences", "autograd"):
            report = gc.check(lambda x: x**3, vjp=lambda c, x: 3 * x**2 * c, args=(x,), oracle=oracle)
            assert report.verdict is gc.Verdict.PASS
            assert report.oracle == oracle
        wrong = gc.check(lambda x: x**3, vjp=lambda c, x: 3.0001 * x**2 * c, args=(x,), oracle="autograd")
        assert wrong.verdict is gc.Verdict.FAIL

    def test_a_functions_own_backward_is_not_judged_by_itself(self):
        with pytest.raises(ArgumentError, match=r"would judge the backward of inputs= by itself: use oracle='finite"):
            gc.check(lambda x: x**3, inputs=(self.torch.tensor(X),), oracle="autograd")


def test_autograd_needs_a_function_of_tensors():
    claim = GradientClaim(product, lambda *a: a, Given((X, Y)))
    own_field = Field(claim, claim.leaves, seed=0)
    for raw in (None, claim.raw):
        with pytest.raises(UnsupportedError, match="needs Torch tensors: pass tensors, or oracle='finite differences'"):
            Autograd(own_field, raw)
