"""Kinks of arguments so large that only the entries that change are kept, and turn up one after the other."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks.changes import WHOLE

PASS, FAIL = gc.Verdict.PASS, gc.Verdict.FAIL


def windows(x):
    return np.stack([x[a::2, b::2] for a in (0, 1) for b in (0, 1)])


def pooled(x):
    """Max pooling over windows of 2 × 2: rows of neither axis."""
    return windows(x).max(axis=0).sum()


def gradient_of_pooled(x):
    out = np.zeros_like(x)
    first = windows(x).argmax(axis=0)
    for k, (a, b) in enumerate((a, b) for a in (0, 1) for b in (0, 1)):
        out[a::2, b::2] = first == k
    return out


def one_of_each(shape, seed):
    """A claim that gives each row's tie to an entry of its own."""
    rng = np.random.default_rng(seed)
    winner = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    return lambda x: winner if np.ptp(x) == 0 else np.eye(shape[1])[x.argmax(axis=1)]


@pytest.mark.parametrize("shape", [(3000, 4), (5000, 2)])
def test_ties_that_are_broken_row_by_row(shape):
    assert np.prod(shape) > WHOLE
    right = one_of_each(shape, 0)
    assert gc.check(lambda x: x.max(axis=1).sum(), right, (np.zeros(shape),)).verdict is PASS

    def wrong(x):
        claim = right(x).copy()
        if np.ptp(x) == 0:
            claim[17] *= 1.2
        return claim

    report = gc.check(lambda x: x.max(axis=1).sum(), wrong, (np.zeros(shape),))
    assert report.verdict is FAIL
    moved = {index[0] for index, _ in report[0].kink.direction}
    assert moved == {17}


def test_windows_that_are_rows_of_no_axis():
    x = np.zeros((100, 100))
    assert gc.check(pooled, gradient_of_pooled, (x,)).verdict is PASS
    everyone = gc.check(pooled, lambda x: gradient_of_pooled(x) if np.any(x) else np.ones_like(x), (x,))
    assert everyone.verdict is FAIL
    assert everyone[0].kink.claimed > everyone[0].kink.rise


def test_few_kinks_in_a_large_argument_are_named():
    x = np.linspace(0.5, 2.0, 2 * WHOLE)
    x[[5, 700, 9000]] = 0.0
    signs = np.where(np.arange(len(x)) == 700, -1.0, 1.0)
    report = gc.check(lambda x: (signs * np.maximum(x, 0)).sum(), lambda x: signs * (x >= 0), (x,))
    assert report.verdict is PASS
    assert [(k.entries, k.bend, k.convention) for k in report[0].kink.kinks] == [
        (((5,),), "up", "right"),
        (((700,),), "down", "right"),
        (((9000,),), "up", "right"),
    ]
