"""Entries that bend together: blocks of the argument that say nothing of one another.

Where f is a sum of parts that share no entry, the claim in one block depends on the moves of that block alone, and a
claim made of a different nearby claim in each block is again a nearby claim. So the hull is the product of the blocks'
own hulls, and one claim asked for serves all blocks at once.

No block is guessed from what it looks like. Blocks are proposed along the axes of the argument, the finest first, and a
proposal must survive moves that are mixed from several known ones, block by block: there the claim must be mixed
alike. An entry that is not refutes its block.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.kinks.bends import grows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.scaled import Scaled

    Labels = NDArray[np.signedinteger[Any]]
    Picked = NDArray[np.integer[Any]]

MIXTURES = 8  # random ones, on top of the log₂ of the number of blocks
MANY = 0.25  # with more entries refuted than this a proposal is given up without looking further
RAISED = 8.0  # how far an entry is moved to see it change


def place(near: Neighbourhood, axis: int) -> Labels:
    """Return where each entry stands along an axis of the argument."""
    return (near.entries // math.prod(near.shape[axis + 1 :])) % near.shape[axis]


def axes(near: Neighbourhood) -> list[int]:
    """Return the axes along which the entries do not all stand in one place."""
    return [axis for axis in range(len(near.shape)) if len(near.entries) and np.ptp(place(near, axis))]


def proposed(near: Neighbourhood) -> Iterator[tuple[int, ...]]:
    """Yield the axes that divide the argument into lines, planes, …, and none for the whole."""
    dividing = axes(near)  # one of length 1 divides nothing
    for kept in range(len(dividing) - 1, -1, -1):
        yield from itertools.combinations(dividing, kept)


def labelled(near: Neighbourhood, along: tuple[int, ...]) -> Labels:
    """Return labels of the blocks of entries that stand in one place along some axes."""
    if not along:
        return np.zeros(near.here.size, dtype=np.int64)
    labels: Labels = arrays.flat_index((place(near, axis) for axis in along), [near.shape[axis] for axis in along])
    return labels


def proposals(near: Neighbourhood) -> Iterator[Labels]:
    """Yield labels of blocks along the argument's axes: lines, planes, …, the whole."""
    return (labelled(near, along) for along in proposed(near))


def refuted(near: Neighbourhood, labels: Labels) -> NDArray[np.bool_]:
    """Return the entries whose claim is not what the moves of their own block say.

    The bits of a random numbering part every two blocks at least once between the first move and its opposite: a kink
    through both blocks is then crossed by one of them alone. A claim that is even or odd in the move hides from
    opposites, so random mixtures of all moves follow.
    """
    blocks = None if labels is near.positions else _renumbered(labels)
    count = len(labels) if blocks is None else int(blocks.max(initial=0)) + 1
    bad = np.zeros(len(labels), dtype=bool)
    if count == 1:
        return bad
    numbers = near.rng.permutation(count).astype(np.int32)
    known = len(near.claims)
    bits = max(int(count - 1).bit_length(), 1)
    for turn in range(bits + MIXTURES):
        opposite = turn < bits  # claims 0 and 1 are those at a move and at its opposite
        choice = ((numbers >> turn) & 1 if opposite else near.rng.integers(known, size=count)).astype(np.int16)
        pick = choice if blocks is None else choice[blocks]
        claim = near.ask_mixed(pick, keep=turn % 4 == 0 and near.may_keep)
        bad |= unlike(near, pick, claim)
        del claim
        if bad.mean() > MANY:
            break
    return bad


def _renumbered(labels: Labels) -> Labels:
    """Return labels from 0 on, in their order, without those that do not occur."""
    occurs = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    occurs[labels] = True
    return np.asarray((np.cumsum(occurs, dtype=np.int32) - 1)[labels])


def unlike(near: Neighbourhood, pick: Picked, claim: NDArray[np.float64] | Scaled) -> NDArray[np.bool_]:
    """Tell in which entries a claim is not that of the sample that `pick` names."""
    bad = np.zeros(len(pick), dtype=bool)
    for part in near.parts:
        mine = pick[part]
        expected = np.empty(len(mine))
        for k in np.unique(mine):
            np.copyto(expected, near.claim(int(k), part), where=mine == k)
        bad[part] = np.abs(expected - claim[part]) > near.tolerance
    return bad


def found(near: Neighbourhood, bad: NDArray[np.bool_] | None = None) -> Labels:
    """Return the finest blocks that no mixture refutes, coarse only where finer ones were; `bad` is known to be."""
    single = near.positions
    bad = refuted(near, single) if bad is None else bad
    if not bad.any():
        return single
    for proposal in proposals(near):
        if not proposal.any() and (halves := _by_bend(near)) is not None:
            return halves
        labels = _joined(near, proposal, bad)
        if labels is not None:
            return labels
    return np.zeros(near.here.size, dtype=np.int64)


def _joined(near: Neighbourhood, proposal: Labels, bad: NDArray[np.bool_]) -> Labels | None:
    """Return single entries joined as proposed wherever one was refuted; None where a joined block is refuted too."""
    joined = np.zeros(len(bad), dtype=bool)
    bad = bad.copy()
    while True:
        touched = np.isin(proposal, np.unique(proposal[bad])) if bad.mean() <= MANY else np.ones(len(bad), dtype=bool)
        joined |= touched
        labels = np.arange(len(bad), dtype=np.int32)
        np.add(proposal, len(bad), out=labels, where=joined, casting="unsafe")  # of very many entries none is here
        bad = refuted(near, labels)
        if not bad.any():
            return labels
        if joined[bad].any():
            return None


def falls(near: Neighbourhood, entry: int) -> bool:
    """Tell whether claims fall along the moves of one entry."""
    where = np.array([entry])
    claims = np.array([near.claim(k, where)[0] for k in range(len(near.claims))])
    moves = np.array([move[entry] for move in near.moves])
    return bool((claims - claims.mean()) @ (moves - moves.mean()) < 0)


def flips(near: Neighbourhood) -> NDArray[np.float64]:
    """Return 1 for entries in which claims grow along their own moves, −1 where they fall: f is concave there."""
    return np.where(grows(near) < 0, -1.0, 1.0)


def _by_bend(near: Neighbourhood) -> Labels | None:
    """Return two blocks, the entries that bend up and those that bend down, where these say nothing of one another."""
    for _ in range(24):
        low, high = near.range()
        still = np.flatnonzero(high - low <= near.tolerance)
        if not len(still):
            break
        move = near.noise()
        move[near.rng.choice(still, max(len(still) // 6, 1), replace=False)] += RAISED
        near.ask(move)
        near.ask(-move)
    halves = (flips(near) < 0).astype(np.int64)
    if halves.all() or not halves.any() or refuted(near, halves).any():
        return None
    return halves
