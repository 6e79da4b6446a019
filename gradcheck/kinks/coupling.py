"""Whole claims that show what was found block by block.

With each block's weights laid end to end on [0, 1], one whole claim stands for each stretch in which no block changes
over (a comonotone coupling). It is asked for at a move that is mixed from those of the blocks' own claims; where it is
not the mixture of these, the blocks depend on one another. Where all are, their combination is the proof, whatever led
to the blocks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.blocks import labelled, proposed, unlike
from gradcheck.kinks.packed import parts
from gradcheck.kinks.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.parts import Alike

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]
    Picked = NDArray[np.int16]

MOST_WHOLE = 24  # whole claims to ask for
SAME = 1e-13  # weights are sums of a few numbers of at most 1


@dataclass(frozen=True)
class Coupled:
    """Weights of whole claims, and what is left of the claim on trial; or entries whose blocks depend on others.

    Where more whole claims were needed than may be asked for, both are None, and `most` are the weights of the block
    that has most of them.
    """

    weights: Array | None = None
    off: float = 0.0
    refuted: NDArray[np.bool_] | None = None
    most: Array | None = None

    def shows(self, near: Neighbourhood) -> bool:
        """Tell whether the whole claims give the claim on trial."""
        return self.weights is not None and self.off <= 2 * near.tolerance


def coupled(near: Neighbourhood, divided: Parts) -> Coupled:
    """Ask for the whole claims that the blocks' weights make up."""
    alike = _alike(near)
    top, bottom, share = _of_single_entries(near, divided.alone)
    share /= alike  # in place: as large as the argument
    np.round(share, out=share)
    share *= alike
    np.clip(share, 0, 1, out=share)
    levels = _levels(near, share, divided.groups, alike)
    if levels is None:
        shared = np.flatnonzero((share > 0) & (share < 1))[:1]  # of an entry alone: of two claims
        one = [np.array([share[place], 1 - share[place]]) for place in shared]
        return Coupled(most=max([*(group.most_weights(near) for group in divided.groups), *one], key=len))
    weights, rest = np.diff(levels), np.zeros(0)
    middles = (levels[1:] + levels[:-1]) / 2
    level = np.searchsorted(middles, share, side="left").astype(np.int16)  # how many of them are below it
    del share
    small: type[np.int8 | np.int16] = np.int8 if len(near.claims) < 2**7 - MOST_WHOLE else np.int16  # of 600 at most
    for k, (weight, middle) in enumerate(zip(weights, middles, strict=True)):
        pick: NDArray[np.signedinteger[Any]] = np.zeros(near.here.size, dtype=small)
        for part in parts(len(level)):
            pick[divided.alone[part]] = np.where(level[part] > k, top[part], bottom[part])
        for group in divided.groups:
            for rows in group.every():
                below = (_laid(group, rows, alike) < middle).sum(axis=1)
                last = (group.used[rows] >= 0).sum(axis=1) - 1
                pick[group.entries[rows]] = group.used[rows, np.minimum(below, last)][:, None]
        claim = near.ask_mixed(pick, keep=near.may_keep)
        bad = unlike(near, pick, claim)
        if bad.any():
            return Coupled(refuted=bad)
        rest = rest if len(rest) else np.array(near.here[:])
        for part in near.parts:
            rest[part] -= weight * claim[part]
        del claim
    return Coupled(weights, float(max(np.max(np.abs(rest[part])) for part in near.parts)))


def _laid(group: Alike, rows: Entries, alike: float) -> Array:
    """Return where the weights of some blocks end if they are laid end to end on [0, 1]."""
    weights = group.weights[rows]
    return np.asarray(np.round(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True) / alike) * alike)


def _levels(near: Neighbourhood, share: Array, groups: Sequence[Alike], alike: float) -> Array | None:
    """Weigh the blocks; return where some block changes over, from 0 on, and 1; None if more than may be asked for."""
    if any(group.most_used > MOST_WHOLE for group in groups):  # their weights would be as large as the argument
        return None
    for group in groups:
        group.weigh(near)
    ends = np.array([0.0, 1.0])

    def merged(more: Array) -> Array:
        found = np.sort(np.concatenate([ends, np.unique(more).clip(0, 1)]))
        return np.append(found[:-1][np.diff(found) > SAME], 1.0)

    shares = (share[part] for part in parts(len(share)))
    laid = (_laid(group, rows, alike) for group in groups for rows in group.every())
    for more in itertools.chain(shares, laid):
        ends = merged(more)
        if len(ends) - 1 > MOST_WHOLE:
            return None
    return ends


def _alike(near: Neighbourhood) -> float:
    """Return by how much weights may differ that drift and round-off do not tell apart."""
    return near.tolerance / (4 * max(near.spread, near.tolerance))


def _of_single_entries(near: Neighbourhood, alone: Entries) -> tuple[Picked, Picked, Array]:
    """Return which samples have the largest and the smallest value of each entry, and the share of the larger one."""
    top, bottom = np.zeros(len(alone), dtype=np.int16), np.zeros(len(alone), dtype=np.int16)
    share = np.ones(len(alone))
    for part in parts(len(alone)):
        mine = alone[part]
        high = low = near.claim(0, mine)
        for k in range(len(near.claims)):
            values = near.claim(k, mine)
            top[part][values > high] = k
            bottom[part][values < low] = k
            high, low = np.maximum(high, values), np.minimum(low, values)
        gap = high - low
        np.divide(near.here[mine] - low, gap, out=share[part], where=gap > near.tolerance)
    return top, bottom, share


@dataclass(frozen=True)
class Guess:
    """What was found in blocks that nothing had shown to be any.

    Attributes
    ----------
    weights : array or None
        Of the whole claims that were asked for.
    labels : array or None
        Which entries bend together, where several do.
    joined : array of bool or None
        Entries that are no blocks of their own, where that was seen.

    """

    weights: Array | None = None
    labels: Entries | None = None
    joined: NDArray[np.bool_] | None = None


def guessed(near: Neighbourhood) -> Guess:
    """Try blocks along the argument's axes in which the claim's part is in the hull of what is known already.

    The whole claims that this makes up are asked for. They are the proof, whether these are blocks or not.
    """
    for k in range(len(near.claims)):
        if near.is_here(k) and near.off_ties(k):
            return Guess(np.ones(1))
    joined = None
    for axes in itertools.chain([None], proposed(near)):  # single entries first
        if axes == ():  # all entries are one block
            continue
        divided = Parts(near, None if axes is None else labelled(near, axes))
        if not divided.within(near):
            continue
        found = coupled(near, divided)
        if found.shows(near):
            return Guess(found.weights, None if axes is None else labelled(near, axes), joined)
        if axes is None:
            joined = found.refuted
    return Guess(joined=joined)
