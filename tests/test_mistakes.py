"""The table of named mistakes: what each is called, when two names are given, when none, and the power of a PASS."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import factors
from gradcheck.mistakes import TABLE, Case, Mistake, changes, register

RNG = np.random.default_rng(8)
W = RNG.standard_normal((6, 5))
C = RNG.standard_normal((6, 5))


def f(w):
    return np.sum(C[: len(w)] * np.sin(w))


def gradient(w):
    return C[: len(w)] * np.cos(w)


def names(change, w=W):
    return gc.check(f, lambda w: change(gradient(w)), (w,))[0].mistakes


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda g: g / 2, "factor 2 missing"),
        (lambda g: g * 2, "factor 2 too many"),
        (lambda g: -g, "sign flipped"),
        (lambda g: -g / 2, "sign flipped and factor 2 missing"),
        (lambda g: g / 6, "factor 6 missing (mean instead of sum over 6)"),
        (lambda g: g * 5, "factor 5 too many (sum instead of mean over 5)"),
        (lambda g: g * 30, "factor 30 too many (sum instead of mean over 5·6)"),
        (lambda g: g / 7, "factor 7 missing"),
        (lambda g: g * 1.37, "constant factor 1.37"),
        (lambda g: np.roll(g, 1, axis=0), "off by one along axis 0"),
        (lambda g: np.roll(g, -1, axis=1), "off by one along axis 1"),
        (lambda g: g[::-1], "reversed along axis 0"),
        (lambda g: g[::-1, ::-1], "reversed along axes 0 and 1"),
        (lambda g: np.ascontiguousarray(g.T).reshape(g.shape), "reshaped in the wrong order"),
        (lambda g: g + 0.01 * W, "argument multiple added"),
        (lambda g: g - 0.01 * W, "argument multiple missing"),
        (lambda g: np.vstack([g[:-1], 0 * g[-1:]]), "last sample dropped"),
        (lambda g: np.hstack([g[:, :-1], 0 * g[:, -1:]]), "last feature dropped"),
        (lambda g: 0 * g, "gradient is zero"),
    ],
)
def test_a_mistake_is_named_alone(change, name):
    assert names(change) == (name,)


def test_an_error_without_a_name_gets_none():
    assert names(lambda g: g + np.cos(7 * W)) == ()


def test_a_claim_where_nothing_depends_on_the_argument_should_be_zero():
    argument = gc.check(lambda a, b: np.sum(a**2) + 0 * np.sum(b), lambda a, b: (2 * a, b), (W, W))["b"]
    assert "should be zero" in argument.mistakes


def test_two_mistakes_that_are_the_same_here_are_both_named():
    report = gc.check(lambda w: np.sum(w**2), lambda w: 1.5 * w, (W,))  # 2w: a factor of it is a multiple of w too
    assert report[0].mistakes == ("constant factor 0.75", "argument multiple missing")


def test_a_claim_of_zero_is_called_so_and_not_a_missing_multiple_of_the_argument():
    report = gc.check(lambda w: np.sum(w**2), np.zeros_like, (W,))
    assert report[0].mistakes == ("gradient is zero",)


def test_of_one_entry_only_a_known_factor_can_be_told():
    one = np.array([0.7])
    assert gc.check(lambda w: np.sum(np.sin(w)), lambda w: np.cos(w) / 2, (one,))[0].mistakes == ("factor 2 missing",)
    # any number is some multiple of any other: what is wrong is a term
    assert gc.check(lambda w: np.sum(np.sin(w)), lambda w: np.cos(w) + w, (one,))[0].mistakes == ()


def test_a_claim_so_wrong_that_its_own_round_off_hides_every_slope_gets_no_name():
    a, b = RNG.standard_normal((2, 20))
    huge = gc.check(
        lambda a, b: np.sum(np.sin(a) + b * b),
        lambda a, b: (np.cos(a) * np.exp(200 * np.abs(np.sin(a))), 2 * b),
        (a, b),
    )
    assert huge["a"].verdict is gc.Verdict.FAIL
    assert huge["a"].mistakes == ()


def test_an_error_hardly_beyond_its_bounds_gets_no_name_by_accident():
    rng = np.random.default_rng(1)
    found = []
    for seed in range(40):
        w, c, e = rng.standard_normal((3, 2))
        f, claim = (
            (lambda w, c=c: float(np.float32(np.sum(c * np.sin(w))))),
            (lambda w, c=c, e=e: c * np.cos(w) + 2e-4 * e),
        )
        found.append(gc.check(f, claim, (w,), seed=seed)[0])
    wrong = [a for a in found if a.verdict is gc.Verdict.FAIL]
    assert len(wrong) > 10
    assert [a.mistakes for a in wrong] == [()] * len(wrong)


def test_equal_axes_in_another_order_are_named():
    w, c = RNG.standard_normal((3, 3, 4)), RNG.standard_normal((3, 3, 4))
    report = gc.check(lambda w: np.sum(c * w * w), lambda w: (2 * c * w).transpose(1, 0, 2), (w,))
    assert report[0].mistakes == ("transposed, axes (1, 0, 2)",)


def test_swapped_gradients_name_each_other():
    a, b = RNG.standard_normal((2, 4, 3))
    report = gc.check(lambda a, b: np.sum(a * a * b), lambda a, b: (a * a, 2 * a * b), (a, b))
    assert (report["a"].mistakes, report["b"].mistakes) == (("swapped with b",), ("swapped with a",))


def test_the_same_factor_in_every_gradient_points_to_the_loss():
    a, b = RNG.standard_normal((2, 4, 3))
    report = gc.check(lambda a, b: np.sum((a * b) ** 2), lambda a, b: (a * b * b, a * a * b), (a, b))
    assert "the same in every gradient" in report["a"].advice


def test_a_missing_mask_is_named():
    report = gc.check(lambda w: np.sum(C * np.maximum(w, 0)), lambda w: C + 0 * w, (W,))
    assert report[0].mistakes == ("mask missing",)


def test_a_missing_conjugate_and_a_lost_imaginary_part_are_named():
    z = W + 1j * C

    def square(z):
        return np.sum(np.abs(z) ** 2)

    assert gc.check(square, lambda z: 2 * np.conj(z), (z,))[0].mistakes == ("conjugate missing",)
    assert gc.check(square, lambda z: 2 * z.real + 0j, (z,))[0].mistakes == ("real part only",)


def test_a_name_costs_no_evaluation_but_those_of_its_example(monkeypatch):
    named = gc.check(f, lambda w: gradient(w) / 2, (W,))
    monkeypatch.setattr("gradcheck.locate.find", lambda argument, *_: argument)
    assert gc.check(f, lambda w: gradient(w) / 2, (W,)).evaluations < named.evaluations
    monkeypatch.setattr("gradcheck.diagnosis.named", lambda argument, *_: argument)
    assert gc.check(f, lambda w: gradient(w) / 2, (W,)).evaluations == named.evaluations - 3 * 4


def test_a_pass_counts_the_mistakes_it_would_have_caught():
    planted = gc.check(f, gradient, (W,))[0].planted
    assert planted.caught == planted.applicable >= 12
    assert planted.not_caught == ()


def test_a_mistake_that_changes_nothing_is_named_as_not_caught():
    symmetric = np.array([[1.0, 0.5, 0.25], [0.5, -2.0, 0.75], [0.25, 0.75, 1.5]])
    planted = gc.check(lambda w: np.sum(w**3), lambda w: 3 * w * w, (symmetric,))[0].planted
    assert planted.not_caught == ("transposed (changes nothing here)",)
    assert planted.caught == planted.applicable - 1


def test_a_mistake_below_the_resolution_is_named_as_not_caught():
    noise = np.random.default_rng(0)

    def noisy(w):
        return np.sum(W * w) + 1e-3 * noise.standard_normal()

    planted = gc.check(noisy, lambda w: W + 0 * w, (0 * W + 3,), rtol=0.5)[0].planted
    assert "argument multiple added (too small to see here)" in planted.not_caught


def test_power_costs_no_evaluation(monkeypatch):
    with_power = gc.check(f, gradient, (W,)).evaluations
    monkeypatch.setattr("gradcheck.diagnosis.power", lambda argument, *_: argument)
    assert gc.check(f, gradient, (W,)).evaluations == with_power


def test_a_mistake_of_one_s_own_is_planted_and_named():
    cubed = Mistake(
        "cubed", "claim", lambda case: case.gradient**3, lambda case: np.cbrt(case.gradient), "its cube root is right"
    )
    register(cubed)
    try:
        assert names(lambda g: g**3) == ("cubed",)
        before = gc.check(f, gradient, (W,))[0].planted.applicable
    finally:
        del TABLE["cubed"]
    assert gc.check(f, gradient, (W,))[0].planted.applicable == before - 1


BAD_MISTAKES = {
    "raises": (lambda case: case.nothing, "the mistake 'mine' raised AttributeError: "),
    "shape": (lambda case: case.gradient.T, r"the mistake 'mine' gave shape \(5, 6\), wanted \(6, 5\)"),
    "list": (lambda case: [case.gradient], "the mistake 'mine' gave a ndarray, wanted an array, or a list of Changes"),
}


@pytest.mark.parametrize(("plant", "words"), BAD_MISTAKES.values(), ids=BAD_MISTAKES)
def test_a_mistake_of_one_s_own_that_is_none_is_told_by_its_name(plant, words):
    register(Mistake("mine", "claim", plant))
    try:
        with pytest.raises(gc.ArgumentError, match=words):
            gc.check(f, gradient, (W,))
    finally:
        del TABLE["mine"]


def test_a_mistake_that_is_not_finite_here_is_not_planted_here():
    with np.errstate(all="ignore"):
        assert changes(TABLE["transposed"], lambda case: case.gradient / 0, Case(W, W)) == []


def test_only_a_mistake_can_be_registered():
    with pytest.raises(gc.ArgumentError, match="register got 'twice', wanted a Mistake"):
        register("twice")


def test_a_mistake_that_needs_something_unknown_is_refused():
    with pytest.raises(gc.ArgumentError, match="needs='forward', wanted one of 'claim', 'arguments', 'lines'"):
        Mistake("x", "forward", None)


@pytest.mark.parametrize(
    "name", [m.name for m in TABLE.values() if m.plant and m.correct and m.name != "constant factor"]
)
def test_correcting_what_was_planted_gives_the_gradient_back(name):
    g = RNG.standard_normal((3, 3)) + (1j * RNG.standard_normal((3, 3)) if name.startswith("conjugate") else 0)
    mistake, case = TABLE[name], Case(g, W[:3, :3], {"b": g + 1})
    for planted in changes(mistake, mistake.plant, case):
        if planted.array is not None and name != "swapped":
            again = changes(mistake, mistake.correct, Case(planted.array, W[:3, :3]))
            assert any(np.array_equal(c.array, g) for c in again)


@pytest.mark.parametrize(
    ("c", "name"),
    [
        (2, "factor 2 missing"),
        (0.5, "factor 2 too many"),
        (-1, "sign flipped"),
        (64, "factor 64 missing (mean instead of sum over 64)"),
        (8, "factor 8 missing"),
        (1 / 32, "factor 32 too many"),
        (1.7, "constant factor 0.588235"),
    ],
)
def test_factors_have_the_names_people_use(c, name):
    found = factors.names_of(
        c * (1 - 1e-10) if c > 0 else c * (1 + 1e-10),
        c * (1 + 1e-10) if c > 0 else c * (1 - 1e-10),
        {64: ("x.shape[0]",)},
    )
    assert found[0].name == name


def test_a_loose_interval_names_all_factors_in_it():
    assert [n.value for n in factors.names_of(1.9, 5.1, {5: ("x.shape[0]",)})] == [2, 5, 3]


def test_a_constant_that_is_nearly_one_is_told_from_one():
    # 1/6 rounded to float32 is 3e-8 too large: torch.nn.functional.hardsigmoid's backward has it in float64 too
    sixth = float(np.float32(1 / 6))
    report = gc.check(lambda x: np.sum(x) / 6, lambda x: np.full_like(x, sixth), (np.array([0.5, -1.5, 2.0]),))
    assert report.verdict is gc.Verdict.FAIL
    assert "right next to the point" not in str(report)
    assert "every entry is 1.00000003 x the true gradient" in str(report)
