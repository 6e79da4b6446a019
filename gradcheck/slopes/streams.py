"""Random numbers that nothing else draws, each purpose apart from every other.

The slopes are a sample of normal numbers only if the directions have nothing to do with the claim's error, nor with
each other. Seeds padded with zeros, as NumPy pads them, make ``default_rng(0)`` and ``default_rng((0, 0, 0))`` one
stream; numbers chosen in several files for several purposes meet sooner or later. Here nothing is hashed or chosen:
Philox (J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is a cipher
of a counter of four words. The key is the seed beside a constant of our own. The counter's upper words are purpose,
argument and number, and the lowest one counts what is drawn; so two streams are equal only if all of these are.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

OURS = int.from_bytes(b"gradchec")  # eight bytes: a word
WORD = 2**64


class Purpose(enum.IntEnum):
    """What random numbers are for; every draw of the package names one of these."""

    DIRECTION = 1  # of an argument's own slopes, and of joint rounds: (argument, number)
    STRETCH = 2  # of an argument's own direction: (argument, number)
    SHARED_STRETCH = 3  # of a direction that several arguments share: (0, number)
    NOISE = 4  # the direction along which noise is measured: (argument, repeat)
    JITTER = 5  # entries moved by a unit of round-off: (argument, repeat)
    ELSEWHERE = 6  # another point at which the claim is called: (argument, 0)
    COTANGENT = 7  # of an output, with which an array-valued function becomes a scalar: (output, 0)
    TANGENT = 8  # with which a jvp is tested for linearity: (argument, 0)
    ENTRIES = 9  # entries of a wrong gradient that are measured: (argument, 0)
    NEARBY = 10  # points next to a kink: (argument, number)
    NAMED = 15  # points next to a kink whose variable is known: (argument, 0)
    BESIDE = 11  # a point beside a kink, where f is smooth: (argument, 0)
    LINE = 12  # the cotangents of a derivation's line: (line, 0)
    ZERO = 14  # the direction along which the scale of arguments that are zero is found: (argument, 0)
    EXACT = 13  # directions of the exact judge: (argument, 0)
    KERNEL_COTANGENT = 21  # of an output of a kernel: (output, 0)
    KERNEL_JITTER = 22  # inputs of a reference moved by a unit of round-off: (input, number)
    REFERENCE = 23  # directions along which a reference is certified: (input, number)
    TIES = 24  # the smallest moves, which break ties: (input, number)


def stream(seed: int, purpose: Purpose, argument: int = 0, number: int = 0) -> np.random.Generator:
    """Return the generator of one purpose, argument and number under a seed.

    Parameters
    ----------
    seed : int
        Of the check, 0 or more.
    purpose : Purpose
        What the numbers are for.
    argument, number : int
        Which of them, from 0 to 2^64 − 1.

    """
    counter = np.array([0, number, argument, purpose], dtype=np.uint64)
    key = _key(seed)
    return np.random.Generator(np.random.Philox(key, counter=counter))  # type: ignore[arg-type]  # any ISeedSequence


class _Key(ISeedSequence):
    """The two words of a key. Given as `key=`, Philox would ask the system for entropy first, which takes longer."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> NDArray[np.uint64]:
        """Return the words, the two 64-bit ones that Philox asks for."""
        del n_words, dtype
        return self._words


@lru_cache(maxsize=64)
def _key(seed: int) -> _Key:
    high, low = divmod(int(seed), WORD)  # a NumPy integer may be narrower than a word
    return _Key(np.array([low, (OURS + high) % WORD], dtype=np.uint64))
