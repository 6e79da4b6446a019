import numpy as np
import pytest

pytest.importorskip("flint")

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.kinks import around, beside, changes, exactly, of_black_box
from gradcheck.oracles.exact_slopes import ExactSlopes
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

SIGNS = np.array([1.0, -2.0, 1.0])


def bent(x):
    return (SIGNS * np.maximum(x, 0)).sum()


def judged(at_zero, kink_of=None):
    def gradient(x):
        return 0 * x + SIGNS * np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))

    return gc.check(bent, gradient, (np.array([0.0, 0.0, 2.0]),), oracle="exact", kink_of=kink_of)["x"]


@pytest.mark.parametrize("kink_of", [None, lambda x: x], ids=["black box", "kink variable"])
@pytest.mark.parametrize(("at_zero", "verdict"), [(0.0, "PASS"), (0.25, "PASS"), (1.0, "PASS"), (1.25, "FAIL")])
def test_exact_claims_are_judged_with_the_same_proofs(at_zero, verdict, kink_of):
    found = judged(at_zero, kink_of)
    assert found.verdict == gc.Verdict(verdict)
    assert found.kink.valid == (verdict == "PASS")
    assert found.kink.within == 0
    if found.kink.valid:
        assert [kink.share for kink in found.kink.kinks] == pytest.approx([at_zero, at_zero], abs=2.0**-50)
    elif kink_of is None:
        assert found.kink.claimed > found.kink.rise
    else:
        assert "the claim uses 1.25 at the kink, wanted a value in [0, 1]" in found.reason


@pytest.mark.parametrize(("at_zero", "verdict"), [(0.25, "PASS"), (1.25, "FAIL")])
def test_exact_claims_of_large_arguments_are_kept_whole(at_zero, verdict, monkeypatch):
    for module in (around, beside, changes, of_black_box):
        monkeypatch.setattr(module, "WHOLE", 2)
    found = judged(at_zero, None)
    assert found.verdict == gc.Verdict(verdict)
    assert found.kink.entries == ((0,), (1,))


def test_at_a_tie_everyone_cannot_have_it_all():
    def gradient(x):
        return 0 * x + np.where(x == x.max(), 1.0, 0.0)

    report = gc.check(lambda x: x.max(), gradient, (np.ones(4),), oracle="exact")
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].kink.claimed > 3 * report[0].kink.rise


def test_a_kink_nearer_than_any_step_is_none():
    beside = np.nextafter(0.0, 1.0)
    report = gc.check(
        lambda x: np.maximum(x - 1, 0).sum(),
        lambda x: 1.0 * (x > 1) + 0 * x,
        (np.array([1 + 2.0**-52, 1 - 2.0**-52, beside]),),
        oracle="exact",
    )
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink is None
    assert report[0].exact.equal


def test_a_kink_variable_that_is_almost_zero_is_not_zero():
    with pytest.raises(gc.ArgumentError, match="kink_of returned no zero at the point"):
        judged(1.0, lambda x: x + 2.0**-60)


@pytest.mark.parametrize("seed", range(8))
def test_a_formula_that_is_right_along_some_directions_alone_is_not_equal(seed):
    report = gc.check(np.median, lambda x: 0 * x + np.array([0.0, 1.0, 0.0]), (np.zeros(3),), oracle="exact", seed=seed)
    assert report.verdict is not gc.Verdict.PASS
    assert not report[0].exact.equal


# The limits of the claim by themselves ---------------------------------------------------------------------------


def limits_at(x, f=lambda x: np.maximum(x, 0).sum(), gradient=lambda x: 0 * x + 1.0 * (x > 0)):
    claim = GradientClaim(f, gradient, Given((x,)))
    field = Field(claim, claim.leaves, seed=0)
    trial = Trial(field, Prediction(claim, claim.leaves), 0, confidence=0.9999)
    trial.measure(ExactSlopes(field, claim), 2)
    return exactly.beside(trial)


def test_all_steps_to_one_side_are_one_and_the_claim_is_asked_for_once():
    beside = limits_at(np.array([0.0, 2.0, -3.0]))
    v, w = beside.trial.direction(0), beside.trial.direction(1)
    before = beside.trial.prediction.evaluations
    right = beside.leaves(v)
    assert beside.leaves(v, 3.0) is right
    claim = beside.claim(right)
    assert beside.claim(beside.leaves(v, 2.0)) == pytest.approx(claim)
    assert beside.trial.prediction.evaluations == before + 1
    claim[:] = 9.0
    assert (beside.claim(right) != 9.0).all()  # a copy is handed out
    left = beside.leaves(v, -1.0)
    assert left is not right
    assert beside.moved_to(left) == pytest.approx(-beside.moved_to(right))
    assert beside.moved_to(right) == pytest.approx(beside.as_move(np.asarray(v)))
    for other, sign in ((v, 1.0), (w, 1.0), (w, -1.0), (v, -3.0)):
        move = sign * beside.as_move(np.asarray(other))
        claim = beside.claim(beside.leaves(other, sign))
        assert claim == pytest.approx(beside.scale * np.where(move > 0, [1, 1, 0], [0, 1, 0]))
    assert beside.delta == 0


def test_limits_differ_by_their_rounding_at_most():
    """Between 2⁻⁵² of the largest entry, the unit of float64, and 2⁻³⁰ of it, which a claim off a step may be off."""
    for size in (1e-6, 1.0, 1e6):
        x = np.array([0.0, 2.0])
        beside = limits_at(x, lambda x, c=size: c * np.maximum(x, 0).sum(), lambda x, c=size: 0 * x + c * (x > 0))
        largest = np.abs(beside.here).max()
        assert 2.0**-50 * largest < beside.tolerance < 2.0**-40 * largest
        assert 2.0**-50 < beside.blur < 2.0**-36
