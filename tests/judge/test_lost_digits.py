"""Where f loses what is claimed: no FAIL of a claim that is right nearer to zero, and one of a claim that is wrong."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.judge.lost_digits import NEARER, claimed_size, moved_by

SURE = np.array([[41.0, 1.0, -2.0, 0.5], [38.0, -1.0, 2.0, 1.5]])


def logarithms(z):
    highest = z.max(axis=-1, keepdims=True)
    return z - highest - np.log(np.sum(np.exp(z - highest), axis=-1, keepdims=True))


def loss(z):
    """Return -log(p0 + p1), a sum of probabilities that is 1 up to 1e-17."""
    return -np.sum(np.logaddexp(logarithms(z)[:, 0], logarithms(z)[:, 1]))


def gradient(z):
    among = np.zeros_like(z)
    among[:, :2] = np.exp(logarithms(z[:, :2]))
    return np.exp(logarithms(z)) - among


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("oracle", [None, "finite differences"])
def test_a_right_gradient_that_f_loses_is_undecided(seed, oracle):
    report = gc.check(loss, gradient, (SURE,), seed=seed, oracle=oracle)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "right nearer to zero" in report[0].reason


@pytest.mark.parametrize(("factor", "wanted"), [(1.0, gc.Verdict.INCONCLUSIVE), (1.5, gc.Verdict.FAIL)])
def test_a_jvp_that_f_loses_is_undecided_and_one_that_is_wrong_is_wrong(factor, wanted):
    report = gc.check(loss, args=(SURE,), jvp=lambda v, z: factor * np.sum(gradient(z) * v))
    assert report.verdict is wanted


@pytest.mark.parametrize(
    "z",
    [
        [[42.459, -0.792, 2.306, 0.27]],
        [[46.964, 0.668, 2.204, 4.349]],
        [[44.727, 0.353, -2.213, 0.77, 2.358, 0.36]],
        [[45.199, -6.912, -1.739], [43.397, 0.377, -0.561], [43.888, -2.03, 5.228], [42.026, -2.235, -2.386]],
    ],
)
@pytest.mark.parametrize("seed", [243, 330, 879])
def test_where_f_loses_the_claim_at_half_of_the_point_too_that_is_no_evidence(z, seed):
    assert gc.check(loss, gradient, (np.array(z),), seed=seed).verdict is not gc.Verdict.FAIL


def test_what_is_advised_works():
    assert gc.check(loss, gradient, (SURE,), atol=1e-6).verdict is gc.Verdict.PASS
    assert gc.check(loss, gradient, (SURE / 8,)).verdict is gc.Verdict.PASS


@pytest.mark.parametrize("factor", [2.0, -1.0, 1.01])
def test_a_gradient_that_is_wrong_nearer_to_zero_too_is_wrong(factor):
    assert gc.check(loss, lambda z: factor * gradient(z), (SURE,)).verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("far", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_digits_that_f_does_not_lose_far_out_count(far, factor):
    x = np.array([far, 0.9 * far])

    def f(x):
        return float(np.exp(-np.sum(x**2)))  # `float` keeps other oracles out

    assert gc.check(f, lambda x: -2 * x * f(x), (x,)).verdict is gc.Verdict.PASS
    assert gc.check(f, lambda x: -2 * factor * x * f(x), (x,)).verdict is gc.Verdict.FAIL


def test_what_it_costs_is_counted_and_bounded():
    calls = []

    def counted(z):
        calls.append(1)
        return loss(z)

    report = gc.check(counted, gradient, (SURE,), max_evaluations=60)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert len(calls) <= 60 + report.contract_evaluations + 2
    del calls[:]
    report = gc.check(counted, gradient, (SURE,), oracle="finite differences")
    assert len(calls) == report.evaluations + report.contract_evaluations


def test_a_mismatch_beyond_the_floats_is_not_lost():
    x = np.array([1.0, 2.0])
    report = gc.check(lambda x: float(np.sum(x**2)), lambda x: np.array([1e300, 2 * x[1]]), (x,))
    assert report.verdict is gc.Verdict.FAIL


@pytest.mark.parametrize(
    ("claimed", "measured", "stretch", "slopes", "wanted"),
    [
        (
            3.0,
            1.0,
            2.0,
            [6.0, 4.0, 2.0, 2.0],
            2.0 * 2**-5,
        ),  # half-way from the measured slope to the claimed one counts
        (3.0, 1.0, 2.0, [6.0, 4.1, 2.0, 2.0], 2.0 * 2**-8),
        (-3.0, 1.0, 1.0, [-3.0, -3.0, -3.0, 1.5], 4.0 * 2**-11),
        (7.0, 2.5, 1.0, [2.5, 2.5, 2.5, 2.5], 4.5 * 2**-2),
        (3.0, 1.0, 1.0, [3.0, 3.0, 3.0, 3.0], 2.0 * 2**-11),  # none shows it, and the finest is nearest
        (3.0, 1.0, 1.0, [1.0, 3.0, 1.0, 1.0], 2.0 * 2**-8),  # by chance a larger one shows it again
    ],
)
def test_a_mismatch_moves_f_over_the_largest_step_that_shows_it(claimed, measured, stretch, slopes, wanted):
    levels = [SimpleNamespace(step=2.0 ** -(2 + 3 * k), central=c) for k, c in enumerate(slopes)]
    probe = SimpleNamespace(stretch=stretch, slope=SimpleNamespace(levels=levels))
    assert moved_by(SimpleNamespace(claimed=claimed, measured=measured), probe) == wanted


def test_a_step_beyond_the_arguments_own_size_counts_as_that_size():
    probe = SimpleNamespace(stretch=1.0, slope=SimpleNamespace(levels=[SimpleNamespace(step=64.0, central=1.0)]))
    assert moved_by(SimpleNamespace(claimed=3.0, measured=1.0), probe) == 2.0


def test_a_claim_that_is_wrong_at_an_eighth_of_the_point_is_wrong():
    """Right at the point's half, where f loses it too, and wrong nearer to zero."""

    def wrong_nearer(z):
        return gradient(z) * (1.0 if z.max() > 15 else 1.5)

    assert gc.check(loss, wrong_nearer, (SURE,)).verdict is gc.Verdict.FAIL


def test_an_argument_that_nothing_is_claimed_about_is_not_asked():
    def scaled(z, w):
        return loss(z) * w

    report = gc.check(scaled, lambda z, w: (gradient(z) * w, None), (SURE, np.array(2.0)))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "right nearer to zero" in report[0].reason


def test_a_claim_that_is_wrong_here_and_right_nearer_to_zero_is_wrong_where_f_shows_it():
    def wrong_far_out(x):
        return 3 * x**2 * (1.1 if x.max() > 1.5 else 1.0)

    assert gc.check(lambda x: float(np.sum(x**3)), wrong_far_out, (np.array([1.0, 2.0]),)).verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("factor", NEARER)
def test_the_size_of_a_jvp_is_that_along_directions(factor):
    claim = SimpleNamespace(predicted=lambda leaves, i, v: float(leaves[i] @ v))
    made = SimpleNamespace(
        index=0,
        prediction=SimpleNamespace(claim=claim, judged=(0,)),
        field=SimpleNamespace(leaves=[np.array([2.0, 4.0])]),
        probes=[SimpleNamespace(probe=np.array([1.0, 0.0])), SimpleNamespace(probe=np.array([0.0, 1.0]))],
        direction=lambda v: v,
    )
    assert claimed_size(made, {0: factor}) == pytest.approx(factor * np.sqrt(10))


def test_arrays_say_nothing_nearer_to_zero_and_are_judged_here():
    x = np.array([1.0, 2.0])
    assert gc.check(lambda x: float(np.sum(x**3)), 3.3 * x**2, (x,)).verdict is gc.Verdict.FAIL


def test_nearer_to_zero_a_claim_is_wrong_only_if_fresh_slopes_say_so_too():
    def reduced(z):
        return -np.sum(np.logaddexp.reduce(logarithms(z)[:, :2], axis=-1))

    def softmax(z):
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def right(z):
        among = np.zeros_like(z)
        among[:, :2] = softmax(z[:, :2])
        return softmax(z) - among

    z = np.array([[60.9644445976938, -0.3886431943042264, -1.383424497626497]])  # the first slopes at z/8 object
    assert gc.check(reduced, right, (z,), seed=71064).verdict is gc.Verdict.INCONCLUSIVE


def cancels(x):
    return float(np.sum(np.sqrt(1 + x * x) - x))


def its_gradient(x):
    return x / np.sqrt(1 + x * x) - 1


@pytest.mark.parametrize("x", [[1e6, 1.0], [3e5, 1.0, 2.0], [1e7, 0.5, 3.0], [1.0, -2.0, 1e6]])
@pytest.mark.parametrize("seed", range(5))
def test_an_entry_with_which_f_stands_still_as_far_as_it_is_rounded_is_not_called_wrong(x, seed):
    assert gc.check(cancels, its_gradient, (np.array(x),), seed=seed).verdict is not gc.Verdict.FAIL


def test_what_is_advised_there_works():
    x = np.array([1e6, 1.0])
    report = gc.check(cancels, its_gradient, (x,))
    assert "rounded as a large entry is" in report[0].reason
    assert gc.check(cancels, its_gradient, (x,), atol=1e-9).verdict is gc.Verdict.PASS
    assert gc.check(cancels, its_gradient, (x / 1000,)).verdict is gc.Verdict.PASS


@pytest.mark.parametrize(
    ("x", "factors"),
    [([1e6, 1.0], [1.0, 1.5]), ([1e3, 1.0], [1.5, 1.0]), ([1e6, 1.0], [3000.0, 1.0]), ([20.0, 1.0], [1.5, 1.0])],
)
def test_what_moves_f_beyond_its_round_off_counts(x, factors):
    report = gc.check(cancels, lambda x: its_gradient(x) * factors, (np.array(x),), oracle="finite differences")
    assert report.verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("x", [[409087.7487968948, -0.45640793690933185], [8042.177597912338, 0.8828025732928831]])
def test_slopes_that_several_entries_share_are_not_nearer_than_the_coarsest_rounding(x, seed):
    assert gc.check(cancels, its_gradient, (np.array(x),), seed=seed).verdict is not gc.Verdict.FAIL


def test_a_claim_that_is_wrong_in_the_large_entry_is_wrong_by_moves_of_that_alone():
    def f(x):
        return float(np.sum(np.logaddexp(0, x) - x))

    for seed in range(5):
        report = gc.check(f, lambda x: np.array([1.5, 1.0]) / -(1 + np.exp(x)), (np.array([20.0, 1.0]),), seed=seed)
        assert report.verdict is gc.Verdict.FAIL


def test_a_claim_that_is_wrong_by_more_digits_than_the_large_entry_loses_is_wrong():
    x = np.array([1e4, 1.0])
    reports = [gc.check(cancels, lambda x: its_gradient(x) * [1.5, 1.0], (x,), seed=seed) for seed in range(6)]
    assert sum(report.verdict is gc.Verdict.FAIL for report in reports) >= 4  # moves of that entry alone say so


def small(k):
    """Return log(1 + Σxᵏ), all of whose digits are lost where x is small, and its gradient."""
    return lambda x: float(np.log(1 + np.sum(x**k))), lambda x: k * x ** (k - 1) / (1 + np.sum(x**k))


@pytest.mark.parametrize(("k", "x"), [(6, [6e-5]), (4, [7e-7, -2e-8]), (2, [1e-12, 3e-11, -2e-12])])
@pytest.mark.parametrize(("factor", "wanted"), [(1.0, gc.Verdict.INCONCLUSIVE), (2.0, gc.Verdict.FAIL)])
def test_where_all_of_f_is_lost_the_claim_is_judged_where_the_argument_is_larger(k, x, factor, wanted):
    f, gradient = small(k)
    for seed in range(5):
        report = gc.check(f, lambda x: factor * gradient(x), (np.array(x),), seed=seed)
        assert report.verdict is wanted
        assert wanted is gc.Verdict.FAIL or "where small arguments are 0.5 large" in report[0].reason
    assert gc.check(f, gradient, (np.array(x),), atol=1e-6).verdict is gc.Verdict.PASS


def test_nothing_is_left_of_numbers_near_one_and_nothing_is_said_of_the_claim():
    def f(b):
        return float(np.sum(1 - 1 / (1 + np.exp(-40 - b))))

    b = np.array([0.3, -0.2])
    report = gc.check(f, lambda b: -np.exp(-40 - b), (b,))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "1 - sigmoid" in report[0].reason
    assert gc.check(f, lambda b: -np.exp(-40 - b), (b,), atol=1e-9).verdict is gc.Verdict.PASS
    assert gc.check(f, lambda b: -np.exp(-20 - b), (b,)).verdict is gc.Verdict.FAIL


def test_a_dead_unit_beside_a_large_entry_counts():
    x = np.array([1e6, -1.0, 2.0])
    report = gc.check(lambda x: float(np.sum(np.maximum(x[1:], 0))), lambda _: np.array([0.0, 1.0, 1.0]), (x,))
    assert report.verdict is gc.Verdict.FAIL


def of_numbers_near_one(k, unit=1.0):
    """Return Σ log(1 + (w·x)ᵏ), that is 0 or a few steps of u where w·x is small, and its gradients."""

    def outer(x, w):
        return unit * k * (w * x) ** (k - 1) / (1 + (w * x) ** k)

    def f(x, w):
        return float(unit * np.sum(np.log(1 + (w * x) ** k)))

    return f, lambda x, w: (w * outer(x, w), x * outer(x, w))


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("size", [3e-9, 2e-8, 1e-6])
def test_weights_of_a_small_argument_are_judged_where_that_is_larger(k, size):
    f, gradient = of_numbers_near_one(k)
    rng = np.random.default_rng(k)
    for seed in range(10):
        x, w = size * rng.standard_normal(4), rng.standard_normal(4)
        report = gc.check(f, gradient, (x, w), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL, str(report)


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.5])
def test_they_are_wrong_if_they_are_so_there(factor):
    f, gradient = of_numbers_near_one(3)
    x, w = np.array([2e-8, 1e-8]), np.array([0.7, -1.2])
    report = gc.check(f, lambda x, w: (gradient(x, w)[0], factor * gradient(x, w)[1]), (x, w), seed=1)
    assert report[1].verdict is gc.Verdict.FAIL
    assert report[0].verdict is gc.Verdict.INCONCLUSIVE


def test_the_largest_entry_is_made_that_large_and_stays_in_the_domain():
    f, gradient = small(3)  # log(1 + x³) has none at −1
    x = np.array([4.7e-8, -4.8e-8, 3.8e-8, 7.4e-8, -3.4e-7])
    for seed in range(5):
        report = gc.check(lambda x: 1e6 * f(x), lambda x: 1e6 * gradient(x), (x,), seed=seed)
        assert "where small arguments are 0.5 large" in report[0].reason


def roots(x):
    return float(np.sum(np.sqrt(1 + x * x) - x))


@pytest.mark.parametrize(
    ("x", "seed"), [([3.40404818e7, 0.82, 0.32, 0.93], 0), ([3.20636531e7, 1.69, 0.35, -0.47, -0.78], 14367)]
)
def test_an_entry_that_f_rounds_away_altogether_is_not_called_wrong(x, seed):
    for n in range(10):
        report = gc.check(roots, lambda x: x / np.sqrt(1 + x * x) - 1, (np.array(x),), seed=seed + n)
        assert report.verdict is not gc.Verdict.FAIL, str(report)


def test_an_error_as_large_as_here_is_looked_for_elsewhere():
    """A slope there is off by more than its bound as well, by 4e-6: f has few digits there too."""
    f, gradient = of_numbers_near_one(4)
    x, w = (
        np.array([4.588384210220974e-06, 2.383730796807627e-07]),
        np.array([-0.2983106992904561, -0.1489028546276333]),
    )
    assert gc.check(f, gradient, (x, w), seed=97636).verdict is gc.Verdict.INCONCLUSIVE


def test_one_place_where_the_steps_of_f_did_not_show_does_not_make_a_claim_wrong():
    f, gradient = of_numbers_near_one(5)
    x = np.array([1.0907243531270544e-07, -2.2207196224414397e-06])
    w = np.array([1.078314957149222, -0.06896120939923037])
    assert gc.check(f, gradient, (x, w), seed=79438)["x"].verdict is gc.Verdict.INCONCLUSIVE


@pytest.mark.parametrize("seed", [8, 12, 27])
def test_weights_beside_which_f_is_a_few_steps_are_judged_where_their_argument_is_larger(seed):
    f, gradient = of_numbers_near_one(2)
    x = np.array([-1.07741636e-08, -1.83917629e-08, 8.18676497e-09, 1.75555074e-09])
    w = np.array([0.25319693, -1.42197847, -0.76726005, -0.68742427])
    assert gc.check(f, gradient, (x, w), seed=seed).verdict is gc.Verdict.INCONCLUSIVE


def test_steps_that_the_noise_table_missed_are_looked_for_before_a_slight_fail():
    x = np.array([0.16700943760269554])
    report = gc.check(
        lambda x: float(1e-6 * np.sum(np.exp(x**5) - 1)), lambda x: 1e-6 * 5 * x**4 * np.exp(x**5), (x,), seed=9105
    )
    assert "did not show when its noise was measured" in report[0].reason


def test_a_claim_of_nothing_beside_the_largest_logit_is_not_wrong():
    """Two slopes over coarse steps are those of another largest logit; they contradict nothing."""
    z = np.array([[781.84161637, 427.73716157, 373.76839387], [921.31216624, 472.83894977, 845.35785161]])

    def odds(z):
        return np.exp(z - z.max(axis=1, keepdims=True))

    def f(z):
        return float(np.sum(z.max(axis=1) - (z.max(axis=1) + np.log(odds(z).sum(axis=1)))))

    def gradient(z):
        soft = odds(z) / odds(z).sum(axis=1, keepdims=True)
        others = np.where(odds(z) == 1, 0.0, soft)
        return np.where(odds(z) == 1, others.sum(axis=1, keepdims=True), -others)

    for seed in range(100, 140):
        assert gc.check(f, gradient, (z,), seed=seed).verdict is not gc.Verdict.FAIL
