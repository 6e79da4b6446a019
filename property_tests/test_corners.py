"""Corners that people meet: no right gradient fails there, no wrong one passes, and few are undecided.

The generators are in `corners.py`. `python -m pytest -s property_tests/test_corners.py` prints a line of counts for
each class; `-m thorough` draws 100,000 points of each.
"""

from collections import Counter

import numpy as np
import pytest
from corners import RIGHT, WRONG, drawn

import gradcheck as gc
from gradcheck.slopes.direction import scale_of

QUICK, THOROUGH = 120, 100_000
# Nothing but f's values is there to decide these by, or the code is not what can be looked into.
UNDECIDABLE = {"stairs", "low precision inside", "float32", "hardly moving f", "digits that f loses"}
ORDINARY = {"compositions", "compositions on an offset"}


def verdicts(table, kind, draws, seed, **options):
    """Count the verdicts on so many cases of a class."""
    rng = np.random.default_rng(seed)
    found = Counter()
    with np.errstate(all="ignore"):
        for n in range(draws):
            case = drawn(table, kind, rng)
            numbers = [case.f(*case.args), *(part for g in case.gradient(*case.args) for part in np.ravel(g))]
            if not np.all(np.isfinite(np.asarray(numbers, dtype=np.float64))):
                continue
            report = gc.check(case.f, case.gradient, case.args, seed=n, **options)
            found[report.verdict] += 1
            found["false"] += report.verdict is gc.Verdict.PASS and not holds(report, case)
            assert (
                report.verdict is gc.Verdict.PASS
                or report.complaint
                or all(
                    a.reason or a.mistakes or a.where_text or a.verdict is not gc.Verdict.INCONCLUSIVE for a in report
                )
            ), f"{case.name}: no reason is given"
    return found


def holds(report, case):
    """Tell whether the true error lies within three times the bound that is stated: zero to ±1e-14 of 3e-15, say."""
    if case.right is None:
        return False
    for x, claimed, right, argument in zip(
        case.args, case.gradient(*case.args), case.right(*case.args), report, strict=True
    ):
        norm = scale_of(x).norm
        bound = argument.error.high * (norm(claimed) if argument.error.relative else 1.0)
        if not norm(claimed - right) <= 3 * bound:
            return False
    return True


def told(kind, found):
    total = sum(found[verdict] for verdict in gc.Verdict)
    counts = ", ".join(f"{found[verdict]} {verdict}" for verdict in gc.Verdict)
    print(f"{kind}: {counts} of {total}")  # noqa: T201  for -s
    return total


def assert_right(kind, draws, seed):
    found = verdicts(RIGHT, kind, draws, seed)
    total = told(kind, found)
    assert found[gc.Verdict.FAIL] == 0
    if kind in ORDINARY:
        assert found[gc.Verdict.INCONCLUSIVE] <= 0.03 * total
    elif kind not in UNDECIDABLE:
        assert found[gc.Verdict.INCONCLUSIVE] <= 0.1 * total


def assert_wrong(kind, draws, seed):
    found = verdicts(WRONG, kind, draws, seed)
    told(f"wrong: {kind}", found)
    assert found["false"] == 0
    return found


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_gradient_never_fails(kind):
    assert_right(kind, QUICK, seed=30)


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_gradient_never_passes(kind):
    assert assert_wrong(kind, QUICK, seed=30)[gc.Verdict.PASS] == 0


@pytest.mark.parametrize("kind", sorted(ORDINARY))
def test_differences_alone_decide_ordinary_compositions(kind):
    found = verdicts(RIGHT, kind, QUICK, seed=31, oracle="finite differences")
    total = told(f"{kind}, differences alone", found)
    assert found[gc.Verdict.FAIL] == 0
    assert found[gc.Verdict.INCONCLUSIVE] <= 0.06 * total


def test_stairs_that_are_declared_pass():
    found = verdicts(RIGHT, "stairs", QUICK, seed=32, piecewise_constant=True)
    assert found[gc.Verdict.PASS] == QUICK


@pytest.mark.thorough
@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_gradient_never_fails_among_a_hundred_thousand(kind):
    assert_right(kind, THOROUGH, seed=33)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_gradient_never_passes_among_a_hundred_thousand(kind):
    assert_wrong(kind, THOROUGH, seed=33)


def test_a_right_gradient_of_few_digits_that_seems_wrong_is_judged_again_at_what_f_rounds_to():
    rng = np.random.default_rng((51, 77))
    whole = {"rounded as a whole": RIGHT["low precision inside"][:2]}
    for _ in range(217):
        case = drawn(whole, "rounded as a whole", rng)
    with np.errstate(all="ignore"):
        report = gc.check(case.f, case.gradient, case.args, seed=267)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert any("float16 inside" in note for note in report.notes)


def test_numbers_of_few_bits_that_cancel_are_no_stairs_that_are_meant():
    rng = np.random.default_rng((901, 1468442218))
    cases = [drawn(WRONG, "zero claims", rng) for _ in range(1471)]
    for n in (826, 1470):
        report = gc.check(cases[n].f, cases[n].gradient, cases[n].args, seed=n)
        assert report.verdict is gc.Verdict.INCONCLUSIVE, str(report)


def test_numbers_of_few_bits_that_are_told_far_apart_only_are_no_stairs_that_are_meant():
    rng = np.random.default_rng((1101, 1468442218))
    cases = [drawn(WRONG, "zero claims", rng) for _ in range(3051)]
    report = gc.check(cases[-1].f, cases[-1].gradient, cases[-1].args, seed=3050)
    assert report.verdict is gc.Verdict.INCONCLUSIVE, str(report)
