"""The derived schema describes what reports and sessions write, field by field, and refuses what they do not."""

import json
from dataclasses import fields, replace

import jsonschema
import numpy as np
import pytest

from gradcheck import ArgumentReport, Report, check
from gradcheck.reports.data import as_json, schema
from gradcheck.reports.session import Session
from gradcheck.verdicts.report import Planted, WorstEntry

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
W = np.array([0.5, -1.5, 2.0])


def loss(w):
    return np.sum(np.sin(w))


def right(w):
    return np.cos(w)


def one_entry_wrong(w):
    return np.cos(w) + np.array([0.0, 0.0, 0.25])


def hinge(w):
    return np.sum(np.maximum(w - 0.5, 0))


def step(w):
    return (w >= 0.5).astype(w.dtype)


REPORTS = {
    "right": lambda: check(loss, right, (W,)),
    "wrong in one entry": lambda: check(loss, one_entry_wrong, (W,)),
    "of the wrong sign": lambda: check(loss, lambda w: -np.cos(w), (W,)),
    "of the wrong shape": lambda: check(loss, lambda w: w[:2], (W,)),
    "undecided": lambda: check(loss, right, (W,), max_evaluations=5),
    "at a kink": lambda: check(hinge, step, (W,)),
    "in float32": lambda: check(loss, right, (W.astype("float32"),)),
    "of complex arguments": lambda: check(
        lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * z + (1 + 1j), (np.array([1 + 2j, 0.5 - 1j]),)
    ),
    "of a zero gradient": lambda: check(lambda w: 3.0 + 0 * w[0], np.zeros_like, (W,)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_as_the_schema_says(name):
    data = json.loads(as_json(REPORTS[name]().to_dict()))
    VALIDATOR.validate(data)


def test_the_reports_above_have_every_part_that_a_report_can_have():
    arguments = [argument for make in REPORTS.values() for argument in make().to_dict()["arguments"]]
    for part in ("kink", "accuracy", "where", "planted", "worst", "mistakes", "probes", "reason", "advice"):
        assert any(argument[part] for argument in arguments), part


def test_the_data_of_a_report_hold_every_field_of_it():
    data = check(loss, right, (W,)).to_dict()
    assert {field.name for field in fields(Report)} <= data.keys()
    assert {field.name for field in fields(ArgumentReport)} == data["arguments"][0].keys()


def test_infinite_and_undefined_numbers_are_written_out():
    report = check(loss, one_entry_wrong, (W,))
    worst = WorstEntry((2,), complex(1, float("nan")), float("-inf"), float("inf"))
    changed = report[0].with_(worst=(worst,), planted=Planted(1, 2, ("sign flipped",)), where=(None, 2))
    data = json.loads(as_json(replace(report, arguments=(changed,)).to_dict()))
    VALIDATOR.validate(data)
    written = data["arguments"][0]["worst"][0]
    assert (written["claimed"], written["measured"], written["error"]) == ([1.0, "nan"], "-inf", "inf")


def test_a_session_is_as_the_schema_says():
    session = Session()
    for name in ("right", "wrong in one entry"):
        session.add("test_file.py::test_it", REPORTS[name]())
    data = json.loads(as_json(session.to_dict()))
    VALIDATOR.validate(data)
    assert data["verdicts"] == {"PASS": 1, "INCONCLUSIVE": 0, "FAIL": 1}
    assert [record["report"]["verdict"] for record in data["tests"]] == ["FAIL"]


def test_the_data_of_an_empty_session_are_as_the_schema_says():
    VALIDATOR.validate(Session().to_dict())


@pytest.mark.parametrize(
    "change", [{"verdict": "MAYBE"}, {"schema": 1}, {"seed": -1}, {"surplus": 0}, {"confidence": "high"}], ids=str
)
def test_what_no_report_says_is_refused(change):
    data = {**check(loss, right, (W,)).to_dict(), **change}
    assert not VALIDATOR.is_valid(data)


def test_a_missing_field_is_refused():
    data = check(loss, right, (W,)).to_dict()
    del data["arguments"][0]["error"]["high"]
    assert not VALIDATOR.is_valid(data)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
