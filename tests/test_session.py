"""The records of many checks: counted, the worst kept, merged from several processes."""

from gradcheck.certificate import Interval, Verdict
from gradcheck.report import ArgumentReport, Report
from gradcheck.session import Session


def report(title, verdict, high, *, evaluations=30):
    error = Interval(0.0, high, relative=True, confidence=0.9999)
    argument = ArgumentReport("x", (3,), "float64", verdict, error, 1e-5, 1e-8)
    return Report(title, (argument,), evaluations, 5, 3, 7, 0.9999, "finite differences")


GOOD, BETTER = report("loss", Verdict.PASS, 1e-8), report("loss", Verdict.PASS, 1e-9)
UNSURE, BAD = report("loss", Verdict.INCONCLUSIVE, 1.0), report("loss", Verdict.FAIL, 1.0)


def session(*checks):
    found = Session()
    for test, each in checks:
        found.add(test, each)
    return found


def test_a_test_that_checks_one_function_often_has_one_record_with_its_worst_report():
    found = session(("a", BETTER), ("a", GOOD), ("a", BETTER))
    (record,) = found.records
    assert record.report is GOOD
    assert record.checks == 3
    assert record.evaluations == found.evaluations == 3 * (30 + GOOD.contract_evaluations)


def test_other_tests_and_other_functions_have_records_of_their_own():
    found = session(("a", GOOD), ("b", GOOD), ("a", report("norm", Verdict.PASS, 1e-9)))
    assert [(r.test, r.report.title) for r in found.records] == [("a", "loss"), ("b", "loss"), ("a", "norm")]


def test_records_come_worst_first():
    found = session(("a", GOOD), ("b", UNSURE), ("c", BAD), ("d", BETTER))
    assert [r.test for r in found.records] == ["c", "b", "a", "d"]
    assert found.verdicts == {Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


def test_it_makes_no_difference_in_how_many_processes_the_checks_were_made():
    checks = [("a", BETTER), ("a", BAD), ("b", UNSURE), ("a", GOOD), ("b", BETTER)]
    one = session(*checks)
    for split in range(len(checks) + 1):
        merged = session(*checks[:split])
        merged.merge(session(*checks[split:]).records)
        assert merged.to_dict() == one.to_dict()
