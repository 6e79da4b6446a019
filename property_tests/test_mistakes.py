"""Laws of the table: what is planted is caught and named, and no other name stands alone."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import gradcheck as gc
from gradcheck.mistakes import TABLE, Case, changes, factors

shapes = st.lists(st.integers(2, 5), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**16)


def problem(shape, seed):
    """Return (w, f, its gradient): Σ c·sin(w), its entries without any symmetry."""
    rng = np.random.default_rng(seed)
    w, c = rng.standard_normal(shape), rng.standard_normal(shape)
    return w, lambda w: np.sum(c * np.sin(w)), lambda w: c * np.cos(w)


@given(shapes, seeds, st.data())
def test_a_planted_mistake_is_caught_and_named(shape, seed, data):
    w, f, gradient = problem(shape, seed)
    assume(w.size >= 4)  # of fewer entries, several mistakes are the same
    dimensions = {n: (f"w.shape[{k}]",) for k, n in enumerate(shape)}
    case = Case(gradient(w), w, dimensions=dimensions)
    mistake = data.draw(st.sampled_from([m for m in TABLE.values() if m.plant]), label="mistake")
    planted = list(changes(mistake, mistake.plant, case))
    assume(planted)
    change = data.draw(st.sampled_from(planted), label="planted")

    def wrong(w):
        g = change.factor * (gradient(w) if change.array is None else change.array)
        return g if change.along is None else g + change.multiple * change.along

    argument = gc.check(f, wrong, (w,), seed=seed)[0]
    assert argument.verdict is gc.Verdict.FAIL
    assert change.name in argument.mistakes


@given(st.floats(-3, 3).map(lambda p: 10**p), st.booleans(), shapes, seeds)
def test_a_constant_factor_is_named_with_its_value(size, negative, shape, seed):
    factor = -size if negative else size
    assume(abs(factor - 1) > 1e-4)
    w, f, gradient = problem(shape, seed)
    assume(w.size >= 3)
    argument = gc.check(f, lambda w: factor * gradient(w), (w,), seed=seed)[0]
    assert any("factor" in name or name == "sign flipped" for name in argument.mistakes)
    assert "x the true gradient" in argument.advice


@given(st.integers(3, 50), st.integers(3, 50))
def test_a_dimension_or_a_product_of_two_is_named_as_such(a, b):
    dimensions = {a: ("x.shape[0]",), b: ("x.shape[1]",)}
    for n in (a, b, a * b):
        near = (n * (1 - 1e-9), n * (1 + 1e-9))
        (name, *_) = factors.names_of(*near, dimensions)
        assert name.value == n
        assert "mean instead of sum over" in name.name
        (name, *_) = factors.names_of(1 / near[1], 1 / near[0], dimensions)
        assert math.isclose(name.value, 1 / n)
        assert "sum instead of mean over" in name.name


@given(shapes, seeds)
def test_noise_in_every_entry_has_no_name(shape, seed):
    w, f, gradient = problem(shape, seed)
    assume(w.size >= 3)
    error = np.random.default_rng(seed + 1).standard_normal(shape)
    assert gc.check(f, lambda w: gradient(w) + error, (w,), seed=seed)[0].mistakes == ()
