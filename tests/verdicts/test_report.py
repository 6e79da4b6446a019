import dataclasses
import json
import math
import pickle

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import DivergenceError
from gradcheck.slopes.slope import Slope
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import Accuracy, ArgumentReport, Kink, Planted, Probe, Report, WorstEntry

X = np.array([0.5, -1.5, 2.0])


def argument(name="x", verdict=Verdict.PASS, low=0.0, high=1e-9, *, relative=True, smallest=1e-8, **fields):
    error = Interval(low, high, relative=relative, confidence=0.9999)
    return ArgumentReport(name, (3,), "float64", verdict, error, 1e-5, smallest, **fields)


def report(*arguments, **fields):
    return Report("loss", arguments, 30, 5, 3, 7, 0.9999, "finite differences", **fields)


def checked(gradient=lambda x: 3 * x**2, f=lambda x: np.sum(x**3), **options):
    return gc.check(f, gradient, (X,), **options)


def test_a_report_is_never_changed():
    for found in (checked(), checked()[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.seed = 1


KINKED = {"f": lambda x: np.sum(np.abs(x - 0.5)), "gradient": lambda x: np.sign(x - 0.5)}
REPORTS = {
    "pass": checked,
    "fail": lambda: checked(lambda x: 1.5 * x**2),
    "one entry": lambda: checked(lambda x: 3 * x**2 + np.array([0, 1, 0])),
    "breach": lambda: checked(lambda x: x[0]),
    "kink": lambda: checked(KINKED["gradient"], KINKED["f"]),
    "budget": lambda: checked(max_evaluations=12),
    "zero": lambda: checked(np.zeros_like, lambda _: 1.0),
    "float32": lambda: gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2, (X.astype(np.float32),)),
    "complex": lambda: gc.check(
        lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * np.conj(z), (np.array([1 + 2j, 0.5 - 1j]),)
    ),
}


# One argument, several -----------------------------------------------------------------------------------------


def test_arguments_are_found_by_place_and_by_name():
    found = report(argument("w1"), argument("w2"))
    assert found[0].name == found["w1"].name == "w1"
    assert found[-1] is found["w2"]
    assert [a.name for a in found] == ["w1", "w2"]
    assert len(found) == 2
    with pytest.raises(KeyError, match=r"'w3' is no judged argument; there are \['w1', 'w2'\]"):
        found["w3"]
    with pytest.raises(IndexError):
        found[2]


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.FAIL], Verdict.FAIL),
    ],
)
def test_the_verdict_of_a_report_is_its_worst_and_only_a_pass_is_true(verdicts, whole):
    found = report(*(argument(f"w{i}", v) for i, v in enumerate(verdicts)))
    assert found.verdict is whole
    assert bool(found) is (whole is Verdict.PASS)


def test_a_breach_of_the_contract_is_a_fail_without_arguments():
    found = report(complaint="the gradient of x has shape (2,), wanted (3,), the shape of x")
    assert found.verdict is Verdict.FAIL
    assert found.smallest_error == math.inf


def test_the_smallest_error_of_a_report_is_that_of_its_blindest_argument():
    assert report(argument(smallest=1e-8), argument("y", smallest=1e-6)).smallest_error == 1e-6


def test_with_replaces_fields_and_leaves_the_original():
    before = argument()
    after = before.with_(verdict=Verdict.FAIL, reason="wrong")
    assert (after.verdict, after.reason, after.name) == (Verdict.FAIL, "wrong", "x")
    assert before.verdict is Verdict.PASS


# Pickle and JSON -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_reports_pickle(make):
    found = make()
    again = pickle.loads(pickle.dumps(found))  # noqa: S301  our own bytes
    assert str(again) == str(found)
    assert again.to_dict() == found.to_dict()


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_reports_are_plain_data_for_json(make):
    found = make()
    text = json.dumps(found.to_dict(), allow_nan=False)
    data = json.loads(text)
    assert data == found.to_dict()
    assert data["verdict"] == str(found.verdict)
    assert data["evaluations"] == found.evaluations
    assert [a["name"] for a in data["arguments"]] == [a.name for a in found]


def test_exceptions_that_carry_data_pickle():
    with pytest.raises(gc.GradientError) as caught:
        gc.assert_gradient(lambda x: np.sum(x**3), lambda x: x, (X,))
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert str(again) == str(caught.value)
    assert again.report.verdict is Verdict.FAIL
    diverged = pickle.loads(pickle.dumps(DivergenceError("at step 3", step=3, losses=(1.0, 2.0))))  # noqa: S301
    assert (str(diverged), diverged.step, diverged.losses) == ("at step 3", 3, (1.0, 2.0))


def test_the_data_hold_what_the_report_holds():
    full = argument(
        verdict=Verdict.FAIL,
        low=0.5,
        high=math.inf,
        reason="r",
        kink=Kink("right", valid=True, entries=((0, 1),), within=1e-9),
        accuracy=Accuracy("float32", 1e-3, 1e-4, Verdict.FAIL),
        where=(0, None),
        where_text="row 0",
        mistakes=("factor 2 missing",),
        advice="a",
        planted=Planted(3, 4, ("sign (too small)",)),
        worst=(WorstEntry((1,), 1 + 2j, 3 + 0j, math.nan),),
        notes=("note",),
    )
    data = report(full, notes=("whole",), repeat="again").to_dict()
    assert data["notes"] == ["whole"]
    assert data["repeat"] == "again"
    (a,) = data["arguments"]
    assert a["error"] == {"low": 0.5, "high": "inf", "relative": True, "confidence": 0.9999}
    kink = {"convention": "right", "valid": True, "entries": [[0, 1]], "within": 1e-9}
    proof = {"kinks": [], "weights": [], "direction": [], "rise": None, "claimed": None, "proof": ""}
    assert a["kink"] == {**kink, **proof}
    assert a["accuracy"] == {"dtype": "float32", "error": 1e-3, "allowed": 1e-4, "verdict": "FAIL"}
    assert a["where"] == [0, None]
    assert a["planted"] == {"caught": 3, "applicable": 4, "not_caught": ["sign (too small)"]}
    assert a["worst"] == [
        {"index": [1], "claimed": [1.0, 2.0], "measured": 3.0, "error": "nan", "value": None, "label": ""}
    ]
    assert (a["reason"], a["where_text"], a["mistakes"], a["advice"]) == ("r", "row 0", ["factor 2 missing"], "a")
    json.dumps(data, allow_nan=False)


def test_minus_infinity_is_told_from_infinity():
    data = report(argument(low=-math.inf, high=math.inf)).to_dict()
    assert (data["arguments"][0]["error"]["low"], data["arguments"][0]["error"]["high"]) == ("-inf", "inf")


def test_str_is_the_text_and_repr_spares_the_slopes():
    found = checked()
    assert str(found).startswith("PASS  f: the gradient is right")
    assert "Level(" not in repr(found)


# The doors to pages and pictures -------------------------------------------------------------------------------


def test_reports_are_saved_by_the_ending_of_the_path(tmp_path):
    found = checked()
    found.save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["verdict"] == "PASS"
    found.save(tmp_path / "report.html")
    assert "PASS" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(gc.ArgumentError):
        found.save(tmp_path / "report.xml")


def test_a_notebook_gets_a_fragment_and_a_plot_a_figure():
    pytest.importorskip("matplotlib")
    found = checked()
    assert "PASS" in found._repr_html_()
    assert found.plot().axes


def test_what_is_left_open_of_a_part_is_the_usual():
    assert Kink("left", valid=True, entries=()).within == 0.0
    slope = Slope(1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0)
    assert Probe(0, 1.0, slope, 1.0, 0.0).moved == 1
