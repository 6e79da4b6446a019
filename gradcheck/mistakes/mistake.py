"""What a mistake with a name is: how it is planted in a right gradient, and how it is undone in a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck import arrays
from gradcheck.errors import ArgumentError

NEEDS = ("slopes", "claim", "arguments", "lines")


@dataclass(frozen=True)
class Case:
    """What a mistake is planted in or corrected from.

    Attributes
    ----------
    gradient : ndarray
        The claim, float64 or complex128, shaped like the argument; zeros where the claim is a jvp.
    argument : ndarray
        The argument itself.
    others : mapping of str to ndarray
        The claimed gradients of other arguments of the same shape.
    arguments : mapping of str to ndarray
        Other arguments of the same shape.
    dimensions : mapping of int to tuple of str
        Lengths of the axes of all arguments, with what has them: ``{64: ("x.shape[0]",)}``.

    """

    gradient: NDArray[Any]
    argument: NDArray[Any]
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    arguments: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    dimensions: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """An array in the claim's place: ``factor · array + multiple · along``.

    Attributes
    ----------
    name, advice : str
        What the change is called, and a sentence for the reader of a FAIL.
    array : ndarray or None
        None for the claim itself.
    factor : float or None
        None where it is free: fitted to the slopes.
    along : ndarray or None
        An array of which a multiple is added.
    multiple : float or None
        None where it is free. At most one of the two is.

    """

    name: str
    advice: str = ""
    array: NDArray[Any] | None = None
    factor: float | None = 1.0
    along: NDArray[Any] | None = None
    multiple: float | None = None

    @property
    def free(self) -> int:
        """The number of free parameters."""
        return (self.factor is None) + (self.along is not None and self.multiple is None)


Changes = Iterable[Change] | NDArray[Any] | None


@dataclass(frozen=True)
class Mistake:
    """A mistake with a name.

    Attributes
    ----------
    name : str
        As the report says it.
    needs : {"slopes", "claim", "arguments", "lines"}
        What it can be planted in: what the claim predicts along the directions (all there is of a jvp), the claimed
        array, that and the arguments, or the lines of a Derivation.
    plant : callable or None
        Case → the wrong gradient for a right one (an array, or several of `Change`; None where it does not apply).
    correct : callable or None
        Case → the right gradient for a wrong one; None for a mistake that loses information.
    advice : str
        A sentence for the reader of a FAIL.

    """

    name: str
    needs: str
    plant: Callable[[Case], Changes] | None
    correct: Callable[[Case], Changes] | None = None
    advice: str = ""

    def __post_init__(self) -> None:
        if self.needs not in NEEDS:
            raise ArgumentError(f"needs={self.needs!r}, wanted one of {', '.join(map(repr, NEEDS))}")


TABLE: dict[str, Mistake] = {}


def register(mistake: Mistake) -> Mistake:
    """Add a mistake to the table, or replace the one of its name; every check from now on knows it.

    Raises
    ------
    ArgumentError
        If it is no Mistake; from a check, if its plant or correct raises, or gives no arrays like the gradient.

    Examples
    --------
    >>> from gradcheck.mistakes import Mistake, register, TABLE
    >>> _ = register(Mistake("negative part lost", "claim", lambda case: abs(case.gradient)))
    >>> del TABLE["negative part lost"]

    """
    if not isinstance(mistake, Mistake):
        raise ArgumentError(f"register got {mistake!r}, wanted a Mistake(name, needs, plant, correct)")
    TABLE[mistake.name] = mistake
    return mistake


def changes(mistake: Mistake, what: Callable[[Case], Changes] | None, case: Case) -> Iterator[Change]:
    """Yield what a mistake's `plant` or `correct` gives, as Changes; those that are not finite here do not apply.

    One at a time: each may hold an array of the claim's size.
    """
    given = iter(()) if what is None else _given(mistake, what, case)
    while True:
        try:
            change = next(given, None)
        except Exception as error:
            raise ArgumentError(f"the mistake {mistake.name!r} raised {type(error).__name__}: {error}") from error
        if change is None:
            return
        if not isinstance(change, Change):
            raise ArgumentError(
                f"the mistake {mistake.name!r} gave {_a(change)}, wanted an array, or a list of Changes"
            )
        if all(_finite(mistake, array, case) for array in (change.array, change.along) if array is not None):
            yield change


def _finite(mistake: Mistake, array: NDArray[Any], case: Case) -> bool:
    """Tell whether an array of a change is finite; raise ArgumentError if it is not shaped like the gradient."""
    if array.shape != case.gradient.shape:
        raise ArgumentError(
            f"the mistake {mistake.name!r} gave shape {array.shape}, wanted {case.gradient.shape}, as gradient"
        )
    return arrays.all_finite(array)


def _given(mistake: Mistake, what: Callable[[Case], Changes], case: Case) -> Iterator[Any]:
    given = what(case)
    if isinstance(given, np.ndarray | np.generic):  # NumPy makes scalars of arrays without axes
        yield Change(mistake.name, mistake.advice, np.asarray(given))
    elif given is not None:
        yield from given


def _a(x: object) -> str:
    kind = type(x).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
