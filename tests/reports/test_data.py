"""Reports as JSON and back: nothing is lost, whatever the fields hold, and what is no report is told in a sentence."""

import contextlib
import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck as gc
from gradcheck.errors import ArgumentError
from gradcheck.reports.data import VERSION, as_json, schema
from gradcheck.slopes.slope import Level, Slope
from gradcheck.verdicts.argument_report import Exactness
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import Accuracy, ArgumentReport, Kink, Planted, Probe, Report, WorstEntry

X = np.array([0.5, -1.5, 2.0])

ANY_TEXT = st.text(st.characters(), max_size=8)  # lone surrogates and control characters too
UTF8_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
REALS = st.floats(allow_nan=True, allow_infinity=True)
COMPLEX = st.complex_numbers(allow_nan=False)
COUNTS = st.integers(0, 2**53)
INDICES = st.lists(COUNTS, max_size=3).map(tuple)


def tuples(of, most=3):
    return st.lists(of, max_size=most).map(tuple)


def reports(text=UTF8_TEXT, reals=REALS, numbers=COMPLEX):
    """Reports with anything in any field."""
    verdicts = st.sampled_from(Verdict)
    levels = st.builds(Level, reals, reals, reals, reals, reals, reals)
    slopes = st.builds(Slope, reals, reals, reals, reals, reals, reals, reals, tuples(levels), reals, reals)
    own = {
        Interval: st.builds(Interval, reals, reals, st.booleans(), reals),
        Kink: st.builds(Kink, text, st.booleans(), tuples(INDICES), reals, proof=text),
        Planted: st.builds(Planted, COUNTS, COUNTS, tuples(text)),
        Accuracy: st.builds(Accuracy, text, reals, reals, verdicts),
        Exactness: st.builds(Exactness, st.booleans(), COUNTS, reals, tuples(INDICES), reals, reals, reals),
    }
    argument = st.builds(
        ArgumentReport,
        name=text,
        shape=INDICES,
        dtype=text,
        verdict=verdicts,
        error=own[Interval],
        resolution=reals,
        smallest_error=reals,
        reason=text,
        kink=st.none() | own[Kink],
        accuracy=st.none() | own[Accuracy],
        where=st.none() | tuples(st.none() | COUNTS),
        where_text=text,
        mistakes=tuples(text),
        advice=text,
        factor=st.none() | reals,
        planted=st.none() | own[Planted],
        worst=tuples(st.builds(WorstEntry, INDICES, numbers, numbers, reals)),
        probes=tuples(st.builds(Probe, COUNTS, reals, slopes, reals, reals)),
        notes=tuples(text),
        exact=st.none() | own[Exactness],
    )
    return st.builds(
        Report,
        title=text,
        arguments=tuples(argument),
        evaluations=COUNTS,
        gradient_evaluations=COUNTS,
        contract_evaluations=COUNTS,
        seed=COUNTS,
        confidence=reals,
        oracle=text,
        notes=tuples(text),
        complaint=text,
        repeat=text,
        unchecked=tuples(text),
    )


@given(reports())
@settings(max_examples=60, deadline=None)
def test_any_report_reads_back_as_it_was(report):
    again = Report.from_json(report.to_json())
    assert again.to_dict() == report.to_dict()
    assert str(again) == str(report)


def test_minus_zero_keeps_its_sign_in_a_complex_number():
    report = gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (X,))
    worst = WorstEntry((0,), complex(0.0, -0.0), complex(-0.0, -0.0), 0.0)
    again = Report.from_json(dataclasses.replace(report, arguments=(report[0].with_(worst=(worst,)),)).to_json())
    assert [str(value) for value in (again[0].worst[0].claimed, again[0].worst[0].measured)] == ["-0j", "(-0-0j)"]


@given(reports(reals=st.floats(allow_nan=False)))
@settings(max_examples=60, deadline=None)
def test_a_report_without_nan_reads_back_equal(report):
    assert Report.from_json(report.to_json()) == report


@given(reports(text=ANY_TEXT))
@settings(max_examples=60, deadline=None)
def test_any_characters_are_written_as_utf8_and_read_back(report):
    text = report.to_json()
    assert Report.from_json(text.encode("utf-8")).to_json() == text


def checked(**options):
    return gc.check(lambda x: np.sum(x**3), lambda x: 1.5 * x**2, (X,), **options)


@pytest.mark.parametrize(
    "number",
    [np.float32(0.5), np.float64(0.5), np.longdouble(0.5), Fraction(1, 2), np.int8(1)],
    ids=lambda x: type(x).__name__,
)
def test_numbers_of_any_type_are_written(number):
    report = dataclasses.replace(checked(), confidence=number)
    assert json.loads(report.to_json())["confidence"] == float(number)
    assert str(Report.from_json(report.to_json())) == str(report)


def test_the_text_is_what_other_programs_read():
    text = checked().to_json()
    assert text.startswith('{\n  "schema": 2,\n  "verdict": "FAIL",')
    assert text.endswith("\n}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):  # a number that is not finite is to be a string
        as_json({"error": np.inf})


def test_a_report_read_back_is_drawn_as_it_was():
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    report = checked()
    assert Report.from_json(report.to_json())._repr_html_() == report._repr_html_()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON of a report"),
        ("[1]", "no JSON of a report"),
        ('{"schema": 2', "no JSON of a report"),
        ("[" * 100_000, "no JSON of a report"),
        (b"\xff\xfe", "no JSON of a report"),
        ('"\\ud800"', "no JSON of a report"),
        ("{}", "schema=None, wanted"),
        ('{"schema": 1}', "schema=1, wanted"),
        ('{"schema": "²"}', "schema='²', wanted"),
        (json.dumps({"schema": VERSION}), "missing required field `title`"),
    ],
    ids=range(10),
)
def test_what_is_no_report_is_told_in_a_sentence(text, words):
    with pytest.raises(ArgumentError, match=words):
        Report.from_json(text)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_spoilt_field_is_named_or_read(data):
    """One value anywhere in the data is replaced: that is a report, or an ArgumentError, and never anything else."""
    plain = checked().to_dict()
    place, path = plain, []
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            break
        path.append(data.draw(st.sampled_from(keys)))
        if not isinstance(place[path[-1]], dict | list) or data.draw(st.booleans()):
            break
        place = place[path[-1]]
    if not path or (not isinstance(place, dict) and not place):
        return
    place[path[-1]] = data.draw(st.sampled_from([None, "x", -1, 1.5, [], {}, [[1]], "inf", 10**30, True]))
    with contextlib.suppress(ArgumentError):  # the public error, or a report
        assert isinstance(Report.from_json(json.dumps(plain)), Report)


def test_the_schema_names_every_field_of_every_dataclass():
    parts = schema()["$defs"]
    for cls in (Report, ArgumentReport, Kink, Accuracy, Planted, WorstEntry, Probe, Slope, Level, Interval):
        assert {f.name for f in dataclasses.fields(cls)} <= parts[cls.__name__]["properties"].keys()
