"""Kinks that people meet: ties of any size, pools, norms at 0, sums of rectifiers, and points just off a kink."""

import tracemalloc

import numpy as np
import pytest

import gradcheck as gc

PASS, FAIL, UNDECIDED = gc.Verdict.PASS, gc.Verdict.FAIL, gc.Verdict.INCONCLUSIVE
SEEDS = (0, 7, 19)


def judged(f, gradient, x, seed, **options):
    return gc.check(f, gradient, (x,), names=["x"], seed=seed, **options)


def row_maxima(x):
    return x.max(axis=1).sum()


def everyone(x):
    return 1.0 * (x == x.max(axis=1, keepdims=True))


def first(x):
    return np.eye(x.shape[1])[x.argmax(axis=1)]


def shared(x):
    return everyone(x) / everyone(x).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(1, 2), (1, 40), (6, 9), (16, 5), (24, 9), (32, 4), (56, 9)])
@pytest.mark.parametrize(("gradient", "verdict"), [(everyone, FAIL), (first, PASS), (shared, PASS)])
def test_of_tied_entries_one_wins_or_they_share_and_not_each_has_it_all(shape, gradient, verdict):
    for seed in SEEDS[:1] if shape[0] > 20 else SEEDS:
        report = judged(row_maxima, gradient, np.zeros(shape), seed)
        assert report.verdict is verdict, (seed, str(report))
        assert report.gradient_evaluations <= 600
        if verdict is FAIL:
            assert report["x"].kink.claimed > report["x"].kink.rise


def test_the_proof_of_a_fail_can_be_checked_by_hand():
    kink = judged(row_maxima, everyone, np.zeros((1, 4)), 0)["x"].kink
    assert kink.proof == "along (1, 1, 1, 1) f rises by 1, the claim says 4"
    direction = np.zeros((1, 4))
    for index, by in kink.direction:
        direction[index] = by
    assert row_maxima(direction) == kink.rise
    assert np.sum(everyone(np.zeros((1, 4))) * direction) == kink.claimed


def test_the_proof_of_a_pass_is_a_convex_combination():
    kink = judged(row_maxima, shared, np.zeros((1, 5)), 0)["x"].kink
    assert len(kink.weights) >= 5
    assert min(kink.weights) > 0
    assert sum(kink.weights) == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gradient_of_nothing_at_a_large_tie_is_wrong(seed):
    x = np.ones(40)
    for claim in (np.zeros_like, lambda x: np.eye(40)[x.argmax()] * (np.ptp(x) > 0)):
        report = judged(np.max, claim, x, seed)
        assert report.verdict is FAIL
        assert "kink_of" not in report["x"].reason


@pytest.mark.parametrize(("size", "step", "side"), [(2, 2, 24), (3, 1, 12)])
def test_torchs_own_pooling_of_an_empty_image_is_right(size, step, side):
    torch = pytest.importorskip("torch")
    x = torch.zeros((1, 1, side, side), dtype=torch.float64, requires_grad=True)
    assert gc.check(lambda x: torch.nn.functional.max_pool2d(x, size, step).sum(), inputs=(x,)).verdict is PASS


def test_positively_homogeneous_functions_at_an_argument_of_zeros_are_right():
    for seed in range(12):
        w = np.random.default_rng(seed).standard_normal((12, 8))
        x = np.zeros(8)
        assert judged(lambda x, w=w: np.abs(w @ x).sum(), lambda x, w=w: w.T @ np.sign(w @ x), x, seed).verdict is PASS


def three_of_the_larger(x):
    return 3 * np.max(x) + np.min(x)


def sorted_with(c):
    def gradient(x):
        out = np.empty(len(x))
        out[np.argsort(x, kind="stable")] = c
        return out

    return gradient


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(20))
def test_each_case_of_this_page_is_judged_as_said_at_any_seed(seed):
    for f, gradient, x, verdict in DECIDED.values():
        report = judged(f, gradient, x, seed)
        assert report.verdict is verdict, str(report)
        assert report.gradient_evaluations <= 600
    for shape in ((1, 2), (1, 40), (6, 9), (16, 5), (24, 9), (32, 4), (56, 9)):
        for gradient, verdict in ((everyone, FAIL), (first, PASS), (shared, PASS)):
            assert judged(row_maxima, gradient, np.zeros(shape), seed).verdict is verdict
    for f, gradient, x in NEARLY.values():
        for probes in (4, 16):
            assert judged(f, gradient, x, seed, probes=probes).verdict is not FAIL


RISING = np.arange(1.0, 9.0)
NEARLY = {
    "max and min": (three_of_the_larger, lambda x: np.where(x == x.max(), 3.0, 1.0), np.array([1 + 2e-11, 1.0])),
    "hinge": (
        lambda x: np.maximum(1 - x, 0).sum(),
        lambda x: -1.0 * (x < 1),
        np.array([1 - 1e-11, 0.3, 2.0, 1 + 1e-11]),
    ),
    "sort": (
        lambda x: np.sort(x) @ RISING,
        sorted_with(RISING),
        np.array([0.5, 0.5 + 1e-9, 0.7, 0.1, 0.1 + 1e-9, 0.9, 0.3, 0.2]),
    ),
}


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("probes", [4, 16])
def test_a_right_gradient_nearer_to_a_kink_than_steps_can_go_never_fails(name, probes):
    f, gradient, x = NEARLY[name]
    for seed in range(0, 20, 2):
        report = judged(f, gradient, x, seed, probes=probes)
        assert report.verdict is not FAIL, (seed, str(report))


DECIDED = {
    "log of a rectifier": (
        lambda x: np.log1p(np.maximum(x, 0)).sum(),
        lambda x: np.where(x > 0, 1 / (1 + np.maximum(x, 0)), 0.0),
        np.zeros(3),
        PASS,
    ),
    "rectifier beside one": (
        lambda x: np.maximum(x - 1, 0).sum(),
        lambda x: 1.0 * (x > 1),
        np.array([1.0, 0.999, 2.0, 0.3]),
        PASS,
    ),
    "share of a hundred": (np.max, lambda x: (x == x.max()) / np.sum(x == x.max()), np.ones(100), PASS),
    "unit vector at norm 0": (
        np.linalg.norm,
        lambda x: x / np.linalg.norm(x) if np.any(x) else np.eye(len(x))[0],
        np.zeros(5),
        PASS,
    ),
    "too long at norm 0": (
        np.linalg.norm,
        lambda x: x / np.linalg.norm(x) if np.any(x) else np.ones(2),
        np.zeros(2),
        FAIL,
    ),
    "max and min of a pair": (lambda x: x.max() + x.min(), np.ones_like, np.ones(2), PASS),
    "one to each of three": (
        lambda x: x.max() + x.min(),
        lambda x: 1.0 * (x == x.max()) + (x == x.min()),
        np.ones(3),
        FAIL,
    ),
    "guard at the point": (lambda x: 3 * x.sum(), lambda x: np.where(x == 0, 0.0, 3.0), np.array([1.0, 0.0]), FAIL),
    "jump at the point": (
        lambda x: 3 * x.sum(),
        lambda x: np.where(x >= 1, 0.0, 3.0),
        np.array([1.0, 0.0, -1.0]),
        FAIL,
    ),
    "variation of a flat image": (
        lambda x: np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum(),
        lambda x: sum(_variation(x, axis) for axis in (0, 1)),
        np.full((16, 16), 0.5),
        PASS,
    ),
    "sort of a thousand with ties": (
        lambda x: np.sort(x) @ np.linspace(-1, 1, 1000),
        sorted_with(np.linspace(-1, 1, 1000)),
        np.random.default_rng(1).integers(0, 50, 1000) * 1.0,
        PASS,
    ),
    "sort with ties": (
        lambda x: np.sort(x) @ np.linspace(-1, 1, 300),
        sorted_with(np.linspace(-1, 1, 300)),
        np.random.default_rng(0).integers(0, 20, 300) * 1.0,
        PASS,
    ),
}


def _variation(x, axis):
    signs = np.sign(np.diff(x, axis=axis))
    before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], after[axis] = (1, 0), (0, 1)
    return np.pad(signs, before) - np.pad(signs, after)


@pytest.mark.parametrize("name", DECIDED)
def test_what_is_plain_is_decided(name):
    f, gradient, x, verdict = DECIDED[name]
    for seed in SEEDS:
        report = judged(f, gradient, x, seed)
        assert report.verdict is verdict, (seed, str(report))


def test_a_guard_at_the_point_is_called_one():
    f, gradient, x, _ = DECIDED["guard at the point"]
    assert "A guard such as where(x == 0, ...)?" in judged(f, gradient, x, 0)["x"].reason


@pytest.mark.parametrize(("at_zero", "verdict"), [(0.0, PASS), (0.5, PASS), (1.0, PASS), (1.01, FAIL)])
def test_a_hundred_thousand_entries_of_which_a_fifth_are_zero_take_little_time_and_memory(at_zero, verdict):
    rng = np.random.default_rng(0)
    x = rng.choice([-1.5, 1.0, 0.5], 100_000)
    x[rng.random(len(x)) < 0.2] = 0
    report = judged(lambda x: np.maximum(x, 0).sum(), lambda x: np.where(x > 0, 1.0, at_zero * (x == 0)), x, 0)
    assert report.verdict is verdict
    assert report.gradient_evaluations <= 64 or verdict is FAIL
    assert len(report["x"].kink.kinks) == (1_000 if verdict is PASS else 0)


@pytest.mark.parametrize("shares", [(0, 1, 0), (0.5, 0.5, 0), (1 / 3, 1 / 3, 1 / 3)])
def test_a_median_of_three_equals_never_fails_though_each_line_through_them_is_smooth(shares):
    def gradient(x):
        return np.array(shares, dtype=float) if np.ptp(x) == 0 else np.eye(3)[np.argsort(x)[1]]

    for seed in range(12):  # in one of 27 the first claims all name one entry
        assert judged(np.median, gradient, np.ones(3), seed).verdict is not FAIL


def ties_in_rows():
    x = np.random.default_rng(0).standard_normal((12_500, 8))
    x[np.random.default_rng(1).random(len(x)) < 0.5, :4] = 3.0
    return row_maxima, lambda x: np.eye(8)[x.argmax(axis=1)], x


def zeros_of_rectifiers(at_zero):
    rng = np.random.default_rng(0)
    x = rng.choice([-1.5, 1.0, 0.5], 100_000)
    x[rng.random(len(x)) < 0.2] = 0
    return lambda x: np.maximum(x, 0).sum(), lambda x: np.where(x > 0, 1.0, at_zero * (x == 0)), x


def held_by(f, gradient, x):
    """Return the report of a check, and the most memory that it held, in multiples of the argument's."""
    judged(f, gradient, x, 0)  # what is imported late
    tracemalloc.start()
    try:
        report = judged(f, gradient, x, 0)
        return report, tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "case", [zeros_of_rectifiers(0.0), zeros_of_rectifiers(0.5), zeros_of_rectifiers(1.0), ties_in_rows()]
)
def test_a_right_gradient_at_a_hundred_thousand_entries_takes_twelve_times_their_memory(case):
    report, held = held_by(*case)
    assert report.verdict is PASS
    assert report.gradient_evaluations <= 32
    assert held <= 12


@pytest.mark.parametrize("at_zero", [1.01, -0.5, np.random.default_rng(3).random(100_000)])
def test_so_does_a_wrong_one_and_one_with_a_share_of_its_own_at_each_kink(at_zero):
    report, held = held_by(*zeros_of_rectifiers(at_zero))
    assert report.verdict is (FAIL if np.ndim(at_zero) == 0 else PASS)
    assert held <= 12


def test_a_guard_at_a_large_argument_is_called_one():
    x = np.random.default_rng(0).standard_normal(20_000)
    x[[7, 40]] = 0
    report = judged(lambda x: 3 * x.sum(), lambda x: np.where(x == 0, 0.0, 3.0), x, 0)
    assert report.verdict is FAIL
    assert "wrong at it: all around at (7,) the claims agree" in report["x"].reason


def test_the_error_at_a_kink_is_told_in_the_arguments_scale():
    x = np.array([1e-3] * 3 + [1e4] * 8)

    def f(x):
        return np.abs(x[:3] - 1e-3).sum() + x[3:].sum()

    def gradient(x):
        return np.concatenate([np.where(x[:3] == 1e-3, 1.5, np.sign(x[:3] - 1e-3)), np.ones(8)])

    report = judged(f, gradient, x, 0)
    assert report.verdict is FAIL
    true = 0.5 * np.sqrt(3) / (1e4 * np.sqrt(8))  # those entries are moved by 1, the others by 1e4
    assert 0 < report["x"].error.low <= true * 1.001


def test_two_kinks_are_named_one_by_one():
    x = np.array([0.0, 0.0, 1.0])
    shares = np.array([1.0, 0.5, 0.0])
    signs = np.array([1.0, -1.0, 1.0])
    report = judged(
        lambda x: np.sum(signs * np.maximum(x, 0)), lambda x: signs * np.where(x == 0, shares, 1.0 * (x > 0)), x, 0
    )
    found = [(k.entries, k.bend, k.convention, k.share) for k in report["x"].kink.kinks]
    assert found == [(((0,),), "up", "right", 1.0), (((1,),), "down", "midpoint", 0.5)]


def test_kinks_of_both_bends_that_share_entries_are_named_one_by_one():
    normals, c = np.array([[1.0, 2.0, 1.0], [2.0, 1.0, -3.0]]), np.array([1.0, -2.0])

    def gradient(x):
        h = normals @ x
        return normals.T @ (c * np.where(h == 0, np.array([1.0, 0.5]), 1.0 * (h > 0)))

    kinks = judged(lambda x: c @ np.maximum(normals @ x, 0), gradient, np.zeros(3), 0)["x"].kink.kinks
    assert sorted((k.bend, round(k.share, 6)) for k in kinks) == [("down", 0.5), ("up", 1.0)]
    assert next(k for k in kinks if k.bend == "up").convention == "right"


def test_a_value_of_the_chain_rule_is_accepted_where_torchs_graph_gives_it():
    torch = pytest.importorskip("torch")
    x = torch.zeros(3, dtype=torch.float64)

    def f(x):
        return (torch.relu(x) - torch.relu(-x)).sum()

    for value, verdict in ((0.0, PASS), (1.0, PASS), (2.0, FAIL)):
        report = judged(f, lambda x, v=value: torch.where(x == 0, v, 1.0), x, 0, kink="chain-rule")
        assert report.verdict is verdict
        assert judged(f, lambda x, v=value: torch.where(x == 0, v, 1.0), x, 0).verdict is (PASS if value == 1 else FAIL)
        assert ("accepted: Torch's chain rule" in " ".join(report["x"].notes)) == (value == 0)


def test_along_tangents_only_what_they_allow_is_judged():
    x = np.zeros((3, 3))

    def f(x):
        return np.abs(x).sum()

    def upper(x):
        return 2.0 * np.triu(np.sign(x), 1) + np.diag(np.diag(np.sign(x)))  # right along symmetric moves

    symmetric = {"x": lambda v: v + v.T}
    assert judged(f, upper, x, 0, tangent=symmetric).verdict is PASS
    wrong = judged(f, lambda x: upper(x) + 2.1 * np.all(x == 0) * np.eye(3), x, 0, tangent=symmetric)
    assert wrong.verdict is FAIL


def test_complex_and_single_precision_arguments_have_the_same_kinks():
    z = np.zeros(4, dtype=complex)

    def f(z):
        return np.abs(z).sum()

    def gradient(z, at_zero):
        size = np.abs(z)
        return np.where(size > 0, z / np.where(size > 0, size, 1), at_zero)

    assert judged(f, lambda z: gradient(z, 0.6 + 0.6j), z, 0).verdict is PASS
    assert judged(f, lambda z: gradient(z, 0.8 + 0.8j), z, 0).verdict is FAIL
    single = np.zeros((5, 3), dtype=np.float32)
    assert judged(row_maxima, lambda x: first(x).astype(x.dtype), single, 0).verdict is PASS
    assert judged(row_maxima, lambda x: everyone(x).astype(x.dtype), single, 0).verdict is FAIL
