"""Names of mistakes where arguments are large: one array of the claim's size at a time, and the same names."""

import tracemalloc

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.diagnosis import names
from gradcheck.verdicts.trial import SMALL

W = np.random.default_rng(0).standard_normal((6, 6))


def f(w, b):
    return float(np.sum(np.sin(w)) + np.sum(b**2))


CLAIMS = {
    "right": lambda w, b: (np.cos(w), 2 * b),
    "factor": lambda w, b: (2 * np.cos(w), 2 * b),
    "transposed": lambda w, b: (np.cos(w).T, 2 * b),
    "shifted": lambda w, b: (np.roll(np.cos(w), 1, axis=0), 2 * b),
    "decay": lambda w, b: (np.cos(w) + 0.1 * w, 2 * b),
    "swapped": lambda w, b: (2 * b, np.cos(w)),
    "zero": lambda w, b: (np.cos(w), 0 * b),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_changes_made_one_by_one_give_the_names_that_all_at_once_give(claim, monkeypatch):
    at_once = gc.check(f, CLAIMS[claim], (W, W[::-1] + 0.5))
    monkeypatch.setattr(names, "TOGETHER", 0)
    one_by_one = gc.check(f, CLAIMS[claim], (W, W[::-1] + 0.5))
    assert [a.mistakes for a in one_by_one] == [a.mistakes for a in at_once]
    assert [a.planted for a in one_by_one] == [a.planted for a in at_once]
    assert [a.factor for a in one_by_one] == pytest.approx([a.factor for a in at_once])


def test_naming_a_large_argument_holds_few_arrays_of_its_size(monkeypatch):
    x = np.random.default_rng(1).standard_normal((SMALL // 256 + 1, 256))
    held = []

    def watched(*args):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        found = original(*args)
        held.append((tracemalloc.get_traced_memory()[1] - before) / x.nbytes)
        return found

    original = names.named
    monkeypatch.setattr(names, "named", watched)
    tracemalloc.start()
    try:
        report = gc.check(lambda x: float(np.sum(np.sin(x))), lambda x: 1.01 * np.cos(x), (x,))
    finally:
        tracemalloc.stop()
    assert report[0].mistakes == ("constant factor 1.01",)
    assert 0 < held[0] < 6


def peak_of_a_check(gradient, x):
    """Return a report, and the most that the check held at any time beyond the argument, in arrays of its size."""
    gc.check(half_a_square, gradient, (x[:2, :2],))  # what is imported late is
    tracemalloc.start()
    try:
        report = gc.check(half_a_square, gradient, (x,))
        return report, tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


def half_a_square(x):
    return float(np.vdot(x, x)) / 2  # which makes no array


def one_entry(x):
    g = x.copy()
    g[1, 1] += 1
    return g


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [(np.copy, gc.Verdict.PASS), (np.negative, gc.Verdict.FAIL), (one_entry, gc.Verdict.FAIL)],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_check_of_a_large_argument_holds_six_arrays_of_its_size(gradient, verdict, dtype):
    x = np.random.default_rng(2).standard_normal((SMALL // 128 + 1, 256)).astype(dtype)
    report, held = peak_of_a_check(gradient, x)
    assert report.verdict is verdict
    # a float32 argument is judged in float64, where everything is twice as large
    assert held < 6.1 if dtype is np.float64 else held < 14.1
