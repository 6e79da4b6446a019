"""Very many kinks that depend on one another, where their variable is known: a number for each of them."""

import numpy as np
import pytest

import gradcheck as gc

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
