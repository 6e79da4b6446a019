"""A session's records: every check is counted, the worst report is kept, worst ones come first."""

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


def test_merging_the_records_of_workers_is_the_same_as_one_session():
    tests = [("a", RIGHT), ("a", WRONG), ("b", RIGHT), ("c", UNDECIDED), ("b", UNDECIDED)]
    whole, merged = filled(*tests), Session()
    for part in (tests[:1], tests[1:3], tests[3:]):
        merged.merge(filled(*part).records)
    assert merged.to_dict() == whole.to_dict()
