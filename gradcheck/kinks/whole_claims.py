"""The nearest point of the hull of whole claims to the one on trial, and the claim that leads from there to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.blocks import flips
from gradcheck.kinks.nearest_point import combined, in_hull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]

ROUGHLY = 2.0**-8  # the random part of a move towards a claim, by its size: the pieces of f are wider


def towards(near: Neighbourhood, turns: int) -> Array | None:
    """Return convex weights of whole claims that give the claim on trial, or None where `turns` more show none.

    Entries in which f is concave are looked for on the other side.
    """
    best, used = np.inf, list(range(len(near.claims)))
    for turn in range(turns + 1):
        claims = near.some(used)
        weights = in_hull(claims, near.here)
        rest = combined(weights, claims)
        for part in near.parts:
            rest[part] = near.here[part] - rest[part]
        del claims
        far = float(np.max(np.abs(rest), initial=0.0))
        if far <= near.tolerance:
            shown = [k for k, weight in zip(used, weights, strict=True) if weight]
            tied = [k for k in shown if not near.off_ties(k)]
            if not tied:
                return weights
            used = [k for k in used if k not in tied]
            continue
        distance = float(np.linalg.norm(rest))
        if turn == turns or not near.may_keep or distance > best * (1 - 2.0**-10):
            return None
        best = distance
        rest *= flips(near) / far
        move = near.towards(np.asarray(rest + ROUGHLY * near.noise(), dtype=near.moves_in), coarse=True)
        made, claim = near.ask_towards(move)
        near.add(made, claim, drawn=False, number=near.asked)
        del made, claim
        used = [*(k for k, weight in zip(used, weights, strict=True) if weight), len(near.claims) - 1]
    return None
