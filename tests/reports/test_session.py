"""A session's records: every check is counted, the worst report is kept, worst ones come first."""

import dataclasses

import numpy as np

import gradcheck as gc
from gradcheck import Verdict
from gradcheck.reports.session import Session

X = np.array([0.5, -1.5, 2.0])


def loss(x):
    return np.sum(x**3)


def checked(factor=3.0, **options):
    return gc.check(loss, lambda x: factor * x**2, (X,), **options)


RIGHT, WRONG, UNDECIDED = checked(), checked(1.5), checked(max_evaluations=5)


def spent(*reports):
    return sum(r.evaluations + r.contract_evaluations for r in reports)


def filled(*tests):
    session = Session()
    for test, report in tests:
        session.add(test, report)
    return session


def test_of_many_checks_in_one_test_the_worst_report_is_kept_and_all_are_counted():
    (record,) = filled(("t", RIGHT), ("t", WRONG), ("t", UNDECIDED), ("t", RIGHT)).records
    assert record.report is WRONG
    assert record.checks == 4
    assert record.verdicts == {Verdict.PASS: 2, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 1}
    assert record.evaluations == spent(RIGHT, WRONG, UNDECIDED, RIGHT)


def test_of_two_failures_the_later_one_is_kept_for_it_is_the_shrunk_one():
    later = checked(1.5, seed=1)
    (record,) = filled(("t", WRONG), ("t", later)).records
    assert record.report is later


def test_two_functions_of_one_test_have_a_record_each():
    other = gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2, (X,))
    assert len(filled(("t", RIGHT), ("t", other))) == 2


def test_records_come_worst_first_then_by_the_names_of_their_tests():
    session = filled(("c", RIGHT), ("b", RIGHT), ("d", UNDECIDED), ("a", WRONG))
    assert [record.test for record in session.records] == ["a", "d", "b", "c"]
    assert session.verdicts == {Verdict.PASS: 2, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 1}


def test_a_wrong_gradient_of_a_test_that_passed_was_meant_so_and_comes_last():
    session = filled(("a", WRONG), ("b", WRONG), ("c", RIGHT), ("d", UNDECIDED))
    for test, outcome in (("a", "passed"), ("b", "failed"), ("c", "passed"), ("d", "xfailed")):
        session.ended(test, outcome)
    assert [(record.test, record.expected) for record in session.records] == [
        ("b", False),
        ("c", False),
        ("a", True),
        ("d", True),
    ]
    assert session.ended_so == {"FAIL": 1, "PASS": 1, "expected FAIL": 1, "expected INCONCLUSIVE": 1}
    assert session.headline == "4 gradients: 1 FAIL, 1 PASS, 1 expected FAIL, 1 expected INCONCLUSIVE"


def test_the_checks_of_one_test_are_one_gradient():
    session = filled(*[("a", RIGHT)] * 20, ("b", WRONG))
    assert session.headline == "2 gradients (21 checks): 1 FAIL, 1 PASS"
    assert filled(("a", RIGHT)).headline == "1 gradient: 1 PASS"
    assert Session().headline == "0 gradients"


def test_merging_the_records_of_workers_is_the_same_as_one_session():
    tests = [("a", RIGHT), ("a", WRONG), ("b", RIGHT), ("c", UNDECIDED), ("b", UNDECIDED)]
    whole, merged = filled(*tests), Session()
    for part in (tests[:1], tests[1:3], tests[3:]):
        merged.receive(filled(*part).sent())
    assert merged.to_dict() == whole.to_dict()


def test_a_report_that_cannot_be_written_costs_itself_only():
    class Odd:
        pass

    bad = dataclasses.replace(RIGHT, notes=(Odd(),))
    session = filled(("a", bad), ("b", WRONG))
    first, second = session.to_dict()["tests"]
    assert (first["test"], first["report"]["verdict"], first["problem"]) == ("b", "FAIL", "")
    assert (second["test"], second["report"]) == ("a", None)
    assert second["problem"] == "NotImplementedError: a Odd is no data of a report"
    merged = Session()
    merged.receive(session.sent())
    assert [record.test for record in merged.records] == ["b"]
    assert merged.problems == [f"the report of a could not be written: {second['problem']}"]
