"""Very many kinks that depend on one another, where their variable is known: a number for each of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks import normals as of_normals
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.variable_samples import Samples

PASS, FAIL, INCONCLUSIVE = gc.Verdict.PASS, gc.Verdict.FAIL, gc.Verdict.INCONCLUSIVE


def layer(kinks, entries, seed):
    """Return a dense layer with a smooth part, its gradient with a claim of its own at 0, and what the kinks add."""
    rng = np.random.default_rng(seed)
    normals, c = rng.standard_normal((kinks, entries)), rng.standard_normal(kinks)
    smooth = rng.standard_normal(entries)

    def f(x):
        return c @ np.maximum(normals @ x, 0) + np.sin(x) @ smooth + 0.5 * x @ x

    def gradient(claim):
        return lambda x: (
            normals.T @ (c * (normals @ x > 0)) + np.cos(x) * smooth + x if x.any() else 1.0 * claim + smooth
        )

    return f, gradient, normals, c[:, None] * normals


def checked(f, gradient, normals, **passed):
    return gc.check(f, gradient, (np.zeros(normals.shape[1]),), kink_of=lambda x: normals @ x, **passed)


@pytest.mark.parametrize(("kinks", "entries"), [(400, 300), (300, 30), (500, 7), (280, 290)])
@pytest.mark.parametrize("share", [0.0, 1.0, 0.5, "own"])
def test_every_share_passes_in_few_claims(kinks, entries, share):
    f, gradient, normals, parts = layer(kinks, entries, 0)
    shares = np.random.default_rng(1).random(kinks) if share == "own" else np.full(kinks, share)
    report = checked(f, gradient(shares @ parts), normals)
    assert report.verdict is PASS
    assert report.gradient_evaluations <= 40 + 3 * kinks / entries
    assert len(report[0].kink.kinks) == kinks
    if share != "own":
        assert report[0].kink.convention == {0.0: "left", 1.0: "right", 0.5: "midpoint"}[share]


@pytest.mark.parametrize(("kinks", "entries"), [(270, 200), (300, 30), (60, 50)])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("further", [0.98, 1.02, 1.2])
def test_a_claim_a_little_beyond_what_all_kinks_allow_fails_and_one_a_little_within_passes(
    kinks, entries, seed, further
):
    f, gradient, normals, parts = layer(kinks, entries, seed)
    u = np.random.default_rng([seed, 1]).standard_normal(entries)
    edge, middle = (parts @ u > 0) @ parts, 0.5 * parts.sum(axis=0)
    claim = middle + further * (edge - middle)
    report = checked(f, gradient(claim), normals, seed=seed)
    assert report.verdict is (PASS if further < 1 else FAIL)


def test_a_kink_that_is_named_twice_and_one_that_no_entry_moves_are_told_from_the_others():
    f, gradient, normals, parts = layer(300, 20, 3)
    report = gc.check(
        f,
        gradient(parts.sum(axis=0)),
        (np.zeros(20),),
        kink_of=lambda x: np.concatenate([normals @ x, -3 * normals[:5] @ x, np.zeros(4)]),
    )
    assert report.verdict is PASS
    assert len(report[0].kink.kinks) == 300


@pytest.mark.parametrize("beyond", [0.0, 2.0])
def test_kinks_of_which_one_decides_what_others_add_have_no_wrong_verdict(beyond):
    """A second layer: its normals are not those of its variable on both sides of the first one's."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((300, 20)), rng.standard_normal((3, 300))

    def f(x):
        return np.maximum(second @ np.maximum(first @ x, 0), 0).sum()

    def gradient(x):
        hidden = first @ x
        top = 1.0 * (second @ np.maximum(hidden, 0) > 0)
        return first.T @ ((hidden > 0) * (second.T @ top)) + beyond * np.linalg.norm(first) * (not x.any())

    def variable(x):
        hidden = first @ x
        return np.concatenate([hidden, second @ np.maximum(hidden, 0)])

    report = gc.check(f, gradient, (np.zeros(20),), kink_of=variable)
    assert report.verdict is not (FAIL if beyond == 0 else PASS)


def test_a_claim_that_the_kinks_do_not_explain_fails():
    """The normals span ten of twelve dimensions, and the claim is off these."""
    rng = np.random.default_rng(0)
    normals, c = rng.standard_normal((300, 10)) @ rng.standard_normal((10, 12)), rng.standard_normal(300)
    aside = np.linalg.svd(normals)[2][11]

    def gradient(x):
        return normals.T @ (c * (normals @ x > 0)) + aside * (not x.any())

    report = checked(lambda x: c @ np.maximum(normals @ x, 0), gradient, normals)
    assert report.verdict is FAIL
    assert "not made of the kinks' own parts" in report[0].reason


def test_a_scaled_argument_and_one_whose_kinks_are_off_zero():
    f, gradient, normals, parts = layer(300, 30, 5)
    scale = np.geomspace(0.5, 2.0, 30)
    x0 = np.random.default_rng(0).integers(1, 4, 30) * scale
    for further, verdict in ((0.9, PASS), (1.1, FAIL)):
        edge, middle = (parts[:, 0] > 0) @ parts, 0.5 * parts.sum(axis=0)
        at_zero = gradient(middle + further * (edge - middle))
        report = gc.check(
            lambda x: f((x - x0) / scale),
            lambda x, g=at_zero: g((x - x0) / scale) / scale,
            (x0,),
            kink_of=lambda x: normals @ ((x - x0) / scale),
        )
        assert report.verdict is verdict


class Layer(Samples):
    """The claims of Σ max(rows·x, 0) on the sides passed of its kinks, plus what they are `off`."""

    def __init__(self, rows, sides, begun=30, off=()):
        self.rows, self.beyond, self.off_by, self.asked = rows, iter(sides), iter(off), []
        self.beside = SimpleNamespace(
            by_entries=True, basis=None, here=np.zeros(rows.shape[1]), there=np.copy, moved_to=lambda leaves: leaves
        )
        self.variable = SimpleNamespace(at=lambda leaves: self.rows @ leaves)
        self.entries, self.tolerance = np.arange(rows.shape[1]), 1e-6
        self.claims, self.sides = [], Sides(len(rows))
        self.more(begun)
        self.asked.clear()

    def more(self, count):
        self.asked.append(count)
        while len(self.claims) < count:
            positive = next(self.beyond)
            self.sides.append(positive)
            self.claims.append(positive @ self.rows + next(self.off_by, 0.0))


def at_random(rows, seed=0):
    """Return the sides of random moves."""
    return np.random.default_rng(seed).standard_normal((200, rows.shape[1])) @ rows.T > 0


@pytest.mark.parametrize(
    ("kinks", "entries", "rank", "count"), [(7, 3, 3, 14), (6, 3, 3, 12), (6, 3, 2, 14), (7, 4, 2, 16), (10, 3, 3, 16)]
)
def test_two_equations_are_asked_for_to_each_number_that_a_kink_adds(kinks, entries, rank, count):
    """A claim gives as many as the normals have dimensions; eight claims more."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((kinks, rank)) @ rng.standard_normal((rank, entries))
    samples = Layer(rows, rng.random((200, kinks)) < 0.5, 10)
    assert len(of_normals._apart(samples)) == kinks
    of_normals.seen(samples)
    assert samples.asked[0] == count


@pytest.mark.parametrize(("least", "asked"), [(0.02, [62]), (0.012, [62, 93, 139])])
def test_more_claims_are_asked_for_as_long_as_they_hardly_tell_kinks_apart(least, asked):
    """Both kinks are crossed in sixty claims, and one of them alone in one: the cosine of their columns."""
    cosine = (1 - least) / np.sqrt(60 / 61)
    rows = np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]])
    sides = np.array([[True, True], [True, False], *[[False, False]] * 200])
    samples = Layer(rows, sides, 62)
    found = of_normals.seen(samples)
    assert samples.asked == asked
    assert found.parts == pytest.approx(rows)


@pytest.mark.parametrize("units", [1e-3, 1.0, 7.0, [1.0, 50.0, 1e-4, 3.0, 1.0]])
def test_what_kinks_add_and_how_far_it_is_known_do_not_depend_on_the_units_of_the_variable(units):
    rows = np.random.default_rng(2).standard_normal((5, 3))
    samples = Layer(rows, at_random(rows))
    samples.variable.at = lambda leaves: np.broadcast_to(units, 5) * (rows @ leaves)
    found, plain = of_normals.seen(samples), of_normals.seen(Layer(rows, at_random(rows)))
    assert found.parts == pytest.approx(rows)
    assert found.slack == pytest.approx(plain.slack)
    assert np.array_equal(found.positive, plain.positive)


@pytest.mark.parametrize("seed", range(4))
def test_what_kinks_add_is_off_by_no_more_than_is_said(seed):
    rows = np.random.default_rng(seed).standard_normal((6, 3))
    drift = 5e-7 * np.random.default_rng([seed, 1]).choice([-1.0, 1.0], (200, 3))
    found = of_normals.seen(Layer(rows, at_random(rows, seed), off=drift))
    for shares in np.random.default_rng([seed, 2]).random((20, 6)):
        assert np.linalg.norm(found.base + shares @ (found.parts - rows)) <= found.slack < 1e-3


@pytest.mark.parametrize("name", ["MOST_ENTRIES", "MOST_KINKS"])
@pytest.mark.parametrize(("most", "explained"), [(3, True), (2, False), (1, False)])
def test_no_more_entries_and_kinks_are_taken_than_may_be(monkeypatch, name, most, explained):
    monkeypatch.setattr(of_normals, name, most)
    rows = np.random.default_rng(3).standard_normal((3, 3))
    samples = Layer(rows, at_random(rows))
    assert (of_normals.seen(samples) is not None) == explained
    assert bool(samples.asked) == explained


@pytest.mark.parametrize(
    "variable", [lambda x: 0 * x, lambda x: np.append(np.abs(x), 0.0), lambda x: np.append(x, x[0] * x[1])]
)
def test_a_variable_whose_kinks_have_no_normals_has_no_wrong_verdict(variable):
    """One never changes sides, and a product moves with no entry alone."""
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for beyond in (0.0, 3.0):
        report = gc.check(
            lambda x: np.maximum(rows @ x, 0).sum(),
            lambda x, beyond=beyond: (rows @ x > 0) @ rows - beyond * (not x.any()),
            (np.zeros(2),),
            kink_of=variable,
        )
        assert report.verdict is not (PASS if beyond else FAIL)
