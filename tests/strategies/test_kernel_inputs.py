"""Inputs that provoke kernels."""

import numpy as np
import pytest
from hypothesis import find

from gradcheck import strategies
from gradcheck.errors import ArgumentError
from gradcheck.strategies.kernel_inputs import KINDS, provoking_values


@pytest.mark.parametrize("size", [1, 31, 32, 33, 67])
def test_straddling_draws_sizes_on_both_sides_of_a_block(size):
    assert find(strategies.straddling(32), lambda n: n == size) == size


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


def test_provoking_draws_rows_of_zeros():
    found = find(strategies.provoking((4, 3)), lambda x: not x.any(axis=1).all())
    assert (found == 0).all(axis=1).any()
