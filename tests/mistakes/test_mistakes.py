"""The table of named mistakes: what each is called, when two names are given, when none, and the power of a PASS."""

import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.mistakes import TABLE, Case, Mistake, changes, factors, register

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


def normalised(axis):
    """Return a function of normalised x, and its gradient with and without the path through the mean."""
    target = np.cos(7 * W)

    def loss(x):
        centred = x - x.mean(axis=axis, keepdims=True)
        return np.sum(target * centred / np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + 0.1))

    def lost(x):
        centred = x - x.mean(axis=axis, keepdims=True)
        root = np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + 0.1)
        return target / root - centred * np.mean(target * centred, axis=axis, keepdims=True) / root**3

    return loss, lost, lambda x: lost(x) - lost(x).mean(axis=axis, keepdims=True)


@pytest.mark.parametrize("axis", [0, 1, (0, 1)], ids=["batch", "layer", "all"])
def test_a_lost_path_through_the_mean_is_named_with_its_axes(axis):
    loss, lost, whole = normalised(axis)
    assert gc.check(loss, whole, (W,))
    argument = gc.check(loss, lost, (W,))[0]
    said = f"axis {axis}" if isinstance(axis, int) else "axes 0, 1"
    assert argument.mistakes == (f"mean over {said} not taken away",)
    assert argument.advice.startswith(f"right when its mean over {said} is taken away")


def test_an_error_without_a_name_gets_none():
    assert names(lambda g: g + np.cos(7 * W)) == ()


def test_a_claim_where_nothing_depends_on_the_argument_is_asked_whether_f_uses_it():
    argument = gc.check(lambda a, b: np.sum(a**2) + 0 * np.sum(b), lambda a, b: (2 * a, b), (W, W))["b"]
    assert argument.verdict is gc.Verdict.FAIL
    assert "does f use b?" in argument.advice


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
    monkeypatch.setattr("gradcheck.diagnosis.locate.find", lambda argument, *_: argument)
    assert gc.check(f, lambda w: gradient(w) / 2, (W,)).evaluations < named.evaluations
    monkeypatch.setattr("gradcheck.diagnosis.names.named", lambda argument, *_: argument)
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
    monkeypatch.setattr("gradcheck.diagnosis.names.power", lambda argument, *_: argument)
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
        assert list(changes(TABLE["transposed"], lambda case: case.gradient / 0, Case(W, W))) == []


def test_only_a_mistake_can_be_registered():
    with pytest.raises(gc.ArgumentError, match="register got 'twice', wanted a Mistake"):
        register("twice")


def test_a_mistake_that_needs_something_unknown_is_refused():
    with pytest.raises(
        gc.ArgumentError, match="needs='forward', wanted one of 'slopes', 'claim', 'arguments', 'lines'"
    ):
        Mistake("x", "forward", None)


@pytest.mark.parametrize(
    "name", [m.name for m in TABLE.values() if m.plant and m.correct and m.name != "constant factor"]
)
def test_correcting_what_was_planted_gives_the_gradient_back(name):
    g = RNG.standard_normal((3, 3)) + (1j * RNG.standard_normal((3, 3)) if name.startswith("conjugate") else 0)
    mistake, case = TABLE[name], Case(g, W[:3, :3], {"b": g + 1})
    for planted in changes(mistake, mistake.plant, case):
        if planted.array is not None and name != "swapped":
            again = list(changes(mistake, mistake.correct, Case(planted.array, W[:3, :3])))
            assert any(np.array_equal(c.array, g) for c in again)


# What each mistake plants, and what undoes it --------------------------------------------------------------------


def entries(*shape):
    """An array no two entries of which are alike."""
    return RNG.permutation(np.arange(1.0, 1 + np.prod(shape, dtype=int))).reshape(shape)


def wrong(name, gradient, argument=None, **case):
    """What the mistake plants: {name: the wrong gradient}."""
    argument = np.ones_like(gradient) if argument is None else argument
    case = Case(gradient, argument, **case)
    found = {}
    for change in changes(TABLE[name], TABLE[name].plant, case):
        array = change.factor * (gradient if change.array is None else change.array)
        assert change.name not in found  # planted once
        found[change.name] = array if change.along is None else array + change.multiple * change.along
    return found


def corrected(name, gradient, argument=None, **case):
    """What the mistake makes of a wrong gradient: [(advice, the right one)]."""
    argument = np.ones_like(gradient) if argument is None else argument
    found = list(changes(TABLE[name], TABLE[name].correct, Case(gradient, argument, **case)))
    return [(change.advice, change.array) for change in found]


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert np.array_equal(found[name], array), name


def test_factors_are_two_the_sign_and_every_dimension_above_two():
    g = entries(2, 3)
    lengths = {n: (f"x.shape[{n}]",) for n in (1, 2, 3, 64)}
    assert_same(
        wrong("constant factor", g, dimensions=lengths),
        {
            "factor 2 missing": g / 2,
            "factor 2 too many": g * 2,
            "sign flipped": -g,
            "factor 3 missing (mean instead of sum over 3)": g * (1 / 3),
            "factor 3 too many (sum instead of mean over 3)": g * 3,
            "factor 64 missing (mean instead of sum over 64)": g / 64,
            "factor 64 too many (sum instead of mean over 64)": g * 64,
        },
    )


def test_a_transpose_needs_two_equal_axes_longer_than_one():
    square, g = entries(3, 3), entries(3, 3, 2)
    assert_same(wrong("transposed", square), {"transposed": square.T})
    assert_same(wrong("transposed", g), {"transposed, axes (1, 0, 2)": g.transpose(1, 0, 2)})
    for shape in [(2, 3), (1, 1), (1, 1, 3), (4,), ()]:
        assert wrong("transposed", entries(*shape)) == {}
    ((advice, _),) = corrected("transposed", g)
    assert advice == "right with its axes (1, 0, 2)"
    ((advice, _),) = corrected("transposed", square)
    assert advice.startswith("its transpose is right")


def test_the_other_memory_order_differs_where_two_axes_are_long_and_unequal():
    g = entries(2, 3)
    assert_same(wrong("reshaped in the wrong order", g), {"reshaped in the wrong order": g.ravel("F").reshape(2, 3)})
    for shape in [(3, 3), (1, 3), (4,)]:
        assert wrong("reshaped in the wrong order", entries(*shape)) == {}
        assert corrected("reshaped in the wrong order", entries(*shape)) == []


def test_an_index_is_off_by_one_along_every_axis_longer_than_one():
    g = entries(3, 2, 1)
    assert_same(
        wrong("off by one", g),
        {"off by one along axis 0": np.roll(g, 1, 0), "off by one along axis 1": np.roll(g, 1, 1)},
    )
    found = corrected("off by one", g)
    assert [advice for advice, _ in found] == [
        "right when rolled by -1 along axis 0: an index is off by one",
        "right when rolled by 1 along axis 0: an index is off by one",
        "right when rolled by -1 along axis 1: an index is off by one",  # of two, either way is the same
    ]
    for (_, array), (by, axis) in zip(found, [(-1, 0), (1, 0), (-1, 1)], strict=True):
        assert np.array_equal(array, np.roll(g, by, axis))


def test_a_kernel_is_flipped_along_each_axis_and_along_its_last_two():
    g = entries(4, 2, 3)
    assert_same(
        wrong("reversed", g),
        {
            "reversed along axis 0": g[::-1],
            "reversed along axis 1": g[:, ::-1],
            "reversed along axis 2": g[:, :, ::-1],
            "reversed along axes 1 and 2": g[:, ::-1, ::-1],
        },
    )
    apart = entries(2, 1, 3)  # its last two axes are no plane
    assert_same(
        wrong("reversed", apart), {"reversed along axis 0": apart[::-1], "reversed along axis 2": apart[..., ::-1]}
    )
    assert wrong("reversed", entries(1)) == {}


def test_weight_decay_is_a_thousandth_of_the_gradient_s_size_along_the_argument():
    for g, x in ((np.array([3.0, 4.0]), np.array([1.0, 0.0])), (np.array([30.0, 40.0]), np.array([0.0, 10.0]))):
        (planted,) = wrong("argument multiple", g, x).values()
        assert planted - g == pytest.approx(5e-3 * g[0] / 3 * (x > 0))
    assert wrong("argument multiple", np.array([3.0, 4.0]), np.zeros(2)) == {}
    assert wrong("argument multiple", np.array([3.0]), np.array([2.0])) == {}  # of one entry it is a factor
    assert corrected("argument multiple", np.array([3.0]), np.array([2.0])) == []
    (of_zero,) = wrong("argument multiple", np.zeros(2), np.array([3.0, 4.0])).values()
    assert np.linalg.norm(of_zero) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((), []),
        ((1,), []),
        ((4,), ["last entry dropped"]),
        ((2, 3), ["last sample dropped", "last feature dropped"]),
        ((1, 3), ["last feature dropped"]),
        ((2, 3, 4), ["last sample dropped", "last feature dropped"]),
    ],
)
def test_a_loop_that_stops_one_short_leaves_zeros_in_the_last_slice(shape, names):
    g = entries(*shape)
    found = wrong("last slice dropped", g)
    assert list(found) == names
    for name, array in found.items():
        last = np.s_[-1] if name in ("last sample dropped", "last entry dropped") else np.s_[..., -1]
        assert not np.any(array[last])
        array[last] = g[last]
        assert np.array_equal(array, g)


def test_a_mask_is_that_of_any_real_array_of_both_signs():
    g, x = entries(4, 2), np.array([[0.5, -0.5], [0.25, 0.75], [-0.25, 0.5], [0.75, -0.75]])
    others = {"b": -x, "positive": x**2, "negative": -(x**2), "complex": x + 0j}
    found = corrected("mask missing", g, x, arguments=others)
    words = [advice.partition(",")[0] for advice, _ in found]
    assert words == [f"right where {name} {sign} 0" for name in ("the argument", "b") for sign in "><"]
    for (_, array), mask in zip(found, [x > 0, x < 0, x < 0, x > 0], strict=True):
        assert np.array_equal(array, np.where(mask, g, 0))
    assert corrected("mask missing", g + 0j, x) == []
    assert corrected("mask missing", g[:3], x[:3]) == []  # six entries: by accident once in 2^6


def test_a_conjugate_and_a_real_part_are_those_of_complex_gradients():
    g = entries(2, 3) + 1j * entries(2, 3)
    assert_same(wrong("conjugate missing", g), {"conjugate missing": g.real - 1j * g.imag})
    assert_same(wrong("real part only", g), {"real part only": g.real})
    assert wrong("conjugate missing", g.real) == wrong("real part only", g.real) == {}


def test_swapped_gradients_are_those_of_arguments_of_one_shape():
    g, other = entries(2, 3), entries(2, 3)
    assert_same(wrong("swapped", g, others={"b": other, "c": entries(3, 2)}), {"swapped with b": other})


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


@pytest.mark.parametrize(("c", "said"), [(32.0, "mean instead of sum, if 32"), (1 / 32, "sum instead of mean, if 32")])
def test_a_whole_factor_that_is_no_length_says_what_it_may_come_from(c, said):
    (found,) = factors.names_of(c * (1 - 1e-10), c * (1 + 1e-10), {7: ("x.shape[0]",)})
    assert said in found.advice


def test_a_loose_interval_names_all_factors_in_it():
    assert [n.value for n in factors.names_of(1.9, 5.1, {5: ("x.shape[0]",)})] == [2, 5, 3]


@pytest.mark.parametrize("size", [5e-324, 1e-308, 1e-300, 1.0 - 2.0**-52, 1e300, 1.7e308])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_factor_of_any_size_has_a_finite_name_or_none(size, sign):
    low, high = sorted((sign * size, sign * math.nextafter(size, math.inf)))
    names = factors.names_of(low, high, {3: ("x.shape[0]",)})
    assert len(names) == (size > 5e-324)
    for name in names:
        assert low <= name.value <= high
        assert "inf" not in name.name + name.advice


def test_a_float_so_large_that_it_is_whole_anyway_is_no_known_number():
    assert not factors.names_of(1e300, 1e300, {})[0].known


def test_a_constant_that_is_nearly_one_is_told_from_one():
    # 1/6 rounded to float32 is 3e-8 too large: torch.nn.functional.hardsigmoid's backward has it in float64 too
    sixth = float(np.float32(1 / 6))
    report = gc.check(lambda x: np.sum(x) / 6, lambda x: np.full_like(x, sixth), (np.array([0.5, -1.5, 2.0]),))
    assert report.verdict is gc.Verdict.FAIL
    assert "right next to the point" not in " ".join(str(report).split())
    assert "every entry is 1.00000003 x the true gradient" in " ".join(str(report).split())


# A jvp: no array, slopes only ------------------------------------------------------------------------------------

PUSHED = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def pushed(factor):
    return gc.check(np.sin, jvp=lambda t, x: factor * np.cos(x) * t, args=(PUSHED,))[0]


@pytest.mark.parametrize(
    ("factor", "name"),
    [(2.0, "factor 2 too many"), (0.5, "factor 2 missing"), (-1.0, "sign flipped"), (1 / 3, "factor 3 missing")],
)
def test_a_factor_in_a_jvp_has_its_name(factor, name):
    report = pushed(factor)
    assert report.verdict is gc.Verdict.FAIL
    assert report.mistakes[0].startswith(name)


def test_factors_are_planted_in_a_right_jvp_and_nothing_that_needs_its_array():
    planted = pushed(1.0).planted
    assert (planted.caught, planted.applicable) == (5, 5)  # 1/2, 2, -1, 3 and 1/3: an axis of 2 has none of its own


def test_a_jvp_that_is_wrong_in_other_ways_or_zero_has_no_name():
    assert gc.check(np.sin, jvp=lambda t, x: t * x, args=(PUSHED,))[0].mistakes == ()
    assert pushed(0.0).mistakes == ()


@pytest.mark.parametrize(("axes", "back"), [((1, 2, 0), (2, 0, 1)), ((2, 0, 1), (1, 2, 0)), ((2, 1, 0), (2, 1, 0))])
def test_a_permutation_of_the_axes_is_called_what_was_done_and_told_how_to_undo_it(axes, back):
    x = np.random.default_rng(3).standard_normal((3, 3, 3))
    argument = gc.check(lambda x: np.sum(x**3), lambda x: (3 * x**2).transpose(axes), (x,))[0]
    assert argument.mistakes == (f"transposed, axes {axes}",)
    assert argument.advice == f"right with its axes {back}"
