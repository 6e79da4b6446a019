"""Inputs that provoke kernels."""

import numpy as np
import pytest
from hypothesis import find
from hypothesis.errors import NoSuchExample

from gradcheck import strategies
from gradcheck.errors import ArgumentError
from gradcheck.strategies.kernel_inputs import KINDS, provoking_values


@pytest.mark.parametrize("size", [1, 31, 32, 33, 67])
def test_straddling_draws_sizes_on_both_sides_of_a_block(size):
    assert find(strategies.straddling(32), lambda n: n == size) == size


@pytest.mark.parametrize("size", [0, 2, 30, 34, 64, 66, 68])
def test_straddling_draws_no_other_size(size):
    with pytest.raises(NoSuchExample):
        find(strategies.straddling(32), lambda n: n == size)


@pytest.mark.parametrize("block", [1, 0, "32", True])
def test_straddling_wants_a_block(block):
    with pytest.raises(ArgumentError, match="block is"):
        strategies.straddling(block)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 7), (6,), (), (2, 3, 4)])
def test_every_kind_has_finite_values_of_the_shape(kind, shape):
    values = provoking_values(shape, kind, np.random.default_rng(0))
    assert values.shape == shape
    assert np.isfinite(values).all()


def one_value(rows):
    return np.all(rows == rows[..., :1], axis=-1)


# What each kind is, of which normal numbers are nothing.
PROVOKES = {
    "normal": lambda x: abs(x.mean()) < 0.1 and abs(x.std() - 1) < 0.1,
    "heavy tails": lambda x: 0 < np.mean(np.any(np.abs(x) > 8, axis=-1)) < 1,
    "one-hot rows": lambda x: np.all(np.sum(x == 16, axis=-1) == 1) and np.any(x.argmax(-1) != x.argmax(-1)[0]),
    "constant rows": lambda x: np.any(one_value(x)) and not np.all(one_value(x)) and np.all(np.any(x, axis=-1)),
    "zero rows": lambda x: np.any(~np.any(x, axis=-1)) and np.any(np.all(x, axis=-1)),
    "large offset": lambda x: x.min() > 3 and abs(x.mean() - 8) < 0.1,
    "small": lambda x: 0 < np.max(np.abs(x)) < 0.1,
    "sums not 1": lambda x: 0.1 <= x.min() < 0.2 and np.all(x.sum(-1) > 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_what_it_says_and_no_other(kind):
    x = provoking_values((100, 50), kind, np.random.default_rng(0))
    assert [name for name, is_so in PROVOKES.items() if is_so(x)] == [kind]


def test_a_scalar_is_a_normal_number():
    drawn = [provoking_values((), kind, np.random.default_rng(0)) for kind in KINDS]
    assert len(set(map(float, drawn))) == 1
    assert drawn[0] != 0


def test_provoking_draws_rows_of_zeros():
    found = find(strategies.provoking((4, 3)), lambda x: not x.any(axis=1).all())
    assert (found == 0).all(axis=1).any()
