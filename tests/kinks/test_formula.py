"""The interval for the error next to the point, from the two sides of each direction."""

import math

import numpy as np
import pytest

from gradcheck.kinks.beside import Beside
from gradcheck.kinks.formula import BLOCK, Formula, SideMismatch, _along, _telling
from gradcheck.verdicts.certificate import Mismatch, error_norm

C = np.array([1.0, 2.0, 3.0])
X = np.array([0.0, 1.5, -2.0])


def formula_at(trial_at, factor=1.0, **options):
    trial = trial_at(lambda x: C @ np.maximum(x, 0), lambda x: factor * C * (x > 0), X, **options)
    found = Formula(Beside(trial), trial.probes)
    found.measure()
    return found


def test_a_side_is_the_claims_slope_against_the_one_sided_slope(trial_at):
    found = formula_at(trial_at, factor=1.25)
    for probe, pair in zip(found.probes, found.sides, strict=True):
        for side, slope in zip(pair, (probe.slope.right, probe.slope.left), strict=True):
            assert side.mismatch.claimed == pytest.approx(1.25 * slope / probe.stretch)
            assert side.mismatch.measured == pytest.approx(slope / probe.stretch)
            assert side.near == pytest.approx(side.far)
            bound = probe.slope.side_error / probe.stretch + side.rounding  # the claim does not drift
            assert side.mismatch.bound == pytest.approx(bound, rel=1e-6)
            assert side.mismatch.bound > probe.slope.side_error / probe.stretch


def test_a_third_claim_tells_drift_and_the_limit_at_the_point(trial_at):
    """f curves; its claims drift linearly from the limit, and next to nothing is left beside that drift."""
    trial = trial_at(lambda x: C @ np.maximum(x, 0) + 8 * x @ x, lambda x: C * (x > 0) + 16 * x, X)
    found = Formula(Beside(trial), trial.probes)
    found.measure()
    drifts = [side.change for pair in found.sides for side in pair]
    found.refine(slopes=False)
    for probe, pair, drift in zip(found.probes, found.sides, np.reshape(drifts, (-1, 2)), strict=True):
        flat = found.beside.as_move(np.asarray(trial.direction(probe.probe)))
        for sign, side, change in zip((1.0, -1.0), pair, drift, strict=True):
            limit = C * ((X > 0) | ((X == 0) & (sign * flat > 0))) + 16 * X
            slope = float(found.beside.in_scale(limit) @ flat) / probe.stretch
            assert abs(side.far - side.near) > 1e-8
            assert abs(side.mismatch.claimed - slope) < 1e-3 * change
            assert side.change < 1e-3 * change


def with_one_drift(trial):
    """Measure; keep the largest drift alone, as where f is constant on one side and moves hardly cross to the other."""
    found = Formula(Beside(trial), trial.probes)
    found.measure()
    drifts = found.beside.drifts
    largest = drifts.index(max(drifts))
    found.beside.drifts = [drift if k == largest else 0.0 for k, drift in enumerate(drifts)]
    assert found.beside.tolerance == found.beside.round_off
    found.tell_drift()
    return found.beside


def test_a_drift_far_above_the_others_is_one_where_it_is_linear(trial_at):
    beside = with_one_drift(trial_at(lambda x: C @ np.maximum(x, 0) + 8 * x @ x, lambda x: C * (x > 0) + 16 * x, X))
    assert len(beside.drifts) == 1
    assert beside.drifts[0] > 1e-8
    assert beside.tolerance == 64 * beside.drifts[0] + beside.round_off


@pytest.mark.parametrize("steps", [1.5, 2.0, 2.5])
def test_a_jump_far_above_the_drifts_is_none(trial_at, steps):
    off = steps * 2.0**-26 * X  # a kink of every entry that is not 0, between δ and 3δ from the point
    kinked = X != 0
    trial = trial_at(lambda x: C[kinked] @ np.abs(x - X - off)[kinked], lambda x: C * kinked * np.sign(x - X - off), X)
    beside = with_one_drift(trial)
    assert max(beside.drifts) > 1
    assert beside.tolerance == beside.round_off


def side_of(value, bound, change=0.0):
    found = Mismatch(value, 0.0, bound)
    return SideMismatch(found, found, 0.0, 0.0, 0.0, change)


@pytest.mark.parametrize("worse", [0, 1])
def test_the_interval_is_that_of_the_worse_side_and_of_a_fourth_of_the_chance_to_err(trial_at, worse):
    found = formula_at(trial_at)
    jitter = found.beside.trial.jitter_next_to_kink
    values = [(0.0, value)[:: 1 if worse else -1] for value in (0.3, -0.2, 0.1, 0.25)]
    found.sides = [(side_of(one, 1e-3, 1e-3), side_of(other, 1e-3, 7e-3)) for one, other in values]
    interval = found.interval()
    fourth = 1 - (1 - interval.confidence) / 4
    wrong = [Mismatch(pair[worse], 0.0, 1e-3 + 4 * (5e-3 + jitter)) for pair in values]
    least, most = error_norm(wrong, fourth)
    assert interval.low == pytest.approx(least / (found.size + least))
    assert interval.high == (pytest.approx(most / (found.size - most)) if most < found.size else math.inf)
    found.size = 2 * most
    assert found.interval().high == pytest.approx(1.0)


def test_one_direction_that_objects_is_not_enough(trial_at):
    found = formula_at(trial_at)
    found.sides = [(side_of(value, 1e-3), side_of(0.0, 1e-3)) for value in (0.3, 0.0, 0.0, 0.0)]
    assert found.interval().low == 0
    found.sides[1] = found.sides[0]
    assert found.interval().low > 0


@pytest.mark.parametrize(
    ("size", "bound", "high"), [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1e-3, math.inf), (math.inf, 1e-3, math.inf)]
)
def test_no_error_is_small_beside_no_gradient_nor_beside_one_without_end(trial_at, size, bound, high):
    found = formula_at(trial_at)
    found.beside.trial.jitter = 0.0
    found.sides = [(side_of(0.0, bound), side_of(0.0, bound))] * 4
    found.size = size
    assert (found.interval().low, found.interval().high) == (0.0, high)


@pytest.mark.parametrize(("left", "high"), [(1e-3, 1.0), (math.inf, math.inf)])
def test_what_is_known_of_one_side_alone_is_told_and_of_none_nothing(trial_at, left, high):
    found = formula_at(trial_at)
    found.sides = [(side_of(0.0, math.inf), side_of(0.0, left))] * 4
    found.size = 10.0
    assert 0 < found.interval().high <= high
    assert found.interval().low == 0.0


@pytest.mark.parametrize(("bounds", "told"), [([2.0, 1.0, 500.0, 1.0], 3), ([1.0, 1.0, 1.0, 1.0], 4), ([1.0, 3.0], 2)])
@pytest.mark.parametrize("size", [1e-6, 1.0])
def test_directions_with_bounds_that_tell_nothing_are_left_out(bounds, told, size):
    """What is chosen depends on the bounds alone."""
    mismatches = [Mismatch(9.0, 0.0, size * bound) for bound in bounds]
    assert _telling(mismatches, 0.9999) == sorted(mismatches, key=lambda m: m.bound)[:told]


def test_slopes_of_large_claims_are_added_up_block_by_block():
    claim, move = np.random.default_rng(0).standard_normal((2, 2 * BLOCK + 5))
    value, error = _along(claim, move)
    exact = math.fsum(claim * move)
    assert abs(value - exact) <= error <= 1e-9


@pytest.mark.parametrize(("width", "within"), [(0.0, False), (3e-9, True)])
def test_a_claim_that_changes_nearer_to_the_point_stands_beside_no_kink(trial_at, width, within):
    def gradient(x):  # wrong by a tenth, and of a function that bends at no kink where it has a width
        return 1.1 * x / np.sqrt(x * x + width**2) if width else 1.1 * np.sign(x)

    beside = Beside(trial_at(lambda x: np.sum(np.abs(x)), gradient, np.zeros(2)))
    formula = Formula(beside, beside.trial.probes)
    formula.measure()
    assert formula.changes_within() is within
