"""What a check found about one argument: verdict, interval, place, mistake, kink, and the slopes it rests on.

The dataclasses here and in `report` are all there is to say about a report's data: JSON, its schema and reading back
are derived from their fields and types by msgspec (`gradcheck.reports.data`). A new field is one line here, with a
default, and a line in its docstring. Fields hold what JSON can hold: numbers, strings, tuples, other dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gradcheck.slopes.slope import Slope  # noqa: TC001  msgspec reads the types of fields
from gradcheck.verdicts.certificate import Interval, Verdict  # noqa: TC001
from gradcheck.verdicts.comparison import Comparison, HeatMap  # noqa: TC001


@dataclass(frozen=True)
class SimpleKink:
    """One kink, a plane through the point, and the side that the claim takes there.

    Attributes
    ----------
    entries : tuple of index tuples
        Entries of the argument that move across it.
    bend : str
        ``"up"`` where f is convex across it (a ReLU with a positive factor), ``"down"`` where concave.
    convention : str
        As `Kink.convention`, of this kink alone.
    share : float
        Of the limit from the right: 1 for ``"right"``, 0 for ``"left"``, 0.5 for ``"midpoint"``.

    """

    entries: tuple[tuple[int, ...], ...]
    bend: str
    convention: str
    share: float


@dataclass(frozen=True)
class Kink:
    """What the claim does where f has one-sided slopes only.

    Attributes
    ----------
    convention : str
        ``"right"``, ``"left"``, ``"midpoint"``, ``"other"`` or ``"mixed"``.
    valid : bool
        Whether the claim is a subgradient.
    entries : tuple of index tuples
        Entries of the argument that move across a kink.
    within : float
        The kink lies within this step of the point, relative to the argument's size.
    kinks : tuple of SimpleKink
        The kinks one by one, as far as they can be told apart; empty where more than two pieces of f meet in one place.
    weights : tuple of float
        The proof of a subgradient: the claim is a convex combination, with these weights, of claims next to the point.
    direction : tuple of (index tuple, number)
        The proof that the claim is none: how far each entry moves, those left out not at all. Along it the claim says
        `claimed`, and no subgradient more than `rise`.
    rise, claimed : float or None
        See `direction`; None where there is none.
    proof : str
        The same in a sentence.

    """

    convention: str
    valid: bool
    entries: tuple[tuple[int, ...], ...]
    within: float = 0.0
    kinks: tuple[SimpleKink, ...] = ()
    weights: tuple[float, ...] = ()
    direction: tuple[tuple[tuple[int, ...], complex], ...] = ()
    rise: float | None = None
    claimed: float | None = None
    proof: str = ""


@dataclass(frozen=True)
class Planted:
    """How many of the named mistakes, planted in the claim that passed, would have been a FAIL on the same slopes."""

    caught: int
    applicable: int
    not_caught: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorstEntry:
    """One wrong entry, with the derivative measured for it alone.

    Attributes
    ----------
    index : tuple of int
        Where it is.
    claimed, measured : complex
        The derivative.
    error : float
        |claimed − measured|.
    value : complex or None
        Of the argument itself at this entry; None where it is not known.
    label : str
        What to call the entry of a matrix, ``J[3, 1]``; its index has the row first. Empty for an argument's own.

    """

    index: tuple[int, ...]
    claimed: complex
    measured: complex
    error: float
    value: complex | None = None
    label: str = ""

    def named(self, label: str, index: tuple[int, ...]) -> WorstEntry:
        """Return the same entry as one of a matrix."""
        return replace(self, index=index, label=label)


@dataclass(frozen=True)
class Probe:
    """One direction of one argument: which, what was measured, and what the claim predicts.

    Attributes
    ----------
    probe : int
        The number of the direction, from which and from the seed it is drawn.
    stretch : float
        The factor that the direction is stretched by, so that no two use the same steps.
    slope : Slope
        As measured. If several arguments moved together, it is their slope less what the claim predicts of the others:
        the slope of this argument, provided that the others are right.
    claimed : float
        What the claim predicts.
    claim_error : float
        A bound on the round-off of that number.
    moved : int
        How many arguments moved along the direction.

    """

    probe: int
    stretch: float
    slope: Slope
    claimed: float
    claim_error: float
    moved: int = 1


@dataclass(frozen=True)
class ArgumentReport:
    """What was found about the gradient of one argument.

    Attributes
    ----------
    name : str
        Of the argument.
    shape : tuple of int
        Of the argument.
    dtype : str
        Of the argument.
    verdict : Verdict
        PASS, FAIL or INCONCLUSIVE.
    error : Interval
        The claim's relative error lies in [error.low, error.high].
    resolution : float
        The relative error at which this argument would be called inconclusive.
    smallest_error : float
        The smallest relative error that the slopes would have shown, with the report's confidence.
    reason : str
        Why the verdict is no PASS, one sentence; empty on a PASS.
    kink : Kink or None
        None where f is smooth.
    accuracy : Accuracy or None
        How far the gradient in its own dtype is from the one in float64, where both exist.
    where : tuple or None
        The wrong entry (an index), or a slice (``None`` stands for a whole axis).
    where_text : str
        The same as a sentence; empty where a named mistake tells the place.
    mistakes : tuple of str
        Names of the mistakes that explain every slope, best first.
    advice : str
        What the mistake is and what is right instead, one sentence; empty where none explains the slopes.
    factor : float or None
        The claim is this number times the true gradient; None where no factor explains the slopes.
    next : str
        What to do now, one sentence; empty where `advice` or `reason` says it.
    planted : Planted or None
        The proof of power of a PASS.
    worst : tuple of WorstEntry
        The worst entries, measured on their own.
    sound : tuple of index tuples
        Entries measured on their own that are right.
    entries : HeatMap or None
        The error of each entry over the largest entry, with `every_entry=True`; 0 where it is right.
    probes : tuple of Probe
        The slopes all of this rests on.
    measured_in : str
        The narrowest dtype in the arithmetic of the slopes; empty where it is not known.
    notes : tuple of str
        What a reader should know besides.
    comparison : Comparison or None
        For a result of a kernel: error, yardstick and their ratio.
    exact : Exactness or None
        What exact arithmetic says of the formula; None with another oracle.

    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    verdict: Verdict
    error: Interval
    resolution: float
    smallest_error: float
    reason: str = ""
    kink: Kink | None = None
    accuracy: Accuracy | None = None
    where: tuple[int | None, ...] | None = None
    where_text: str = ""
    mistakes: tuple[str, ...] = ()
    advice: str = ""
    factor: float | None = None
    next: str = ""
    planted: Planted | None = None
    worst: tuple[WorstEntry, ...] = ()
    sound: tuple[tuple[int, ...], ...] = ()
    entries: HeatMap | None = None
    probes: tuple[Probe, ...] = ()
    measured_in: str = ""
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None
    exact: Exactness | None = None

    def __str__(self) -> str:
        from gradcheck.reports.text import argument_text  # noqa: PLC0415  text reads a report, so it comes after

        return argument_text(self)

    def __repr__(self) -> str:
        from gradcheck.reports.words import said, visible  # noqa: PLC0415

        return visible(f"<ArgumentReport {self.verdict} {self.name} {self.shape}: {said(self, self.error.confidence)}>")

    def with_(self, **changes: Any) -> ArgumentReport:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Accuracy:
    """The gradient in the arguments' own dtype against the same gradient in float64.

    Attributes
    ----------
    dtype : str
        The arguments' own.
    error : float
        ‖g − g₆₄‖/‖g₆₄‖ in the norm of the argument's scale.
    allowed : float
        What the problem's condition and the dtype allow.
    verdict : Verdict
        PASS or FAIL.

    """

    dtype: str
    error: float
    allowed: float
    verdict: Verdict


@dataclass(frozen=True)
class Exactness:
    """The formula of a gradient against the slopes of f, both in exact arithmetic.

    Attributes
    ----------
    equal : bool
        Whether the formula gives the slopes of f: where f has two, on each side of the point the one of that side.
    directions : int
        Random directions along which this was asked, alone or together with other arguments.
    error : float
        The largest relative distance of a wrong claim from the slope; 0 where none is. 1e-17 or so is a constant that
        Python rounded before it met an exact number (``3 * 0.1``).
    wrong : tuple of index tuples
        The wrong entries; empty for an argument too large to ask entry by entry.
    digits : float
        Decimal digits to which claim and slopes are guaranteed; infinite where they are rational numbers.
    ulps : float
        Largest distance of the floating-point gradient's entries from the exact ones, in units in the last place of
        each entry.
    ulps_of_largest : float
        The same in units in the last place of the largest entry: what cancellation in small entries does not inflate.

    """

    equal: bool
    directions: int
    error: float
    wrong: tuple[tuple[int, ...], ...]
    digits: float
    ulps: float
    ulps_of_largest: float
