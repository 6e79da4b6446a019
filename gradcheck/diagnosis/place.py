"""The place of an error in words and as data: what the search of `gradcheck.diagnosis.locate` has come to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcheck.diagnosis.syndrome import Box, size_of, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.verdicts.report import WorstEntry

SHOWN = 12  # worst entries in the report: a table and a map on its page, the first in its text
LISTED = 6  # places in a sentence

Index = tuple[int, ...]


@dataclass
class Located:
    """What the search has come to so far."""

    places: list[Box] = field(default_factory=list)
    entries: dict[Index, WorstEntry] = field(default_factory=dict)
    wrong: set[Index] = field(default_factory=set)
    sampled: tuple[int, int] = (0, 0)  # of the whole array: wrong, measured
    elsewhere: bool = False  # errors remain outside the places
    doubt: str = ""  # why nothing can be said of the rest
    exhausted: str = ""  # what ran out before all was located

    @property
    def settled(self) -> bool:
        """Whether there is one wrong place and nothing else."""
        return len(self.places) == 1 and not self.elsewhere and not self.doubt and not self.exhausted

    @property
    def worst(self) -> tuple[WorstEntry, ...]:
        """The entries shown wrong, worst first."""
        found = [self.entries[index] for index in self.wrong]
        return tuple(sorted(found, key=lambda w: (-w.error, w.index))[:SHOWN])


def where_of(found: Located, shape: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """Return the one wrong place as an index, None for whole axes; None if there are several, or all is wrong."""
    if math.prod(shape) == 1:
        return (0,) * len(shape)
    if not found.settled or found.places == [whole(shape)]:
        return None
    return _pattern(found.places[0], shape)


def sentence(found: Located, shape: tuple[int, ...], name: str, *, named: bool) -> str:
    """Return what the report says of the place.

    Parameters
    ----------
    found : Located
        What the search has come to.
    shape : tuple of int
        Of the argument.
    name : str
        Of the argument.
    named : bool
        Whether a mistake is named that tells the place: then there is nothing to say.

    """
    if named or math.prod(shape) == 1:
        return ""
    if found.settled and size_of(found.places[0]) == 1:
        return f"one entry is wrong: {name}[{', '.join(str(a) for a, _ in found.places[0])}]"
    return _place(found, shape, name)


def _place(found: Located, shape: tuple[int, ...], name: str) -> str:
    if found.settled and found.places == [whole(shape)]:
        return _share(found, math.prod(shape))
    if found.settled:
        place = found.places[0]
        measured = [index for index in found.entries if _inside(index, place)]
        wrong = sum(index in found.wrong for index in measured)
        shown = f"all {wrong}" if wrong == len(measured) else f"{wrong} of {len(measured)}"
        return f"{_named(place, shape, name)} is wrong ({shown} entries measured there), all else is right"
    if found.places:
        listed = [_label(place, shape) for place in found.places]
        more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
        rest = found.doubt or "all else is right"
        if found.elsewhere or found.exhausted:
            rest = f"more is wrong, not located within {found.exhausted}" if found.exhausted else "more is wrong"
        return f"wrong at {', '.join(listed[:LISTED])}{more}, {rest}"
    if found.wrong:
        wrong, count = found.sampled
        counted = f" ({wrong} of {count} entries measured are wrong)" if count else ""
        within = f", not located within {found.exhausted}" if found.exhausted else ""
        return f"wrong at several places{counted}{within}"
    if found.exhausted:
        return f"not located within {found.exhausted}"
    return "no single entry is wrong by more than its own slope can tell"


def _share(found: Located, size: int) -> str:
    wrong, measured = found.sampled
    if not measured:
        wrong, measured = len(found.wrong), len(found.entries)
    if wrong == measured:
        return f"everywhere: {'all' if measured == size else f'{wrong} of'} {measured} entries measured are wrong"
    return f"about {100 * wrong / measured:.0f} % of the entries are wrong ({wrong} of {measured} measured)"


def _inside(index: Sequence[int], box: Box) -> bool:
    return all(a <= i < b for i, (a, b) in zip(index, box, strict=True))


def _pattern(place: Box, shape: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """Return the place as an index with None for whole axes; None if it is a range of an axis."""
    if size_of(place) == 1:
        return tuple(a for a, _ in place)
    pattern: list[int | None] = []
    for (a, b), n in zip(place, shape, strict=True):
        if b - a == n:
            pattern.append(None)
        elif b - a == 1:
            pattern.append(a)
        else:
            return None
    return tuple(pattern)


def _label(place: Box, shape: tuple[int, ...]) -> str:
    if size_of(place) == 1:
        return str(tuple(a for a, _ in place))
    parts = [
        ":" if b - a == n else str(a) if b - a == 1 else f"{a}:{b}" for (a, b), n in zip(place, shape, strict=True)
    ]
    return f"[{', '.join(parts)}]"


def _named(place: Box, shape: tuple[int, ...], name: str) -> str:
    label = f"{name}{_label(place, shape)}"
    held = [k for k, (a, b) in enumerate(place) if b - a == 1 < shape[k]]
    rest = [k for k in range(len(shape)) if k not in held]
    if len(held) == 1 and all(place[k] == (0, shape[k]) for k in rest):
        axis = held[0]
        words = {(2, 0): "row", (2, 1): "column", (4, 1): "channel"}
        return f"{words.get((len(shape), axis), 'slice')} {place[axis][0]}, {label},"
    return label
