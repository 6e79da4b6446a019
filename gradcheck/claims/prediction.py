"""What a claim predicts at a point: its arrays, and the slope along any move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims import raised
from gradcheck.claims.returned import fitting
from gradcheck.errors import ArgumentError, GradcheckError, WrongClaim
from gradcheck.slopes.direction import inner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.claim import Claim


@dataclass(frozen=True)
class ClaimNoise:
    """What calling a claim again has taught about its own errors.

    Attributes
    ----------
    repeat : tuple of float
        ‖(first − second)∘s‖ of two answers at the point, for each argument.
    frozen : tuple of bool
        Whether the answer is the same to the bit at another point, for each argument.
    random : bool
        Whether f gave two values at the point.

    """

    repeat: tuple[float, ...]
    frozen: tuple[bool, ...]
    random: bool = False

    @staticmethod
    def none(arguments: int) -> ClaimNoise:
        """Return that of a claim which repeats itself to the bit, and was not asked elsewhere."""
        return ClaimNoise((0.0,) * arguments, (False,) * arguments)


class Prediction:
    """What a claim says at one point: arrays, and the slope along any move; its evaluations are counted apart from f's.

    Attributes
    ----------
    claim : Claim
        Whose.
    leaves : tuple of array
        The point.
    arrays : tuple of (array or None)
        The claimed arrays as they came; None where nothing is claimed, and for a jvp.
    judged : tuple of int
        The arguments that something is claimed about.
    evaluations : int
        How often the user's gradient was called.

    """

    def __init__(self, claim: Claim, leaves: Sequence[Any]) -> None:
        self.claim = claim
        self.leaves = tuple(leaves)
        self.evaluations = 0
        self.arrays: tuple[Any, ...] = ()  # until it was asked
        self.arrays = self.at(self.leaves)
        self.judged = tuple(
            i for i, g in enumerate(self.arrays) if claim.asked(i) and (claim.predicted or g is not None)
        )
        if not self.judged:
            raise ArgumentError("the gradient is None for every argument: there is nothing to check")

    @cached_property
    def values(self) -> tuple[NDArray[Any] | None, ...]:
        """The claimed arrays in NumPy, float64 or complex128."""
        return tuple(None if g is None else arrays.to_numpy(g) for g in self.arrays)

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each leaf."""
        return tuple(map(arrays.shape_of, self.leaves))

    @cached_property
    def alike(self) -> dict[tuple[int, ...], list[int]]:
        """The leaves of each shape."""
        found: dict[tuple[int, ...], list[int]] = {}
        for i, shape in enumerate(self.shapes):
            found.setdefault(shape, []).append(i)
        return found

    @cached_property
    def dimensions(self) -> dict[int, tuple[str, ...]]:
        """Lengths of the axes of all leaves, with what has them: ``{64: ("x.shape[0]",)}``."""
        found: dict[int, list[str]] = {}
        for name, shape in zip(self.claim.names, self.shapes, strict=True):
            for axis, n in enumerate(shape):
                found.setdefault(n, []).append(f"{name}.shape[{axis}]")
        return {n: tuple(labels) for n, labels in found.items()}

    def at(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the claim's arrays at `leaves`, each fitting its argument.

        Raises
        ------
        WrongClaim
            If one does not, or the gradient raises.

        """
        self.evaluations += 1
        try:
            raw = self.claim.claimed(leaves)
        except GradcheckError:
            raise
        except Exception as error:
            sentence = raised.sentence("the gradient", error)
            if isinstance(error, TypeError) and not raised.from_inside(error):
                raise ArgumentError(sentence) from error
            raise WrongClaim(sentence) from error
        asked = (g if self.claim.asked(i) else None for i, g in enumerate(raw))
        found = tuple(fitting(g, x, name) for g, x, name in zip(asked, leaves, self.claim.names, strict=True))
        for name, first, g in zip(self.claim.names, self.arrays or found, found, strict=True):
            if first is not None and g is None:
                raise WrongClaim(f"the gradient of {name} is None in another call, and an array in the first")
        return found

    def along(self, index: int, v: Any, unit: float) -> tuple[float, float]:
        """Return the slope that is predicted along direction v of one argument, and a bound on its round-off.

        `unit` is the unit round-off of the arithmetic that f and a jvp compute in.
        """
        if self.claim.predicted is not None:
            value = self.claim.predicted(self.leaves, index, v)
            return value, 64 * unit * abs(value)
        array = self.values[index]
        if array is None:  # only judged arguments are asked
            raise TypeError(self.claim.names[index])
        return inner(array, v)
