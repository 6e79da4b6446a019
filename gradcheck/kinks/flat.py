"""Moves along which f is linear next to the point: all subgradients have one slope there, and no claim another.

Where a move u changes no claim, s(z + τu) = s(z), h(z + τu) = h(z) + τ·s·u with one number s·u for all z. A maximum, a
sort and a median move with all their arguments, and a total variation not at all: u is 1 in each of these.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.blocks import proposals
from gradcheck.kinks.packed import parts
from gradcheck.kinks.separation import Separation
from gradcheck.kinks.span import svd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

STARTS = 3  # claims that a flat move must not change
FLAT, MORE = 12, 4  # moves that may turn out to change a claim after all, and claims to ask for then


def along_a_group(near: Neighbourhood) -> Separation | None:
    """Return the proof of an outside along 1 in all entries of one line, plane, … of the argument, if there is one.

    The sum over these is the same in every claim known, and in the claim on trial another.
    """
    for labels in proposals(near):
        slack = near.tolerance * np.bincount(labels)
        low = high = here = np.bincount(labels, near.claims[0])
        for k in range(1, len(near.claims)):
            total = np.bincount(labels, near.claims[k])
            low, high = np.minimum(low, total), np.maximum(high, total)
        off = np.bincount(labels, near.here[:]) - here
        off[(high - low > slack) | (np.abs(off) <= 8 * slack)] = 0.0
        worst = int(np.argmax(np.abs(off)))
        if off[worst]:
            entries = np.flatnonzero(labels == worst)
            u = np.full(len(entries), np.sign(off[worst]))
            return _separation(near, entries, u) if _is_flat(near, entries, u) else None
    return None


def along(near: Neighbourhood, entries: Entries) -> Separation | None:
    """Return the proof of an outside along a move u of some entries that is square to all that claims differ by.

    A claim that u does change is one more that u must be square to.
    """
    for _ in range(FLAT):
        claims, _ = near.at(entries)
        target = near.here[entries] - claims[0]
        _, size, rows = svd(claims - claims.mean(axis=0))
        rows = rows[size > near.tolerance * np.sqrt(claims.size)]
        u = target - rows.T @ (rows @ target)
        u -= rows.T @ (rows @ u)
        if float(u @ target) <= 8 * near.tolerance * float(np.sum(np.abs(u))):
            return None
        u /= float(np.max(np.abs(u)))
        if _is_flat(near, entries, u):
            return _separation(near, entries, u)
        for _ in range(MORE):  # what u changed may be known already
            near.ask(near.noise())
    return None


def _separation(near: Neighbourhood, entries: Entries, u: Array) -> Separation:
    move = np.zeros(near.here.size)
    move[entries] = u
    return Separation(move, float(near.here[entries] @ u), float(near.claim(0, entries) @ u), "flat")


def _is_flat(near: Neighbourhood, entries: Entries, u: Array) -> bool:
    starts = range(len(near.claims))[:STARTS]  # the first two on opposite sides of the point
    for k, step in itertools.product(starts, (1.0, -1.0, 64.0, -64.0)):
        move = partial(near.moved, k, entries, step * u)  # as large as the argument, as the claim may be
        claim = near.ask(move()) if near.may_keep else near.ask_made(move)[1]
        far = (np.abs(claim[entries[part]] - near.claim(k, entries[part])) for part in parts(len(entries)))
        if max(float(np.max(off)) for off in far) > 64 * near.tolerance:
            return False
        del claim
    return True
