"""Is the claim at a kink a subgradient? Judged from the claims next to the point alone, and with a proof either way.

Clarke's subdifferential of a function that is smooth almost everywhere is the convex hull of the limits of its
gradients (F. Clarke, "Optimization and Nonsmooth Analysis", 1983, theorem 2.5.1). The claims next to the point have
been held against slopes there, so they are those gradients. Inside: convex weights of whole claims that were asked for.
Outside: a move along which the claim reaches further than every subgradient.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import blocks, coupling, flat, periods, second_look, walls, whole_claims
from gradcheck.kinks.beside import in_order
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.nearest_point import in_hull
from gradcheck.kinks.neighbourhood import Neighbourhood, Spent
from gradcheck.kinks.one_bend import Search
from gradcheck.kinks.parts import BOTH_WAYS
from gradcheck.kinks.separation import Separation
from gradcheck.kinks.span import svd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.coupling import Coupled
    from gradcheck.kinks.walls import Wall

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

TURNS = 12  # steps towards the claim with whole claims, before blocks are looked for
WHOLE = 120  # claims in one hull at most
RETRIES = 4
MANY = 120  # entries that bend together, and may need a corner each
BUDGET, PARTS = 150, 12  # claims, and equal parts, of a half-turn in a plane
PROOFS = 8  # outsides that are looked at again
SEVERAL = "several pieces of f meet here and bend both ways"
ROUNDS, FRESH = 6, 12  # and claims of each, where several pieces meet


@dataclass(frozen=True)
class Finding:
    """What the claims next to the point say of the claim at it.

    Attributes
    ----------
    state : str
        "inside", "outside" or "undecided".
    weights : array
        Of the whole claims (or of the blocks') that give the claim on trial; empty unless inside.
    by_blocks : bool
        Whether the weights hold block by block, whose independence was tried with mixed moves.
    separation : Separation or None
        The proof of an outside.
    entries, walls
        The simple kinks, and the entries that their normals are about; none where kinks are not simple or not looked
        into one by one.
    labels : array or None
        Which entries bend together, where that was found.
    reason : str
        Why it is undecided.

    """

    state: str
    weights: Array = field(default_factory=lambda: np.ones(0))
    by_blocks: bool = False
    separation: Separation | None = None
    entries: Entries = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    walls: tuple[Wall, ...] = ()
    labels: Entries | None = None
    reason: str = ""


def judged(near: Neighbourhood) -> Finding:
    """Judge the claim at the point; `near` holds a few claims already, the first two at a move and its opposite."""
    finding = _judged(near)
    return _looked_again(near, finding) if isinstance(near.claims, list) else finding


def _looked_again(near: Neighbourhood, finding: Finding) -> Finding:
    """Return an outside that no further claim refutes; where one does, more pieces meet there than were known.

    Pieces that bend the other way, and are thin, may all be between the claims asked for.
    """
    with suppress(Spent):
        for _ in range(PROOFS):
            if finding.separation is None or not second_look.refutes(near, finding.separation):
                return finding
            finding = _more_vertices(near, near.positions)
        if finding.separation is None:
            return finding
    return Finding("undecided", reason=SEVERAL)


def _judged(near: Neighbourhood) -> Finding:
    try:
        guess = coupling.guessed(near)
        if guess.weights is not None:
            return Finding("inside", weights=guess.weights, labels=guess.labels)
        _in_order(near)
        weights = whole_claims.towards(near, TURNS)
        if weights is not None:
            return Finding("inside", weights=weights[np.flatnonzero(weights)])
        if (separation := flat.along_a_group(near)) is not None:
            return Finding("outside", separation=separation)
        return _in_blocks(near, guess.joined)
    except Spent:
        return Finding("undecided", reason=f"{near.asked} claims next to the point were not enough")


def _in_order(near: Neighbourhood) -> None:
    """Ask where entries fall, and where they rise, in their order: there "the first, or the last, of equals wins"."""
    for sign in (1.0, -1.0) if not near.ordered else ():
        near.ask(in_order(near.here.size, sign, near.rng))


def _in_blocks(near: Neighbourhood, joined: NDArray[np.bool_] | None = None) -> Finding:
    """Judge block by block; `joined` names entries that are known to be no blocks of their own."""
    labels = blocks.found(near, joined)
    _in_periods(near, labels)
    search = Search(near, labels)
    del labels  # as large as the argument, and made again when they are needed
    for _ in range(RETRIES):
        state = search.run()
        if state == "inside":
            found = coupling.coupled(near, search.parts)
            if found.refuted is None:
                return _inside(near, found, search.parts.labels(near))
            search.refuted, state = found.refuted, "refuted"
        if state == "outside":
            return Finding("outside", separation=search.separation)
        if state == "too many":
            return Finding(
                "undecided", reason="more entries bend together than claims next to the point can be asked for"
            )
        if state == "refuted":
            search = Search(near, blocks.found(near, search.refuted_or_joined()))
            continue
        both = [group.entries[group.state == BOTH_WAYS].ravel() for group in search.parts.groups]
        return _both_ways(near, np.sort(np.concatenate(both)))
    return Finding("undecided", reason="blocks of entries that depend on one another")


def _in_periods(near: Neighbourhood, labels: Entries) -> None:
    """Ask where entries rise in periods, if many of them bend together."""
    if labels is near.positions:
        return
    sizes = np.bincount(labels)
    if sizes.max() > MANY:
        for move in periods.moves(near, np.flatnonzero(labels == np.argmax(sizes))):
            if near.may_keep:
                near.ask(move)


def _inside(near: Neighbourhood, found: Coupled, labels: Entries) -> Finding:
    if found.most is not None:
        return Finding("inside", weights=found.most, by_blocks=True, labels=labels)
    if found.weights is None or not found.shows(near):
        return Finding("undecided", reason="the claims next to the point drift by more than the claim is off")
    return Finding("inside", weights=found.weights, labels=labels)


def _both_ways(near: Neighbourhood, entries: Entries) -> Finding:
    """Judge entries that bend both ways; all others are inside."""
    simple = walls.found(near, entries, near.most - near.asked - 40)
    found = None if simple is None else walls.judged(simple)
    if found is None or found.state == "not simple":
        finding = _more_vertices(near, entries)
    else:
        finding = Finding(
            found.state,
            weights=np.ones(0) if found.weights is None else found.weights,
            separation=found.separation,
            entries=entries,
            walls=found.walls,
            reason=found.reason,
        )
    return replace(finding, by_blocks=len(entries) < near.here.size)


def _in_a_plane(near: Neighbourhood, entries: Entries) -> Finding | None:
    """Judge entries whose claims span a plane: a full turn in it meets every piece. None where they span more.

    Claims jump along the normals of f's pieces, so f is linear across the plane that their differences span, and its
    pieces are the sectors of that plane. A turn in equal parts meets them all, but for several that are thinner than a
    part and add up to nothing; claims asked for before must be among those met.
    """
    claims, _ = near.at(entries)
    _, size, rows = svd(claims - claims.mean(axis=0))
    spanned = int(np.sum(size > near.tolerance * np.sqrt(claims.size)))
    if spanned != 2:
        return None
    first, other = near.rng.standard_normal((2, 2)) @ rows[:2]  # the rows themselves may be tied
    found = []
    for start, towards in ((first, other), (-first, -other)):
        turn = HalfTurn(near, entries, BUDGET, start, towards, pieces=PARTS)
        if not turn.complete:
            return None
        found += list(turn.path.values())
    vertices, target = np.array(found), near.here[entries]
    if any(np.abs(vertices - claim).max(axis=1).min() > 2 * near.tolerance for claim in claims):
        return None
    weights = in_hull(vertices, target)
    rest = target - weights @ vertices
    far = float(np.max(np.abs(rest)))
    if far <= near.tolerance:
        return Finding("inside", weights=weights[np.flatnonzero(weights)])
    u, move = rest / far, np.zeros(near.here.size)
    reached, claimed = float(np.max(vertices @ u)), float(target @ u)
    if claimed - reached <= 8 * near.tolerance * float(np.sum(np.abs(u))):
        return None
    move[entries] = u
    return Finding("outside", separation=Separation(move, claimed, reached))


def _more_vertices(near: Neighbourhood, entries: Entries) -> Finding:
    """Look for vertices at random moves; an outside is proved along a flat direction, or in a plane."""
    used, target = list(range(len(near.claims))), near.here[entries]
    for turn in range(ROUNDS):
        claims = np.array([near.claim(k, entries) for k in used])
        weights = in_hull(claims, target)
        if near.same(weights @ claims, target):
            tied = [used[k] for k in np.flatnonzero(weights) if not near.off_ties(used[k])]
            if not tied:
                return Finding("inside", weights=weights[np.flatnonzero(weights)])
            used = [k for k in used if k not in tied]
        if turn == 0 and (found := _apart(near, entries)) is not None:
            return found
        for _ in range(FRESH):
            near.ask(near.noise(), drawn=True)
        used += range(len(near.claims) - FRESH, len(near.claims))
    return Finding("undecided", reason=SEVERAL)


def _apart(near: Neighbourhood, entries: Entries) -> Finding | None:
    """Return an outside along a flat direction or in a plane; what a plane shows may be an inside."""
    if (found := _in_a_plane(near, entries)) is not None:
        return found
    separation = flat.along(near, entries)
    return None if separation is None else Finding("outside", separation=separation)
