"""Where a result is wrong, in a kernel author's words: blocks, columns, heads, what a mask hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCKS = (2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2)
SMALLEST_BLOCK = 8  # that a part is said to be all but the last of
MOSTLY = 0.5  # of the entries of a slice that is wrong as a whole, at least this share is
CHANCE = 8  # of a row: so many of its first entries may agree by chance, where the rest is wrong
TAIL = 0.75  # of the entries from an offset on are wrong: some agree by chance
STANDS_OUT = 8.0  # entries count as wrong beyond this many yardsticks
SHARE = 0.02  # or beyond this share of the largest error


@dataclass(frozen=True)
class Place:
    """Where.

    Attributes
    ----------
    text : str
        In words; empty where the wrong entries have no pattern.
    where : tuple or None
        An index, None for a whole axis; None where it is no such slice.
    block : int or None
        The block size that explains it.
    scattered : bool
        Whether no pattern was found.
    """

    text: str
    where: tuple[int | None, ...] | None = None
    block: int | None = None
    scattered: bool = False


def wrong_entries(ratio: NDArray[np.float64], error: NDArray[np.float64], share: float = SHARE) -> NDArray[np.bool_]:
    """Return which entries are wrong: far beyond their yardstick, and no dwarf beside the largest error."""
    bad = (ratio > STANDS_OUT) & (error > share * np.max(error, initial=0.0))
    if not bad.any():
        bad = ratio > np.max(ratio, initial=0.0) / 2
    return bad


def find(bad: NDArray[np.bool_], truth_zero: NDArray[np.bool_] | None = None) -> Place:
    """Return the place of the wrong entries of an array.

    Parameters
    ----------
    bad : ndarray of bool
        Which entries are wrong, in the result's shape.
    truth_zero : ndarray of bool, optional
        Which entries the truth has exactly zero: a mask hides them.
    """
    shape = bad.shape
    count = int(bad.sum())
    if bad.size <= 1 or count == 0:
        return Place("")
    if count == 1:
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        return Place(f"one entry is wrong: {list(index)}", index)
    if truth_zero is not None and 0 < truth_zero.sum() < bad.size and not (bad & ~truth_zero).any():
        return Place(f"at {count} of the {int(truth_zero.sum())} entries that are zero in truth: a mask is not applied")
    if (exact := _box(bad, 1.0)) is not None and exact.block is not None:
        return exact
    if count >= 0.9 * bad.size or (
        count >= 0.3 * bad.size and all(len(_slices(bad, axis)) == n for axis, n in enumerate(shape))
    ):
        return Place(
            "everywhere" if count >= MOSTLY * bad.size else f"at {count} of {bad.size} entries, spread over all"
        )
    return (
        _offset(bad)
        or _box(bad, 0.9)
        or _triangle(bad)
        or _box(bad, MOSTLY)
        or Place(f"at {count} of {bad.size} entries, with no pattern of rows, columns or blocks", scattered=True)
    )


def _offset(bad: NDArray[np.bool_]) -> Place | None:
    """Return the place where all is wrong from one entry on, in the order of memory; None where it is not so."""
    flat = bad.ravel()
    offset = int(np.argmax(flat))
    if bad.ndim < 2 or flat[offset:].mean() < TAIL:
        return None
    if offset % bad.shape[-1] <= bad.shape[-1] // CHANCE:  # a row of which the first entries agree by chance
        return None
    at = tuple(int(i) for i in np.unravel_index(offset, bad.shape))
    return Place(f"from the flat offset {offset} on, entry {list(at)}: an offset overflows, or a grid is too small")


def _slices(bad: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """Return which slices along an axis hold wrong entries."""
    others = tuple(k for k in range(bad.ndim) if k != axis)
    return np.flatnonzero(bad.any(axis=others))


def _box(bad: NDArray[np.bool_], filled: float) -> Place | None:
    """Return the place as a product of index sets, one for each axis; None if wrong entries fill less of it."""
    chosen = [_slices(bad, axis) for axis in range(bad.ndim)]
    if bad[np.ix_(*chosen)].mean() < filled:
        return None
    words: list[str] = []
    where: list[int | None] = []
    block = None
    for axis, (indices, n) in enumerate(zip(chosen, bad.shape, strict=True)):
        text, b = along(indices, n, axis, bad.ndim)
        scattered = text.endswith("the first")  # no pattern along this axis
        whole = len(indices) == n or (len(indices) >= 0.9 * n and b is None)
        if whole or (scattered and len(indices) >= MOSTLY * n):
            where.append(None)
            continue
        words.append(text)
        block = block or b
        where.append(int(indices[0]) if len(indices) == 1 else -1)
    if not words:
        return None
    plain = None if -1 in where else tuple(where)
    return Place(" and ".join(words), plain, block)


def along(indices: NDArray[np.int64], n: int, axis: int, ndim: int) -> tuple[str, int | None]:
    """Return what a set of indices along an axis of length n is, and the block size that explains it."""
    one, many = _words(axis, ndim)
    first, last = int(indices[0]), int(indices[-1])
    if len(indices) == 1:
        end = " (the last)" if first == n - 1 and n > 2 else ""
        return f"{one} {first}{end}", None
    steps = np.diff(indices)
    if (steps == 1).all():
        return _run(first, last + 1, n, one, many)
    if (steps == steps[0]).all() and len(indices) >= 3:
        period = int(steps[0])
        return f"every {_ordinal(period)} {one} from {first} on", period
    phases = _phases(indices, n)
    if phases is not None:
        period, start, length = phases
        return f"{many} {start} to {start + length - 1} of every {period}", period
    return f"{len(indices)} of {n} {many}, {first} the first", None


def _run(first: int, stop: int, n: int, one: str, many: str) -> tuple[str, int | None]:
    """Return what a range of indices is: the last partial block, one block, a half."""
    if stop == n and first > 0:
        for b in BLOCKS:
            if first % b == 0 and n - first <= b:
                partial = f"the last, partial block of {b}" if n - first < b else f"the last block of {b}"
                return f"from {one} {first} on: {partial}", b
        return f"from {one} {first} on", None
    length = stop - first
    for b in BLOCKS:
        if length == b and first % b == 0:
            return f"{many} {first} to {stop - 1}: block {first // b} of {b}", b
    if first == 0 and length in BLOCKS:
        return f"{many} 0 to {stop - 1}: the first block of {length}", length
    if first == 0:
        for b in (b for b in BLOCKS if b >= SMALLEST_BLOCK):
            if stop % b == 0 and n - stop <= b:
                return f"{many} 0 to {stop - 1}: all but the last block of {b}", b
    return f"{many} {first} to {stop - 1}", None


def _phases(indices: NDArray[np.int64], n: int) -> tuple[int, int, int] | None:
    """Return (period, start, length) where the indices are one run in every period."""
    for period in sorted(b for b in BLOCKS if 2 * b <= n):
        inside = np.unique(indices % period)
        if len(inside) < period and (np.diff(inside) == 1).all():
            expected = sum(1 for i in range(n) if i % period in set(inside.tolist()))
            if len(indices) >= 0.9 * expected:
                return period, int(inside[0]), len(inside)
    return None


def _triangle(bad: NDArray[np.bool_]) -> Place | None:
    """Return the place where all wrong entries lie on one side of the diagonal of the last two axes."""
    if bad.ndim < 2 or min(bad.shape[-2:]) < 3:
        return None
    any_of = np.asarray(bad.reshape(-1, *bad.shape[-2:]).any(axis=0))
    rows, columns = np.nonzero(any_of)
    i, j = np.indices(any_of.shape)
    if any_of[j > i].mean() < 0.3 and any_of[j < i].mean() < 0.3:
        return None
    if (columns > rows).all():
        return Place("above the diagonal: what a causal mask hides")
    return Place("below the diagonal") if (columns < rows).all() else None


def _words(axis: int, ndim: int) -> tuple[str, str]:
    if ndim == 1:
        return "entry", "entries"
    if axis == ndim - 1:
        return "column", "columns"
    if axis == ndim - 2:
        return "row", "rows"
    if ndim >= 4 and axis == ndim - 3:
        return "head", "heads"
    return f"slice of axis {axis},", f"slices of axis {axis},"


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")
