"""Laws of the place: over drawn shapes, scales, places and sizes of the error."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import gradcheck as gc

shapes = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)
seeds = st.integers(0, 2**16)
sizes = st.floats(-3, 1).map(lambda power: 10**power)  # of the error, relative to the gradient's entries


def located(shape, seed, error):
    """Return the report on Σ c·sin(w) at a drawn point, its claim wrong by `error`."""
    rng = np.random.default_rng(seed)
    w, c = rng.standard_normal(shape), rng.standard_normal(shape)
    return gc.check(lambda w: np.sum(c * np.sin(w)), lambda w: c * np.cos(w) + error, (w,), seed=seed)[0]


def an_index(data, shape, label):
    return tuple(data.draw(st.tuples(*(st.integers(0, n - 1) for n in shape)), label=label))


@given(shapes, seeds, sizes, st.data())
def test_one_wrong_entry_is_found_exactly_wherever_it_is(shape, seed, size, data):
    index = an_index(data, shape, "index")
    error = np.zeros(shape)
    error[index] = size
    argument = located(shape, seed, error)
    assert argument.where == index
    assert argument.worst[0].index == index


@given(shapes, seeds, sizes, st.data())
def test_one_wrong_slice_is_found_exactly(shape, seed, size, data):
    axis = data.draw(st.integers(0, len(shape) - 1), label="axis")
    assume(shape[axis] > 1 and math.prod(shape) // shape[axis] >= 3)
    i = data.draw(st.integers(0, shape[axis] - 1), label="i")
    error = np.zeros(shape)
    place = tuple(i if k == axis else slice(None) for k in range(len(shape)))
    rng = np.random.default_rng(seed + 1)
    error[place] = size * rng.uniform(0.5, 2, error[place].shape) * rng.choice([-1, 1], error[place].shape)
    assert located(shape, seed, error).where == tuple(i if k == axis else None for k in range(len(shape)))


@given(shapes, seeds, sizes, st.sampled_from([1.0, -1.0, 0.5]), st.data())
def test_two_wrong_entries_are_never_called_a_larger_slice(shape, seed, size, ratio, data):
    one, two = an_index(data, shape, "one"), an_index(data, shape, "two")
    assume(one != two)
    error = np.zeros(shape)
    error[one], error[two] = size, ratio * size
    where = located(shape, seed, error).where
    if where is not None:
        assert math.prod(n for n, i in zip(shape, where, strict=True) if i is None) == 2
