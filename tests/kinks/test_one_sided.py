"""One-sided slopes from values at steps that leave the point out."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.kinks import one_sided
from gradcheck.kinks.separation import Separation

STEPS = [2.0**-k for k in range(3, 12)]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_the_slope_of_a_polynomial_through_the_values_is_exact(count):
    rng = np.random.default_rng(count)
    steps = STEPS[:count]
    coefficients = rng.standard_normal(count)
    values = [sum(c * h**k for k, c in enumerate(coefficients)) for h in steps]
    weights = one_sided._slope_at_zero(steps)
    assert np.dot(weights, values) == pytest.approx(coefficients[1])
    assert sum(weights) == pytest.approx(0, abs=1e-9 * sum(map(abs, weights)))


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-8])
@pytest.mark.parametrize("jump", [0.0, 3.0])
def test_the_slope_is_within_its_error_which_noise_widens(noise, jump):
    rng = np.random.default_rng(0)
    points = [(h, jump + math.exp(2 * h) + noise * rng.uniform(-1, 1)) for h in STEPS]
    found = one_sided._extrapolated(points, noise)
    assert abs(found.value - 2) <= found.error
    assert found.error <= 1e-6 + 1e4 * noise
    assert found.error >= noise


def test_two_values_show_no_error():
    assert one_sided._extrapolated([(h, h) for h in STEPS[:2]], 0.0) is None
    assert one_sided._extrapolated([(h, h) for h in STEPS[:3]], 0.0) is not None


def test_a_kink_between_the_steps_is_not_looked_past():
    """Finer steps have another slope than coarse ones: what is said holds for the finer ones, or nothing is."""
    points = [(h, 2 * h + 5 * max(h - 2.0**-8, 0)) for h in STEPS]
    found = one_sided._extrapolated(points, 1e-12)
    assert found is None or abs(found.value - 2) <= found.error


def slope_of(phi, exponents, noise=1e-14):
    levels = [
        SimpleNamespace(step=2.0**k, plus=phi(2.0**k), minus=phi(-(2.0**k)), noise=noise / 2.0**k) for k in exponents
    ]
    return SimpleNamespace(levels=levels)


def test_the_sides_are_told_apart_and_steps_are_not_asked_for_twice():
    asked = []

    def phi(t):
        asked.append(t)
        return math.sin(3 * t) if t > 0 else 5 * t + t * t

    slope = slope_of(phi, (-7, -8, -9))
    asked.clear()
    right, left = one_sided.sides(slope, phi, -14)
    assert right.value == pytest.approx(3, abs=1e-6)
    assert left.value == pytest.approx(5, abs=1e-6)
    assert abs(right.value - 3) <= right.error
    assert abs(left.value - 5) <= left.error
    assert sorted(set(map(abs, asked))) == [2.0**-14, 2.0**-11]
    assert len(asked) == 4


def test_a_side_outside_the_domain_has_no_slope():
    def phi(t):
        return 2 * t if t > 0 else math.nan

    right, left = one_sided.sides(slope_of(phi, (-7, -9)), phi, -22)
    assert right.value == pytest.approx(2)
    assert left is None
    assert one_sided.sides(SimpleNamespace(levels=[]), phi, -22) == (None, None)


def test_steps_off_the_range_are_not_used():
    """At 2^-3 φ has bent already, at 2^-30 it is noise."""

    def phi(t):
        return 100.0 if abs(t) > 2.0**-5 else -100.0 if abs(t) < 2.0**-25 else 2 * t

    right, _ = one_sided.sides(slope_of(phi, (-3, -7, -9, -30)), phi, -22)
    assert right.value == pytest.approx(2)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("convex", "f rises by 1.5"),
        ("flat", "f rises by 1.5"),
        ("concave", "no slope of f next to the point exceeds 1.5"),
        ("bound", "no slope of f next to the point exceeds 1.5"),
    ],
)
def test_what_f_does_along_the_proof(kind, said):
    assert Separation(np.ones(2), 3.0, 1.5, kind).said(1.5) == said
