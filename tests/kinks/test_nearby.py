"""The claims next to a point: where they are taken, what is made of them, and how far they may be off."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.kinks import nearby
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

C = np.array([1.0, 2.0, 3.0])
X = np.array([0.0, 1.5, -2.0])  # the first entry is at the kink


def relu(x):
    return np.sum(C * np.maximum(x, 0))


def step_of(x, at_zero=0.7):
    return C * np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_nearby_points_lie_between_round_off_and_the_finest_step(trial_at, dtype):
    found = trial_at(relu, lambda x: step_of(x).astype(dtype), X.astype(dtype))
    unit, finest = (2.0**-53, 2.0**-34) if dtype is np.float64 else (2.0**-24, 2.0**-13)
    assert unit * 2**6 < nearby.distance(found) <= finest


def next_to(trial, **options):
    return nearby.next_to_the_point(trial, nearby.distance(trial), **options)


def test_one_sided_mismatches_rest_on_the_claims_next_to_the_point(trial_at):
    found = trial_at(relu, step_of, X)
    sides, near = next_to(found)
    assert not any(m.significant for pair in sides for m in pair)
    assert {sample[0] for sample in near.samples} == {0.0, 1.0}
    assert near.here.tolist() == [0.7, 2.0, 0.0]
    assert all((row[0] > 0) == (move[0] > 0) for row, move in zip(near.samples, near.moves, strict=True))


def test_the_right_of_a_probe_is_ahead_of_it_and_its_left_behind(trial_at):
    found = trial_at(relu, step_of, X)
    sides, near = next_to(found)
    for n, ((right, left), probe) in enumerate(zip(sides, found.probes, strict=True)):
        ahead, behind = near.moves[2 * n : 2 * n + 2]
        assert ahead.tolist() == found.direction(probe.probe).tolist() == (-behind).tolist()
        assert near.samples[2 * n].tolist() == step_of(X + 1e-9 * ahead).tolist()
        assert near.samples[2 * n + 1].tolist() == step_of(X + 1e-9 * behind).tolist()
        assert right.claimed == pytest.approx(near.samples[2 * n] @ ahead / probe.stretch)
        assert left.claimed == pytest.approx(near.samples[2 * n + 1] @ ahead / probe.stretch)
        assert right.measured == probe.slope.right / probe.stretch
        assert left.measured == probe.slope.left / probe.stretch
        assert right.bound == left.bound == probe.slope.side_error / probe.stretch  # the claim does not drift


@pytest.mark.parametrize("probes", [2, 3, 4, 6])
def test_four_probes_on_both_sides_and_twice_as_far_are_asked_for(trial_at, probes):
    found = trial_at(relu, step_of, X, probes)
    before = found.gradient.evaluations
    sides, near = next_to(found)
    assert len(sides) == min(probes, 4)
    assert len(near.samples) == 2 * min(probes, 4)
    assert found.gradient.evaluations - before == 4 * min(probes, 4)


@pytest.mark.parametrize("size", [1.0, 1024.0])
def test_a_claim_that_does_not_drift_is_known_to_round_off(trial_at, size):
    found = trial_at(lambda x: size * relu(x), lambda x: size * step_of(x), X)
    _, near = next_to(found)
    assert near.tolerance == 2.0**9 * found.field.unit * 2 * size  # 2, its largest entry


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_drift_is_that_of_the_side_on_which_it_is_largest(trial_at, side):
    def curved(x):
        return np.sum(C * np.maximum(side * x, 0) ** 2)

    found = trial_at(curved, lambda x: 2 * side * C * np.maximum(side * x, 0), np.zeros(3))
    delta = nearby.distance(found)
    _, near = next_to(found)
    directions = [side * found.direction(probe.probe) for probe in found.probes]
    # 2·C·δ·v there, and as much again from δ·v to 2δ·v
    largest = max(float(np.max(2 * C * delta * np.maximum(s * v, 0))) for v in directions for s in (1, -1))
    round_off = 2.0**9 * found.field.unit * float(np.max(np.abs(near.samples[:2])))
    assert near.tolerance == pytest.approx(64 * largest + round_off, rel=1e-6)


def test_a_slope_lies_within_twice_what_the_claim_drifts_by_on_its_side(trial_at):
    curvature = np.array([4.0, 0.5, 0.25])

    def curved(x):
        return relu(x) + np.sum(np.where(x > X, curvature, 1) * (x - X) ** 2)

    found = trial_at(curved, lambda x: step_of(x) + 2 * np.where(x > X, curvature, 1) * (x - X), X)
    delta = 2.0**-20
    sides, _ = nearby.next_to_the_point(found, delta)
    for pair, probe in zip(sides, found.probes, strict=True):
        v = found.direction(probe.probe)
        for mismatch, sign in zip(pair, (1, -1), strict=True):
            drift = 2 * delta * np.where(sign * v > 0, curvature, 1) @ v**2
            assert mismatch.bound == pytest.approx((probe.slope.side_error + 2 * drift) / probe.stretch, rel=1e-6)
            assert not mismatch.significant


def test_beyond_is_at_the_finest_step_at_which_each_slope_was_compared(trial_at):
    seen = []

    def gradient(x):
        seen.append(x.copy())
        return step_of(x)

    found = trial_at(relu, gradient, X)
    seen.clear()
    nearby.next_to_the_point(found, 2.0**-30, beyond=True)
    probe = found.probes[0]
    assert probe.slope.resolution != 2.0**-30
    assert seen[0].tolist() == (X + probe.slope.resolution * found.direction(0)).tolist()
    assert seen[1].tolist() == (X + 2 * probe.slope.resolution * found.direction(0)).tolist()
    assert seen[2].tolist() == (X - probe.slope.resolution * found.direction(0)).tolist()
    assert seen[3].tolist() == (X - 2 * probe.slope.resolution * found.direction(0)).tolist()


def test_a_side_on_which_f_is_not_defined_has_no_bound(trial_at):
    found = trial_at(lambda x: np.nan if x[0] < 0 else np.sum(np.maximum(x, 0)), lambda x: 1.0 * (x >= 0), X)
    sides, _ = next_to(found)
    for (right, left), probe in zip(sides, found.probes, strict=True):
        undefined, defined = (left, right) if found.direction(probe.probe)[0] > 0 else (right, left)
        assert (undefined.measured, undefined.bound) == (0.0, math.inf)
        assert defined.bound < 1e-6


# More of them --------------------------------------------------------------------------------------------------


def test_claims_are_added_with_their_moves(trial_at):
    found = trial_at(relu, step_of, X)
    once = nearby.extended(found, nearby.Nearby(C[None], C[None], X, 0.5), 2.0**-20, [-C, C])
    assert np.array(once.moves).tolist() == [C.tolist(), (-C).tolist(), C.tolist()]
    assert np.array(once.samples).tolist() == [C.tolist(), [0, 2, 0], [1, 2, 0]]
    assert once.at(np.array([2, 1])).tolist() == [[3, 2], [0, 2], [0, 2]]
    assert once.moves_at(np.array([2])).tolist() == [[3], [-3], [3]]
    assert (once.here.tolist(), once.tolerance) == (X.tolist(), 0.5)
    none = nearby.extended(found, once, 2.0**-20, [])
    assert np.array(none.samples).tolist() == np.array(once.samples).tolist()


def test_random_moves_are_drawn_one_after_another_and_the_same_again(trial_at):
    found = trial_at(relu, step_of, X)
    _, near = next_to(found)
    at_once = nearby.more(found, near, 2.0**-30, 6)
    in_turn = nearby.more(found, nearby.more(found, near, 2.0**-30, 2), 2.0**-30, 4)
    assert np.array(at_once.moves).tolist() == np.array(in_turn.moves).tolist()
    assert np.array(at_once.moves[8:]).tolist() == [nearby.drawn(found, n).tolist() for n in range(8, 14)]
    assert len(np.unique(at_once.moves, axis=0)) == 14
    for move, sample in zip(at_once.moves, at_once.samples, strict=True):
        assert sample.tolist() == step_of(X + 2.0**-30 * move).tolist()


Z = np.array([[1 + 2j, 3.0], [0, -1j]])


def squares(z):
    return np.sum(z.real**2 + 3 * z.imag**2)


def test_complex_claims_and_moves_are_their_real_parts_and_then_their_imaginary_ones(trial_at):
    found = trial_at(squares, lambda z: 2 * z.real + 6j * z.imag, Z)
    _, near = next_to(found)
    assert near.here.tolist() == [2, 6, 0, 0, 12, 0, 0, -6]
    move = np.arange(8.0)
    moved = nearby.moved(found, 0.5, move)[0]
    assert moved.tolist() == (Z + 0.5 * np.array([[0 + 4j, 1 + 5j], [2 + 6j, 3 + 7j]])).tolist()
    assert nearby.put(found, move).tolist() == move.tolist()
    assert nearby.claim_at(found, Z * 0 + 1).tolist() == [2, 2, 2, 2, 0, 0, 0, 0]
    assert nearby.drawn(found, 3).shape == (8,)


def test_a_move_is_put_where_the_argument_can_go(trial_at):
    found = trial_at(relu, lambda x: step_of(x).astype(np.float32), X.astype(np.float32))
    move = np.array([1 / 3, 2 / 3, 0.1])
    put = nearby.put(found, move)
    assert put == pytest.approx(move, abs=2.0**-9)  # the spacing of numbers near 2, over δ
    delta = nearby.distance(found)
    moved = nearby.moved(found, delta, put)[0]
    assert (moved.astype(float) - X).tolist() == (delta * put).tolist()  # not rounded


def test_a_move_along_a_tangent_stays_there(trial_at):
    found = trial_at(relu, step_of, X)
    claim = found.gradient.claim
    bound = Trial(
        Field(claim, claim.leaves, seed=0),
        Prediction(claim, claim.leaves),
        0,
        confidence=0.9999,
        tangent=lambda v: v - v.mean(),
    )
    assert nearby.put(bound, np.array([1.0, 2.0, 6.0])).tolist() == [-2, -1, 3]
    assert nearby.drawn(bound, 5).sum() == pytest.approx(0, abs=1e-2)


def test_only_this_argument_is_moved():
    claim = GradientClaim(lambda a, b: np.sum(a * b), lambda a, b: (b, a), (C, X), None, {})
    found = Trial(Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves), 1, confidence=0.9999)
    moved = nearby.moved(found, 1.0, np.ones(3))
    assert moved[0].tolist() == C.tolist()
    assert moved[1].tolist() == (X + 1).tolist()
    assert nearby.claim_at(found, X + 1).tolist() == C.tolist()


def scaled_by(scale, claimed):
    return SimpleNamespace(scale=SimpleNamespace(value=scale), claimed=claimed)


def test_a_scale_is_one_number_or_one_for_each_part_of_a_claim():
    scale = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert nearby.flat_scale(scaled_by(2.5, Z)) == 2.5
    assert nearby.flat_scale(scaled_by(scale, Z.real)).tolist() == [1, 2, 3, 4]
    assert nearby.flat_scale(scaled_by(scale, Z)).tolist() == [1, 2, 3, 4, 1, 2, 3, 4]


def test_the_size_of_the_claims_is_that_of_the_largest_in_the_norm_of_the_scale():
    near = nearby.Nearby(np.array([[3.0, 0.0], [1.0, 4.0], [0.0, -1.0]]), np.zeros((3, 2)), np.ones(2), 0.0)
    assert nearby.spread(scaled_by(2.0, np.ones(2)), near) == pytest.approx(2 * math.hypot(1, 4))
    assert nearby.spread(scaled_by(np.array([10.0, 1.0]), np.ones(2)), near) == pytest.approx(30.0)
