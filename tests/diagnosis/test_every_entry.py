"""Each entry of a wrong gradient, measured alone on request."""

import math

import numpy as np

import gradcheck as gc

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 9))
W = RNG.standard_normal((6, 9))


def f(x):
    return np.sum(W * np.sin(x))


def wrong(x):
    g = W * np.cos(x)
    g[1::2, 3] *= 2
    g[5, 8] = 0
    return g


def test_the_error_of_every_entry_is_in_the_report():
    report = gc.check(f, wrong, (X,), every_entry=True)
    found = np.array(report["x"].entries.cells)
    truth = W * np.cos(X)
    error = np.abs(wrong(X) - truth) / max(np.max(np.abs(truth)), np.max(np.abs(wrong(X))))
    assert found.shape == X.shape
    assert np.allclose(found, error, atol=1e-6)
    assert np.array_equal(found > 0, error > 0)
    assert report["x"].where_text == "4 of 54 entries are wrong, each measured alone"
    assert {w.index for w in report["x"].worst} == {(1, 3), (3, 3), (5, 3), (5, 8)}


def test_without_the_wish_few_entries_are_measured():
    report = gc.check(f, wrong, (X,))
    assert report["x"].entries is None
    assert report.evaluations < gc.check(f, wrong, (X,), every_entry=True).evaluations


def test_a_right_gradient_costs_nothing_more():
    one, other = (gc.check(f, lambda x: W * np.cos(x), (X,), every_entry=wish) for wish in (False, True))
    assert one.evaluations == other.evaluations
    assert other["x"].entries is None


def test_more_entries_than_can_be_measured_are_said():
    x = np.ones(10_001)
    report = gc.check(lambda x: np.sum(x**2), lambda x: x, (x,), every_entry=True)
    assert report["x"].entries is None
    assert "too many to measure each" in report["x"].notes[-1]


def test_where_the_evaluations_end_the_rest_is_not_known():
    report = gc.check(f, wrong, (X,), every_entry=True, max_evaluations=250)
    cells = np.array(report["x"].entries.cells)
    assert report.verdict is gc.Verdict.FAIL
    assert 0 < np.count_nonzero(np.isnan(cells)) < cells.size
    assert "did not last" in report["x"].notes[-1]


def test_the_page_draws_all_of_them(tmp_path):
    report = gc.check(f, wrong, (X,), every_entry=True)
    report.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Every entry of x (6 × 9)" in page
    again = gc.Report.from_json(report.to_json())
    assert np.array_equal(again["x"].entries.cells, report["x"].entries.cells)
    assert not math.isnan(again["x"].entries.cells[0][0])
