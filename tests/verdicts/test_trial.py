import math
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.prediction import ClaimNoise, Prediction
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.direction import inner
from gradcheck.slopes.field import Field
from gradcheck.slopes.slope import Slope
from gradcheck.verdicts.certificate import Mismatch
from gradcheck.verdicts.trial import DEVIATIONS, Trial

X = np.array([0.5, -1.5, 2.0, 0.75])


def cubes(x):
    return float(np.sum(x**3))


def cubes_gradient(x):
    return 3 * x**2


def trial(f=cubes, gradient=cubes_gradient, x=X, *, tangent=None, confidence=0.9999, form=None):
    claim = form or GradientClaim(f, gradient, Given((x,)))
    return Trial(
        Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves), 0, confidence=confidence, tangent=tangent
    )


def oracle(found):
    return FiniteDifferences(found.field, [0])


class Fixed:
    """An oracle that answers what it is told."""

    name = "fixed"

    def __init__(self, *slopes):
        self.slopes = list(slopes)
        self.starts = []

    def slope(self, move, *, scale, start):
        del move, scale
        self.starts.append(start)
        return self.slopes.pop(0)


def slope(value, error=0.0, *, left=None, right=None, resolution=2.0**-16, levels=()):
    left, right = (value if side is None else side for side in (left, right))
    return Slope(value, error, left, right, error, resolution, math.nan, levels)


def test_probes_are_numbered_on_and_their_directions_come_again_from_their_keys():
    found = trial()
    measured = found.measure(oracle(found), 2) + found.measure(oracle(found), 2)
    assert [p.probe for p in measured] == [0, 1, 2, 3]
    assert found.probes == measured
    for p in measured:
        v = found.direction(p.probe)
        assert found.predict(v) == (p.claimed, p.claim_error)
        assert abs(p.slope.value - 3 * X**2 @ v) <= p.slope.error


def test_steps_are_moved_by_a_factor_between_one_and_two():
    found = trial()
    factors = [found.stretch(p) for p in range(50)]
    assert all(1 <= f < 2 for f in factors)
    assert len(set(factors)) == 50
    spread = [float(np.linalg.norm(found.direction(p))) / found.stretch(p) for p in range(200)]
    assert np.mean(np.square(spread)) == pytest.approx(4 * found.scale.value**2, rel=0.3)


def test_a_mismatch_is_told_at_unit_stretch_with_every_bound_in_it():
    found = trial(gradient=lambda x: 3 * x**2 + 0.5)
    (probe,) = found.measure(oracle(found), 1)
    found.jitter = 1e-3
    m = found.mismatch(probe)
    v = found.direction(0)
    assert m.value * probe.stretch == pytest.approx(0.5 * float(v.sum()), rel=1e-6)
    assert m.bound == pytest.approx((probe.slope.error + probe.claim_error) / probe.stretch + DEVIATIONS * 1e-3)


def test_the_spread_of_a_claim_that_varies_is_part_of_its_bound():
    claim = GradientClaim(cubes, cubes_gradient, Given((X,)))
    gradient = Prediction(claim, claim.leaves)
    noise = ClaimNoise((0.25,), (False,))
    found = Trial(Field(claim, claim.leaves, seed=0), gradient, 0, confidence=0.99, noise=noise)
    (probe,) = found.measure(oracle(found), 1)
    assert found.mismatch(probe).bound >= DEVIATIONS * 0.25
    assert found.jitter_next_to_kink == 0.25


def test_mismatches_of_some_probes_only():
    found = trial()
    found.measure(oracle(found), 4)
    assert found.mismatches(found.probes[:2]) == found.mismatches()[:2]


def test_a_right_and_a_wrong_claim_have_intervals_that_say_so():
    right, wrong = trial(), trial(gradient=lambda x: 3.03 * x**2)
    for found in (right, wrong):
        found.measure(oracle(found), 4)
    assert right.interval().low == 0
    assert right.interval().high < 1e-6
    assert 0.01 in wrong.interval()
    assert wrong.interval().low > 1e-4


def test_the_absolute_interval_is_in_the_units_of_f():
    found = trial(gradient=lambda x: 3 * x**2 + 1e-2)
    found.measure(oracle(found), 4)
    interval = found.absolute()
    assert not interval.relative
    assert found.scale.norm(np.full(4, 1e-2)) in interval
    still = trial(gradient=lambda x: 0 * x)
    still.measure(oracle(still), 4)
    assert still.absolute([1e-9] * 4).low == 0
    assert still.absolute([1e-9] * 4).high < 1e-6


def test_where_nothing_can_be_measured_the_probe_is_counted_and_its_direction_not_used_again():
    found = trial()
    found.measure(Fixed(None, slope(1.0), None), 3)
    assert found.unmeasured == 2
    assert [p.probe for p in found.probes] == [1]
    found.measure(Fixed(slope(1.0)), 1)
    assert [p.probe for p in found.probes] == [1, 3]


def test_a_slope_that_went_far_down_tells_the_next_where_to_begin():
    found = trial()
    deep, shallow, kinked = (
        slope(1.0, resolution=2.0**-28),
        slope(1.0, resolution=2.0**-16),
        slope(1.0, left=0.0, right=2.0, resolution=2.0**-30),
    )
    edge = slope(1.0, left=math.nan, right=1.0, resolution=2.0**-30)
    asked = Fixed(deep, shallow, kinked, edge, slope(1.0, resolution=0.0), slope(1.0))
    found.measure(asked, 6)
    assert asked.starts == [None, -28, None, None, None, None]


def test_the_expected_size_of_a_slope_is_that_of_the_claim_along_its_stretched_direction():
    sizes = []

    class Listening(Fixed):
        def slope(self, move, *, scale, start):
            sizes.append(scale)
            return super().slope(move, scale=scale, start=start)

    found = trial()
    found.measure(Listening(slope(1.0)), 1)
    restricted = trial(tangent=lambda v: v * [1, 0, 0, 0])
    restricted.measure(Listening(slope(1.0)), 1)
    assert sizes[0] == pytest.approx(found.stretch(0) * found.scale.norm(3 * X**2))
    assert sizes[1] == pytest.approx(restricted.stretch(0) * abs(3 * X[0] ** 2 * restricted.direction(0)[0]))


def test_restricted_directions_leave_the_size_of_the_claim_unknown():
    found = trial(tangent=lambda v: v * [1, 0, 0, 0])
    assert found.claimed_norm is None
    assert found.direction(0).tolist()[1:] == [0, 0, 0]
    found.measure(oracle(found), 4)
    assert found.interval().high < 1e-6
    assert found.true_norm > 0
    assert math.isfinite(found.smallest_error())


def test_a_jvp_predicts_without_an_array():
    form = JvpClaim(lambda x: x**3, lambda v, x: 3 * x**2 * v, Given((X,)))
    found = trial(form=form)
    assert found.claimed is None
    assert found.claimed_norm is None
    found.measure(oracle(found), 4)
    assert not any(m.significant for m in found.mismatches())
    assert found.interval().high < 1e-6


def test_what_is_not_claimed_predicts_nothing():
    claim = GradientClaim(lambda a, b: float(np.sum(a * b)), lambda a, _: (None, a), Given((X, X), names=["x", "y"]))
    found = Trial(Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves), 0, confidence=0.99)
    with pytest.raises(TypeError, match="x"):
        found.predict(X)


def test_the_true_size_is_estimated_from_the_slopes():
    found = trial()
    assert found.true_norm == 0.0
    found.measure(oracle(found), 64)
    # the mean of 64 squares is off by sqrt(2/64) = 18 % on average; its root by half of that, four times
    assert found.true_norm == pytest.approx(found.scale.norm(3 * X**2), rel=0.36)


def test_the_smallest_error_is_infinite_where_nothing_is_known():
    found = trial()
    assert found.smallest_error() == math.inf
    found.measure(Fixed(slope(0.0, 1e-9), slope(0.0, 1e-9)), 2)
    assert math.isfinite(found.smallest_error())
    flat = trial(gradient=np.zeros_like)
    flat.measure(Fixed(slope(0.0, 1e-9), slope(0.0, 1e-9)), 2)
    assert flat.smallest_error() == math.inf


def test_an_error_of_the_smallest_size_told_would_be_seen():
    found = trial()
    found.measure(oracle(found), 4)
    smallest = found.smallest_error()
    assert found.interval().high / 1e3 < smallest < 1e-5
    caught = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        e = rng.standard_normal(4)
        e *= smallest * np.linalg.norm(3 * X**2) / np.linalg.norm(e)
        claims = [inner(3 * X**2 + e, found.direction(p.probe)) for p in found.probes]
        wrong = [
            found.mismatch(replace(p, claimed=value, claim_error=error))
            for p, (value, error) in zip(found.probes, claims, strict=True)
        ]
        caught += sum(m.significant for m in wrong) >= 2
    assert caught >= 39  # of 40, at a confidence of 99.99 %


def test_the_size_of_f_includes_what_it_becomes_when_the_argument_moves_by_its_own_size():
    found = trial(f=lambda x: float(np.sum((x - X) ** 2)), gradient=lambda x: 2 * (x - X))
    found.measure(oracle(found), 1)
    v = found.direction(0)
    found.see_size()
    assert found.field.largest == pytest.approx(float(v @ v), rel=1e-12)


def test_a_slope_without_a_bound_is_never_a_mismatch():
    found = trial()
    found.measure(Fixed(slope(7.0, math.inf), slope(-7.0, math.inf)), 2)
    assert not any(m.significant for m in found.mismatches())
    assert isinstance(found.mismatches()[0], Mismatch)
    assert found.interval().high == math.inf
