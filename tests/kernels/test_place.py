"""Where a kernel is wrong, in its author's words."""

import numpy as np
import pytest

from gradcheck.kernels.place import find


def mask(shape, *index):
    bad = np.zeros(shape, dtype=bool)
    bad[index] = True
    return bad


CASES = [
    (mask((20, 100), slice(None), slice(96, None)), "from column 96 on: the last, partial block of 32", 32),
    (mask((20, 128), slice(None), slice(64, 96)), "columns 64 to 95: block 2 of 32", 32),
    (mask((20, 128), slice(None), slice(3, None, 4)), "every 4th column from 3 on", 4),
    (mask((20, 100), 7), "row 7", None),
    (mask((2, 4, 16, 8), slice(None), 2), "head 2", None),
    (mask((64, 10), slice(48, None)), "from row 48 on: the last block of 16", 16),
    (mask((30,), slice(16, None)), "from entry 16 on: the last, partial block of 16", 16),
    (mask((9, 9), 4, 5), "one entry is wrong: [4, 5]", None),
    (np.triu(np.ones((12, 12), dtype=bool), 1), "above the diagonal: what a causal mask hides", None),
    (np.ones((5, 6), dtype=bool), "everywhere", None),
]


@pytest.mark.parametrize(("bad", "text", "block"), CASES)
def test_a_place_is_named(bad, text, block):
    found = find(bad)
    assert text in found.text
    assert found.block == block


def test_entries_that_a_mask_should_hide_are_named():
    truth_zero = mask((8, 8), slice(None), slice(5, None))
    bad = mask((8, 8), slice(None), 6)
    assert "a mask is not applied" in find(bad, truth_zero).text


def test_an_offset_that_overflows_is_named():
    bad = np.zeros(1000, dtype=bool).reshape(10, 100)
    bad.ravel()[537:] = True
    assert "from the flat offset 537 on" in find(bad).text


def test_all_but_the_last_block_is_said_so():
    bad = np.ones((20, 100), dtype=bool)
    bad[:, 96:] = False
    assert find(bad).text == "columns 0 to 95: all but the last block of 32"


def test_a_slice_whose_first_entries_agree_by_chance_is_no_offset():
    bad = np.zeros((6, 4, 33, 16), dtype=bool)
    bad[5] = True
    bad[5, 0, 0, :2] = False
    assert "slice of axis 0, 5 (the last)" in find(bad).text
