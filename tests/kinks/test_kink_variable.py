"""Kinks one by one where their variable is named: where each is, which way it bends, what the claim takes of it."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks.kink_variable import _known, _named, _one_by_one, _together
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.variable_samples import Samples, Variable

SIGNS = np.array([1.0, -2.0, 3.0, 1.0])
SHARES = np.array([1.0, 0.5, 0.25, 0.0])
X = np.array([0.0, 0.0, 0.0, 2.0])


def bent(x):
    return SIGNS @ np.maximum(x, 0)


def gradient(x, shares=SHARES):
    return SIGNS * np.where(x == 0, shares, 1.0 * (x > 0))


def named(report):
    return [(k.entries, k.bend, k.convention, round(k.share, 6)) for k in report[0].kink.kinks]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("seed", range(3))
def test_each_kink_is_named_with_its_bend_and_the_variables_side(sign, seed):
    report = gc.check(bent, gradient, (X,), kink_of=lambda x: sign * x, seed=seed)
    assert report.verdict is gc.Verdict.PASS
    first, last = (("right", 1.0), ("other", 0.25)) if sign > 0 else (("left", 0.0), ("other", 0.75))
    assert sorted(named(report)) == [
        (((0,),), "up", *first),
        (((1,),), "down", "midpoint", 0.5),
        (((2,),), "up", *last),
    ]
    assert report[0].kink.entries == ((0,), (1,), (2,))
    blind = gc.check(bent, gradient, (X,), seed=seed)
    assert [(entries, bend) for entries, bend, *_ in named(blind)] == [
        (entries, bend) for entries, bend, *_ in sorted(named(report))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_kinks_that_share_entries_are_named_as_well(seed):
    normals, c, shares = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, -3.0]]), np.array([1.0, -2.0]), np.array([1.0, 0.25])

    def shared(x):
        h = normals @ x
        return normals.T @ (c * np.where(h == 0, shares, 1.0 * (h > 0)))

    report = gc.check(
        lambda x: c @ np.maximum(normals @ x, 0), shared, (np.zeros(3),), kink_of=lambda x: normals @ x, seed=seed
    )
    assert report.verdict is gc.Verdict.PASS
    some, every = ((0,), (1,)), ((0,), (1,), (2,))
    assert sorted(named(report)) == [(some, "up", "right", 1.0), (every, "down", "other", 0.25)]


@pytest.mark.parametrize("beyond", [0.2, -0.2])
def test_a_claim_beyond_a_side_is_off_by_what_it_is_beyond(beyond):
    shares = SHARES.copy()
    shares[2] = 1 + beyond if beyond > 0 else beyond
    report = gc.check(bent, lambda x: gradient(x, shares), (X,), kink_of=lambda x: x)
    assert report.verdict is gc.Verdict.FAIL
    assert f"the claim uses {shares[2]:.3g} at the kink" in report[0].reason
    largest = np.linalg.norm(SIGNS * 1.2 * 2.0)  # no gradient is larger in the argument's scale, at most 2
    assert 0.5 * 3 * 0.2 / largest <= report[0].error.low <= 3 * 0.2


def test_a_share_of_a_kink_that_bends_down_is_of_the_arguments_right_as_well():
    report = gc.check(bent, lambda x: gradient(x, np.full(4, 0.25)), (X,))
    assert [(bend, share) for _, bend, _, share in named(report)] == [("up", 0.25), ("down", 0.25), ("up", 0.25)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_variable_of_which_two_entries_name_one_kink_has_the_side_of_the_first(sign):
    report = gc.check(bent, gradient, (X,), kink_of=lambda x: np.concatenate([sign * x, -sign * x]))
    plain = gc.check(bent, gradient, (X,), kink_of=lambda x: sign * x)
    assert sorted(named(report)) == sorted(named(plain))
    assert report.gradient_evaluations <= plain.gradient_evaluations + 1


@pytest.mark.parametrize(("share", "name"), [(1.0, "right"), (0.0, "left"), (0.5, "midpoint")])
def test_more_kinks_than_entries_have_one_share_where_there_is_such(share, name):
    normals = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]])

    def shared(x):
        h = normals @ x
        return normals.T @ np.where(h == 0, share, 1.0 * (h > 0))

    report = gc.check(lambda x: np.maximum(normals @ x, 0).sum(), shared, (np.zeros(2),), kink_of=lambda x: normals @ x)
    assert report.verdict is gc.Verdict.PASS
    assert [k.convention for k in report[0].kink.kinks] == [name] * 3


def test_thousands_of_kinks_are_told_apart_in_few_claims():
    count = 5_000
    signs = np.where(np.arange(count) % 3, 1.0, -1.0)
    report = gc.check(
        lambda x: signs @ np.maximum(x, 0), lambda x: signs * (x >= 0), (np.zeros(count),), kink_of=lambda x: -x
    )
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == "left"
    assert len(report[0].kink.kinks) == 1_000
    assert report.gradient_evaluations <= 38


def test_moves_are_chosen_that_part_most_kinks():
    reports = [
        gc.check(
            lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), (np.zeros(40),), kink_of=np.negative, seed=seed
        )
        for seed in range(4)
    ]
    assert sum(report.gradient_evaluations for report in reports) <= 97


def test_what_never_changes_sides_needs_no_telling_apart():
    """Entries that the argument does not move, and some that it moves to one side alone."""
    plain = gc.check(bent, gradient, (X,), kink_of=lambda x: x)
    report = gc.check(bent, gradient, (X,), kink_of=lambda x: np.concatenate([x, 0 * x, np.abs(x)]))
    assert report.verdict is gc.Verdict.PASS
    assert named(report) == named(plain)
    assert report.gradient_evaluations <= plain.gradient_evaluations + 1


@pytest.mark.parametrize(("count", "most"), [(40, 110), (300, 640)])
def test_kinks_that_depend_on_one_another_are_asked_about_as_long_as_they_are_not_too_many(count, most):
    normals = np.random.default_rng(1).standard_normal((count, 6))

    def of_all(x):
        return normals.T @ np.where(normals @ x == 0, 0.5, 1.0 * (normals @ x > 0))

    report = gc.check(lambda x: np.maximum(normals @ x, 0).sum(), of_all, (np.zeros(6),), kink_of=lambda x: normals @ x)
    assert report.verdict is gc.Verdict.PASS
    assert report.gradient_evaluations <= most
    assert count > 256 or len(report[0].kink.kinks) == count


def test_more_kinks_than_claims_are_not_solved_for():
    """What is fitted to too few claims fits them, and says nothing."""
    rng = np.random.default_rng(0)
    normals, shares = rng.standard_normal((300, 30)), 1.0 * (rng.random(300) < 0.5)

    def of_all(x):
        return normals.T @ np.where(normals @ x == 0, shares, 1.0 * (normals @ x > 0))

    report = gc.check(
        lambda x: np.maximum(normals @ x, 0).sum(), of_all, (np.zeros(30),), kink_of=lambda x: normals @ x
    )
    assert report.verdict is gc.Verdict.PASS


@pytest.mark.parametrize("count", [40, 300])
@pytest.mark.parametrize("share", [1.1, -0.1])
def test_no_wrong_value_passes_at_however_many_kinks_of_few_entries(count, share):
    normals = np.abs(np.random.default_rng(1).standard_normal((count, 6)))

    def of_all(x):
        return normals.T @ np.where(normals @ x == 0, share, 1.0 * (normals @ x > 0))

    report = gc.check(lambda x: np.maximum(normals @ x, 0).sum(), of_all, (np.zeros(6),), kink_of=lambda x: normals @ x)
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].error.low > 0


@pytest.mark.parametrize(
    ("values", "zero"),
    [
        ([0.0, 1.0, -2.0], [0]),
        ([1e-17, 0.0, 1.0], [0, 1]),  # round-off of numbers near 1
        ([1e-13, 0.0, 1.0], [1]),
        ([0.0, 1e-20, -3e-20], [0]),
    ],
)
def test_what_is_zero_but_for_its_round_off_is_a_kink(values, zero, trial_at):
    trial = trial_at(lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), np.zeros(3))
    assert list(Variable(trial, lambda x: np.array(values) + 0 * x).zero) == zero


class Known(Samples):
    """Claims in all entries, and the variable's sides in them."""

    def __init__(self, values, signs, here, first_move, tolerance):
        self.claims = values
        self.sides = Sides(len(signs[0]), [sign > 0 for sign in signs])
        self.beside = SimpleNamespace(here=here, move=lambda _: first_move)
        self.entries = np.arange(len(here))
        self.tolerance = tolerance


@pytest.mark.parametrize(("aside", "solved"), [(0.4, True), (2.0, False)])
def test_kinks_are_solved_for_together_as_far_as_drift_tells(aside, solved):
    rng, tolerance, parts = np.random.default_rng(0), 1e-3, np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]])
    signs = [np.sign(rng.standard_normal(3)) for _ in range(20)]
    drift = aside * tolerance * rng.choice([-1.0, 1.0], (20, 2))
    values = [(s > 0) @ parts + d for s, d in zip(signs, drift, strict=True)]
    found = _together(Known(values, signs, parts.sum(axis=0), np.ones(2), tolerance))
    assert (found is not None) == solved
    assert not solved or (found.inside and [kink.share for kink in found.kinks] == [1.0] * 3)


@pytest.mark.parametrize(("off", "explained"), [(0.4, True), (3.0, False)])
def test_a_claim_is_made_of_its_kinks_as_far_as_drift_tells(off, explained):
    tolerance, aside = 1e-3, np.where(np.arange(16) % 2, 1.0, -1.0)
    values, signs = [np.ones(16), np.zeros(16), np.ones(16)], [np.array([1.0]), np.array([-1.0]), np.array([2.0])]
    solved = _one_by_one(Known(values, signs, 0.5 + off * tolerance * aside, np.ones(16), tolerance))
    assert [list(kink.entries) for kink in solved.kinks] == [list(range(16))]
    assert solved.kinks[0].share == 0.5
    assert solved.explained == solved.inside == explained
    assert solved.distance == pytest.approx(4 * off * tolerance)


def test_what_is_known_of_each_kink():
    along, norms = np.array([3.0 * 1.0 - 4.0 * 0.5, -2.0, 2e6]), np.array([5.0, 2.0, 1e6])
    shares, slacks = _known(0.01, np.array([2, 1, 1]), norms, np.array([0.998, 0.49, 0.3]))
    entries, positive = [np.array([0, 1]), np.array([2]), np.array([3])], np.array([True, True, False])
    kinks = _named(entries, along, positive, shares, slacks)
    assert [kink.bend for kink in kinks] == [1.0, -1.0, -1.0]
    assert [list(kink.entries) for kink in kinks] == [[0, 1], [2], [3]]
    assert [(kink.share, kink.slack) for kink in kinks] == list(zip(shares, slacks, strict=True))
    assert list(slacks) == pytest.approx([0.01 * 2**0.5 / 5, 0.005, 1e-5])
    assert list(shares) == [1.0, 0.49, 0.3]


def share_of(rows, shares):
    """Return Σ max(rows·x, 0), and its gradient with those shares at 0."""

    def shared(x):
        return rows.T @ np.where(rows @ x == 0, shares, 1.0 * (rows @ x > 0))

    return lambda x: np.maximum(rows @ x, 0).sum(), shared


@pytest.mark.parametrize(
    "entry",
    [
        lambda h: h * [1.0, 1e-8, 1.0],
        lambda h: h * [1e12, 1e-12, 1.0],
        lambda h: h ** [1, 3, 1],
        lambda h: np.append(h, h[0] * h[1]),
        lambda h: np.append(h, h[1] ** 2),
    ],
    ids=["units", "far apart", "cube", "product", "square"],
)
@pytest.mark.parametrize(
    ("shares", "verdict"), [([1, 0, 0.5], "PASS"), ([0, 1, 0], "PASS"), ([1.5, 0, 0], "FAIL"), ([1, 1.4, 1], "FAIL")]
)
def test_entries_of_the_variable_may_be_of_any_size_beside_one_another(entry, shares, verdict):
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for seed in range(2):
        report = gc.check(*share_of(rows, shares), (np.zeros(2),), kink_of=lambda x: entry(rows @ x), seed=seed)
        assert report.verdict.name == verdict


@pytest.mark.parametrize("apart", [1e-3, 1e-5])
@pytest.mark.parametrize("shares", [[1, 0, 0.5], [0, 1, 0]])
def test_kinks_that_hardly_any_move_parts_have_shares_of_their_own(apart, shares):
    rows = np.array([[1.0, 0.0], [1.0, apart], [0.0, 1.0]])
    report = gc.check(*share_of(rows, shares), (np.zeros(2),), kink_of=lambda x: rows @ x)
    assert report.verdict is gc.Verdict.PASS


def test_where_no_further_claim_can_be_asked_for_a_right_claim_does_not_fail(monkeypatch):
    """Wherever the variable is asked, a kink stays at 0."""
    monkeypatch.setattr(Samples, "_tied", lambda *_: True)
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for shares in ([1, 0, 0.5], [0, 1, 0]):
        report = gc.check(*share_of(rows, shares), (np.zeros(2),), kink_of=lambda x: rows @ x)
        assert report.verdict is gc.Verdict.PASS


def test_kinks_told_by_their_variable_cost_little_more_than_the_formula():
    report = gc.check(bent, gradient, (X,), kink_of=lambda x: x)
    blind = gc.check(bent, gradient, (X,))
    assert report.gradient_evaluations <= blind.gradient_evaluations + 16


@pytest.mark.parametrize("angle", [1e-3, 1e-5, 1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize(
    ("shares", "verdict"),
    [((1, 0, 0.5), gc.Verdict.PASS), ((0, 1, 0), gc.Verdict.PASS), ((1.2, 1, 0.5), gc.Verdict.FAIL)],
)
def test_kinks_that_nothing_tells_from_one_may_have_a_share_each(angle, shares, verdict):
    rows = np.array([[1.0, 0.0], [1.0, angle], [0.0, 1.0]])
    shares = np.array(shares)

    def gradient(x):
        return (rows @ x > 0) @ rows if x.any() else shares @ rows

    for seed in range(4):
        report = gc.check(
            lambda x: np.maximum(rows @ x, 0).sum(), gradient, (np.zeros(2),), kink_of=lambda x: rows @ x, seed=seed
        )
        assert report.verdict is verdict
