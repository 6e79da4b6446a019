"""The numbers that a report prints, counted: how often a bound holds, an interval covers, a right gradient passes.

Every claim "at least p of the time" is tested as: the count of exceptions among n draws is no larger than chance would
make it once in ten thousand runs if the claim were exactly true. The draws are seeded, so a run repeats itself; the
`thorough` ones (`tox -e thorough`) draw 10^5 points anew.
"""

import numpy as np
import pytest
from functions import EVERY, KINKED, SIZES, SMOOTH, Case, drawn, hash_noisy, in_dtype, noisy, quantised
from scipy.stats import binom

import gradcheck as gc
from gradcheck.slopes.direction import scale_of

QUICK, THOROUGH = 12, 2000  # points of each function: some 600 checks, and 10^5


def most(probability, draws):
    """The count of events of at most this probability that chance exceeds once in ten thousand runs."""
    return int(binom.ppf(1 - 1e-4, draws, probability))


def cases(names, points, seed, scale=None):
    """Draw points of every function at which it and its gradient are finite."""
    rng = np.random.default_rng(seed)
    for name in names:
        for _ in range(points):
            case = drawn(name, rng) if scale is None else EVERY[name](rng, int(rng.choice(SIZES)), scale)
            with np.errstate(all="ignore"):
                numbers = [case.f(*case.args), *map(np.sum, case.gradient(*case.args))]
            if np.all(np.isfinite(numbers)):
                yield case


def judged(case, seed, **options):
    return gc.check(case.f, case.gradient, case.args, seed=seed, **options)


def outside(report):
    """Count slopes and those whose true value (the claim is right) lies outside their bound.

    Those of an oracle that was asked after differences could not tell are left out: they are known more closely than
    a claim in float64 is right, 1 − tanh² of a large number, say.
    """
    seen = [argument for argument in report if not any(note.startswith("decided by") for note in argument.notes)]
    probes = [probe for argument in seen for probe in argument.probes]
    wrong = [p for p in probes if not abs(p.claimed - p.slope.value) <= p.slope.error + p.claim_error]
    return len(probes), len(wrong)


CLASSES = {
    "smooth": (SMOOTH, lambda case, _: case),
    "kinks": (KINKED, lambda case, _: case),
    "quantised": (SMOOTH, lambda case, rng: quantised(case, 10.0 ** rng.uniform(-9, -3))),
    "noise 1e-8": (SMOOTH, lambda case, rng: noisy(case, 1e-8, rng)),
    "noise 1e-5": (SMOOTH, lambda case, _: hash_noisy(case, 1e-5)),
    "noise 1e-3": (SMOOTH, lambda case, rng: noisy(case, 1e-3, rng)),
}


def count(kind, points, seed):
    names, change = CLASSES[kind]
    rng = np.random.default_rng(seed + 1)
    slopes = missed = 0
    verdicts = []
    for n, case in enumerate(cases(names, points, seed)):
        report = judged(change(case, rng), n)
        more, wrong = outside(report)
        slopes, missed = slopes + more, missed + wrong
        verdicts.append(report.verdict)
    return slopes, missed, verdicts


def assert_calibrated(kind, points, seed):
    slopes, missed, verdicts = count(kind, points, seed)
    print(f"{kind}: {missed} of {slopes} slopes outside their bound, {len(verdicts)} checks")  # noqa: T201  for -s
    assert missed <= most(1e-3, slopes)
    assert gc.Verdict.FAIL not in verdicts
    if kind in ("smooth", "kinks"):
        assert verdicts.count(gc.Verdict.INCONCLUSIVE) <= most(0.02, len(verdicts))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_slope_is_within_its_bound_999_times_in_1000_and_a_right_gradient_never_fails(kind):
    assert_calibrated(kind, QUICK, seed=20)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", CLASSES)
def test_so_it_is_among_a_hundred_thousand_points(kind):
    assert_calibrated(kind, THOROUGH, seed=21)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_so_it_is_where_the_function_computes_in_few_digits(dtype):
    # of size 1: float16 has no room for squares of 1e-3, and a function that underflows inside *is* another one
    slopes = missed = 0
    for n, case in enumerate(cases(SMOOTH, QUICK, seed=22, scale=1.0)):
        with np.errstate(all="ignore"):
            narrow = in_dtype(case, dtype)
            try:
                value = narrow.f(*narrow.args)
            except TypeError:  # NumPy's linear algebra and FFT know no float16
                continue
            if not (np.isfinite(value) and all(np.all(np.isfinite(x)) for x in narrow.args)):
                continue
            report = judged(narrow, n)
        more, wrong = outside(report)
        slopes, missed = slopes + more, missed + wrong
        assert report.verdict is not gc.Verdict.FAIL, (case.name, str(report))
    assert slopes > 200
    assert missed <= most(1e-3, slopes)


@pytest.mark.parametrize("exponent", range(1, 8))
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_an_interval_covers_a_planted_error_as_often_as_stated(exponent, confidence):
    r = 10.0**-exponent
    rng = np.random.default_rng(exponent)
    inside, total = 0, 0
    for n, case in enumerate(cases(SMOOTH, 8, seed=23)):
        along = bool(rng.integers(2))
        planted, size = plant(case, r, along=along, rng=rng)
        if size is None:
            continue
        report = judged(planted, n, confidence=confidence)
        argument = report[0]
        if not argument.error.relative or argument.smallest_error > r / 3:
            continue  # below what this point can resolve
        total += 1
        inside += size in argument.error
        if argument.smallest_error < r / 100:
            assert argument.error.high <= 36 * argument.error.low
    assert total > (50 if exponent < 7 else 20)
    assert total - inside <= most(1 - confidence, total)


def plant(case: Case, r, *, along, rng):
    """Return the case with the first gradient wrong by a relative error r, along itself or at random, and that error.

    The error is measured as the report measures it, entry by entry in the argument's scale; where that is one number
    for the whole argument it drops out. Others are left out (None).
    """
    x = np.asarray(case.args[0], dtype=np.float64)
    if not isinstance(scale_of(x).value, float):
        return case, None
    true = case.gradient(*case.args)[0]
    norm = float(np.linalg.norm(true))
    if norm == 0 or x.size == 0:
        return case, None
    error = true if along else rng.standard_normal(true.shape)
    error = error * (r * norm / float(np.linalg.norm(error)))

    def gradient(*args):
        first, *others = case.gradient(*args)
        return (first + error, *others)

    return case._replace(gradient=gradient), r


def test_every_function_of_the_zoo_is_drawn_and_there_are_thirty():
    assert len(EVERY) >= 30
    assert {case.name for case in cases(EVERY, QUICK, seed=20)} == set(EVERY)


def test_the_counts_would_see_bounds_that_are_too_small():
    """The tester is tested: with every bound a tenth of itself, the same counts fail."""
    slopes = missed = 0
    for n, case in enumerate(cases(SMOOTH, 3, seed=24)):
        for argument in judged(noisy(case, 1e-6, np.random.default_rng(n)), n):
            for p in argument.probes:
                slopes += 1
                missed += not abs(p.claimed - p.slope.value) <= p.slope.error / 30
    assert missed > most(1e-3, slopes)
