"""Joint rounds, counted: many arguments of many sizes and scales, whose gradients are right or wrong by a known error.

One statement bounds all arguments of a round at once, so coverage is counted by *checks*: a check is missed if the
error of any of its joint arguments lies outside its interval.
"""

import zlib

import numpy as np
import pytest
from scipy.stats import binom

import gradcheck as gc

QUICK, THOROUGH = 8, 500  # checks of each class
DIGITS = ("smooth", "kinks")  # whose f has all its digits: in the others most arguments are settled one by one
COUNTS = (1, 2, 3, 8, 30, 80, 200)

# of x and w alike in shape: the value, and its derivative in x; arguments of size 1
PARTS = {
    "sine": (lambda x, w: w * np.sin(x), lambda x, w: w * np.cos(x)),
    "square": (lambda x, w: w * x**2, lambda x, w: 2 * w * x),
    "exponential": (lambda x, w: w * np.exp(x / 2), lambda x, w: w * np.exp(x / 2) / 2),
    "logarithm": (lambda x, w: w * np.log1p(x**2), lambda x, w: w * 2 * x / (1 + x**2)),
    "linear": (lambda x, w: w * x, lambda x, w: w + 0 * x),
}
HINGE = (lambda x, w: w * np.maximum(x, 0), lambda x, w: w * (x > 0))


class Many:
    """f(x_1, ..., x_n) = Σ_i c_i·Σ h_i(x_i/s_i) + tanh of all of them: a sum of arguments of any size and scale."""

    def __init__(self, rng, *, kinks=False, entries=10**4, most=200):
        self.count = int(rng.choice([n for n in COUNTS if n <= most]))
        sizes = np.ceil(10 ** rng.uniform(0, 5, self.count)).astype(int)
        while np.sum(sizes) > entries + self.count:
            sizes = np.maximum(sizes // 4, 1)
        spread = rng.choice([0, 1, 9])  # decades of the arguments' scales
        self.scales = 10 ** rng.uniform(-spread, spread, self.count)
        self.shares = 10 ** rng.uniform(-rng.choice([0, 2, 5]), 0, self.count) / np.sqrt(sizes)
        self.args = tuple(s * rng.standard_normal(n) for s, n in zip(self.scales, sizes, strict=True))
        self.weights = [rng.uniform(0.5, 2, n) * rng.choice([-1, 1], n) for n in sizes]
        names = list(PARTS)
        self.parts = [PARTS[names[k]] for k in rng.integers(len(names), size=self.count)]
        if kinks:
            for i in rng.choice(self.count, size=int(rng.integers(1, min(self.count, 3) + 1)), replace=False):
                self.parts[i] = HINGE
                self.args[i][: int(rng.integers(1, sizes[i] + 1))] = 0

    def f(self, *args):
        rows = zip(args, self.parts, self.weights, self.scales, self.shares, strict=True)
        total = sum(c * float(np.sum(part[0](x / s, w))) for x, part, w, s, c in rows)
        return total + np.tanh(total / 4)

    def gradient(self, *args):
        rows = list(zip(args, self.parts, self.weights, self.scales, self.shares, strict=True))
        total = sum(c * float(np.sum(part[0](x / s, w))) for x, part, w, s, c in rows)
        outer = 1 + (1 - np.tanh(total / 4) ** 2) / 4
        return [outer * c * part[1](x / s, w) / s for x, part, w, s, c in rows]


def rounded(f, quantum, point):
    step = quantum * (abs(f(*point)) or 1.0)
    return lambda *args: np.round(f(*args) / step) * step


def with_noise(f, level, rng):
    return lambda *args: f(*args) * (1 + level * rng.standard_normal())


def with_fixed_noise(f, level):
    def noisy(*args):
        seed = zlib.crc32(b"".join(np.ascontiguousarray(x).tobytes() for x in args))
        return f(*args) * (1 + level * np.random.default_rng(seed).standard_normal())

    return noisy


CLASSES = {
    "smooth": lambda many, _: many.f,
    "kinks": lambda many, _: many.f,
    "quantised": lambda many, rng: rounded(many.f, 10.0 ** rng.uniform(-12, -3), many.args),
    "noise 1e-10": lambda many, rng: with_noise(many.f, 1e-10, rng),
    "noise 1e-5": lambda many, _: with_fixed_noise(many.f, 1e-5),
    "noise 1e-3": lambda many, rng: with_noise(many.f, 1e-3, rng),
}


def most(probability, draws):
    """The count of events of at most this probability that chance exceeds once in ten thousand runs."""
    return int(binom.ppf(1 - 1e-4, draws, probability))


def assert_no_right_gradient_fails(kind, checks, seed, **size):
    rng = np.random.default_rng([seed, list(CLASSES).index(kind)])
    arguments = passed = 0
    for n in range(checks):
        many = Many(rng, kinks=kind == "kinks", **size)
        with np.errstate(all="ignore"):
            report = gc.check(CLASSES[kind](many, rng), many.gradient, many.args, seed=n)
        assert not [str(a) for a in report if a.verdict is gc.Verdict.FAIL], (n, many.count)
        arguments += len(report)
        passed += sum(a.verdict is gc.Verdict.PASS for a in report)
    print(f"{kind}: {passed} of {arguments} arguments PASS in {checks} checks, none FAIL")  # noqa: T201  for -s
    if kind in DIGITS:
        assert passed > 0.8 * arguments


@pytest.mark.parametrize("kind", CLASSES)
def test_no_right_gradient_fails_among_many(kind):
    assert_no_right_gradient_fails(kind, QUICK, seed=30, most=200 if kind in DIGITS else 8)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", CLASSES)
def test_so_it_is_among_a_thousand_checks(kind):
    size = {"entries": 2 * 10**5} if kind in DIGITS else {"entries": 2 * 10**4, "most": 80}
    assert_no_right_gradient_fails(kind, THOROUGH, seed=31, **size)


def count_missed(checks, confidence, seed):
    """Plant errors in some arguments; return how many checks were missed, of how many, and FAILs of right ones."""
    rng = np.random.default_rng(seed)
    missed = total = wrong_fails = 0
    for n in range(checks):
        many = Many(rng)
        sizes = np.where(rng.random(many.count) < rng.choice([0.02, 0.3, 1]), 10 ** rng.uniform(-9, -1), 0.0)
        signs = rng.choice([-1, 1], many.count)

        def claimed(*args, many=many, sizes=sizes, signs=signs):
            return [(1 + r * s) * g for g, r, s in zip(many.gradient(*args), sizes, signs, strict=True)]

        with np.errstate(all="ignore"):
            report = gc.check(many.f, claimed, many.args, seed=n, confidence=confidence)
        joint = [(a, r) for a, r in zip(report, sizes, strict=True) if a.probes and a.probes[0].moved > 1]
        wrong_fails += sum(a.verdict is gc.Verdict.FAIL and r == 0 for a, r in zip(report, sizes, strict=True))
        if joint:
            total += 1
            missed += any(a.error.relative and not r <= a.error.high for a, r in joint)
    return missed, total, wrong_fails


@pytest.mark.thorough
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_the_bounds_of_all_joint_arguments_hold_at_once_as_often_as_stated(confidence):
    missed, total, wrong_fails = count_missed(THOROUGH, confidence, seed=33)
    assert total > 20
    assert missed <= most(1 - confidence, total)
    assert wrong_fails == 0
