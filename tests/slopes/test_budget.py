"""What a check may spend: evaluations, seconds, other people's threads; and what it says meanwhile."""

import io
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.slopes import budget as budgets
from gradcheck.slopes.budget import CONTRACT, Budget, BudgetReached

X, Y = np.array([0.3, 1.2, -0.7]), np.array([0.5, 2.0])


def slow(x, y):
    time.sleep(0.01)
    return quick(x, y)


def quick(x, y):
    return float(np.sum(np.sin(x)) + np.sum(y**2))


def gradient(x, y):
    return np.cos(x), 2 * y


class Terminal(io.StringIO):
    def isatty(self):
        super().isatty()  # which raises once it is closed
        return True


# Time --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that only f moves: by a second at each evaluation."""
    now = [0.0]
    monkeypatch.setattr(budgets, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def timed(x, y):
        now[0] += 1
        return quick(x, y)

    return timed


def test_after_max_seconds_nothing_begins_and_the_verdict_is_inconclusive_with_the_reason(clock):
    report = gc.check(clock, gradient, (X, Y), max_seconds=9.5)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert all("max_seconds=9.5 is used up" in a.reason for a in report)
    assert report.evaluations + report.contract_evaluations == 10


def test_the_evaluations_of_the_contract_are_always_spent_and_complaints_found():
    report = gc.check(slow, lambda x, y: (np.cos(x), 2 * y[:1]), (X, Y), max_seconds=1e-9)
    assert report.verdict is gc.Verdict.FAIL
    assert "shape" in report.complaint


def test_what_was_judged_stands_when_time_is_up(clock):
    def wrong(x, y):
        return np.cos(x), 2.02 * y

    whole = gc.check(clock, wrong, (X, Y))
    seconds = whole.evaluations + whole.contract_evaluations - 25
    report = gc.check(clock, wrong, (X, Y), max_seconds=float(seconds))
    assert [a.verdict for a in report] == [gc.Verdict.PASS, gc.Verdict.INCONCLUSIVE]
    assert "max_seconds" in report[1].reason


def test_a_function_that_is_fast_enough_knows_no_limit():
    assert gc.check(quick, gradient, (X, Y), max_seconds=60).verdict is gc.Verdict.PASS


def test_the_clock_is_one_for_all_that_is_measured():
    budget = Budget(seconds=0.02)
    budget.spend(CONTRACT, "f")
    time.sleep(0.03)
    assert not budget.left(CONTRACT)
    budget.spend(CONTRACT - 1, "f")
    with pytest.raises(BudgetReached, match=r"max_seconds=0.02 is used up"):
        budget.spend(CONTRACT, "f")


# The line ----------------------------------------------------------------------------------------------------------


def test_a_line_tells_what_is_spent_where_f_takes_long_and_goes_away(monkeypatch):
    monkeypatch.setattr(budgets, "PATIENCE", 0.02)
    monkeypatch.setattr(budgets, "EVERY", 0.0)
    stream = Terminal()
    budget = Budget(stream=stream)
    budget.spend(7, "loss")
    assert stream.getvalue() == ""
    time.sleep(0.03)
    budget.spend(8, "loss")
    assert stream.getvalue() == "\rgradcheck: loss, 8 evaluations, 0 s"
    budget.close()
    width = len("gradcheck: loss, 8 evaluations, 0 s")
    assert stream.getvalue().endswith("\r" + " " * width + "\r")


@pytest.mark.parametrize(("stream", "progress"), [(Terminal(), False), (io.StringIO(), None)])
def test_no_line_where_none_is_wanted_or_nobody_watches(monkeypatch, stream, progress):
    monkeypatch.setattr(budgets, "PATIENCE", 0.0)
    budget = Budget(stream=stream, progress=progress)
    budget.spend(1, "f")
    budget.close()
    assert stream.getvalue() == ""


def closed():
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize("progress", [None, True])
@pytest.mark.parametrize("stream", [None, closed()])
def test_no_line_where_there_is_nowhere_to_write_it(monkeypatch, stream, progress):
    monkeypatch.setattr(budgets, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", stream)  # None under pythonw, and in a service of Windows
    assert gc.check(quick, gradient, (X, Y), progress=progress).verdict is gc.Verdict.PASS


def test_progress_true_tells_it_anywhere_and_the_report_is_the_same(monkeypatch, capsys):
    monkeypatch.setattr(budgets, "PATIENCE", 0.0)
    monkeypatch.setattr(budgets, "EVERY", 0.0)
    told = gc.check(quick, gradient, (X, Y), progress=True)
    assert "gradcheck: quick, " in capsys.readouterr().err
    assert str(told) == str(gc.check(quick, gradient, (X, Y), progress=False))
    assert capsys.readouterr().err == ""


# An executor -------------------------------------------------------------------------------------------------------


def test_evaluations_that_do_not_wait_for_each_other_run_side_by_side_and_the_report_is_the_same():
    running = most = 0
    lock = threading.Lock()

    def watched(x, y):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        value = slow(x, y)
        with lock:
            running -= 1
        return value

    with ThreadPoolExecutor(4) as pool:
        report = gc.check(watched, gradient, (X, Y), executor=pool)
    alone = gc.check(watched, gradient, (X, Y))
    assert most >= 3
    assert str(report) == str(alone)
    assert report.evaluations == alone.evaluations


def test_wrong_gradients_kinks_and_edges_are_found_all_the_same():
    def edge(x, y):
        if x[1] < X[1]:
            raise ValueError("outside")
        return quick(x, y)

    with ThreadPoolExecutor(3) as pool:
        wrong = gc.check(quick, lambda x, y: (np.cos(x), 2.02 * y), (X, Y), executor=pool)
        assert [a.name for a in wrong if a.verdict is gc.Verdict.FAIL] == ["y"]
        beside = gc.check(edge, gradient, (X, Y), executor=pool)
        assert str(beside) == str(gc.check(edge, gradient, (X, Y)))
        kink = gc.check(
            lambda x: float(np.sum(np.maximum(x, 0))), lambda x: 1.0 * (x > 0), (np.zeros(2),), executor=pool
        )
        assert kink[0].kink is not None


def test_f_is_as_quiet_in_a_thread_as_here():
    seen = []

    def watched(x, y):
        seen.append((threading.current_thread() is threading.main_thread(), *np.geterr().values()))
        return quick(x, y)

    with ThreadPoolExecutor(2) as pool, np.errstate(all="raise"):
        report = gc.check(watched, gradient, (X, Y), executor=pool)
    assert report.verdict is gc.Verdict.PASS
    assert (False, *["ignore"] * 4) in seen
    assert {setting for _, *settings in seen for setting in settings} == {"ignore"}


def test_limits_hold_in_an_executor_too():
    with ThreadPoolExecutor(4) as pool:
        report = gc.check(quick, gradient, (X, Y), executor=pool, max_evaluations=13)
    assert report.evaluations + report.contract_evaluations <= 13
    assert report.verdict is gc.Verdict.INCONCLUSIVE


def test_processes_evaluate_functions_of_a_module_and_say_so_of_others():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # a fork is refused by JAX, whose threads may be running
        assert gc.check(quick, gradient, (X, Y), executor=pool).verdict is gc.Verdict.PASS
        with pytest.raises(gc.ArgumentError, match="cannot be sent to another process: use threads"):
            gc.check(lambda x, y: 2 * quick(x, y), gradient, (X, Y), executor=pool)


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ({"max_seconds": 0}, "a positive number of seconds"),
        ({"max_seconds": "1"}, "a positive number of seconds"),
        ({"progress": "yes"}, "True, False, or None"),
        ({"executor": 4}, "an executor as of concurrent.futures"),
        ({"executor": ThreadPoolExecutor}, "an executor as of concurrent.futures"),
    ],
)
def test_options_that_mean_nothing_are_told_what_is_wanted(option, wanted):
    with pytest.raises(gc.ArgumentError, match=wanted):
        gc.check(quick, gradient, (X, Y), **option)
