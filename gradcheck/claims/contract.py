"""What a function and a claim owe before any number is compared; each breach is one sentence.

Breaches of f are the caller's (ArgumentError); breaches of the claim are a FAIL, for the claim is on trial.
"""

from __future__ import annotations

import contextlib
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import raised
from gradcheck.claims.claim import WrongClaim
from gradcheck.claims.returned import checked
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.slopes.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.slopes.field import Field

LARGE = 10**6  # entries above which twice an array is too much
LAYOUT = 64.0  # another order of summation may cost so many times what a bit of the arguments does


class Gradient:
    """The claimed arrays at and around the point; evaluations are counted apart from f's."""

    def __init__(self, claim: Claim, leaves: Sequence[Any]) -> None:
        self.claim = claim
        self.leaves = tuple(leaves)
        self.evaluations = 0
        self.notes: list[str] = []
        self.repeat_error: tuple[float, ...] = ()
        self.frozen: tuple[bool, ...] = tuple(False for _ in leaves)  # the same to the bit at another point
        self.arrays = self.at(self.leaves)
        self.judged = tuple(
            i for i, g in enumerate(self.arrays) if claim.asked(i) and (claim.predicted or g is not None)
        )
        if not self.judged:
            raise ArgumentError("the gradient is None for every argument: there is nothing to check")
        self.values = tuple(None if g is None else arrays.to_numpy(g) for g in self.arrays)

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each leaf."""
        return tuple(map(arrays.shape_of, self.leaves))

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
        return tuple(checked(g, x, name) for g, x, name in zip(asked, leaves, self.claim.names, strict=True))


def same_value_twice(field: Field) -> str | None:
    """Return a note if f gives two answers at one point: its spread is then treated as noise."""
    again = field.evaluate(field.leaves)
    if again == field.at_point or (math.isnan(again) and math.isnan(field.at_point)):
        return None
    spread = abs(again - field.at_point) / max(abs(field.at_point), abs(again))
    return (
        f"{field.claim.title} gives different answers at the same point (relative spread {spread:.1e}): the spread is "
        "treated as noise; fix the random generator's seed inside it, or switch dropout and batch statistics off"
    )


def gradient_repeats(gradient: Gradient, field: Field) -> str | None:
    """Evaluate the claim a second time, at another point in between; return a sentence if the first answer changed.

    Sets ``gradient.repeat_error``: ‖first − second‖∘s for each argument, part of the claim's own round-off.
    """
    if gradient.claim.predicted:
        gradient.repeat_error = tuple(0.0 for _ in gradient.leaves)
        return None
    kept = [None if g is None else np.array(arrays.to_numpy(g)) for g in gradient.arrays]
    elsewhere = [
        arrays.shifted(
            x, 2.0 ** (arrays.FINEST[arrays.dtype_name(x)] // 2), field.direction(i, 0, purpose=Purpose.ELSEWHERE)
        )
        for i, x in enumerate(gradient.leaves)
    ]
    with contextlib.suppress(WrongClaim):  # outside its domain, perhaps: nothing to learn about buffers there
        there = gradient.at(elsewhere)
        elsewhere.clear()  # as large as the arguments
        gradient.frozen = tuple(g is not None and arrays.same(g, h) for g, h in zip(kept, there, strict=True))
        del there
    elsewhere.clear()
    for g, copy, i in zip(gradient.arrays, kept, range(len(kept)), strict=True):
        if g is not None and copy is not None and not arrays.same(g, copy):
            return (
                f"the gradient of {gradient.claim.names[i]} changes when the gradient is called at another point: it "
                "is returned in a buffer that later calls overwrite; return a new array"
            )
    gradient_spread(gradient, field)
    return None


def gradient_spread(gradient: Gradient, field: Field) -> None:
    """Evaluate the claim at the point again; set ``gradient.repeat_error`` to ‖(first − second)∘s‖ of each argument."""
    second = gradient.at(gradient.leaves)
    errors = []
    for i, (g, h) in enumerate(zip(gradient.arrays, second, strict=True)):
        if g is None or h is None:
            errors.append(0.0)
            continue
        errors.append(field.scales[i].norm(arrays.to_numpy(g) - arrays.to_numpy(h)))
    gradient.repeat_error = tuple(errors)


def any_layout(gradient: Gradient, field: Field, own: Callable[[int], float]) -> str | None:
    """Return a sentence if the claim differs for the same values in another memory layout.

    `own` tells how far the claim of an argument moves in its own round-off: at a minimum that may be all of it.
    """
    if gradient.claim.predicted:
        return None
    strided = [strided_copy(x) for x in gradient.leaves]
    if all(s is x for s, x in zip(strided, gradient.leaves, strict=True)):
        return None
    try:
        again = gradient.at(strided)
    except WrongClaim:
        try:
            field.claim.function(strided)
        except Exception:  # noqa: BLE001  the function refuses that layout itself, loudly: so may its gradient
            return None
        raise
    del strided  # as large as the arguments
    for i, (g, h) in enumerate(zip(gradient.arrays, again, strict=True)):
        if g is None or h is None:
            continue
        one, other = arrays.to_numpy(g), arrays.to_numpy(h)
        # another order of summation moves round-off only: √u is far above it and far below another array's values
        allowed = math.sqrt(field.unit) * field.scales[i].norm(one) + 2 * gradient.repeat_error[i]
        if (moved := field.scales[i].norm(other - one)) > allowed and moved > LAYOUT * own(i):
            return f"the gradient of {gradient.claim.names[i]} is another one when the arguments are not contiguous"
    return None


def strided_copy(x: Any) -> Any:
    """Return x with the same values and other strides; x itself where that means nothing.

    Every second entry of an array twice as wide; of a large matrix, for memory's sake, the other order of its axes.
    """
    large = arrays.total_size([x]) > LARGE and sum(n > 1 for n in arrays.shape_of(x)) > 1
    if arrays.is_torch(x) and x.ndim and x.numel() > 1 and str(x.layout) == "torch.strided":
        if large:
            back = tuple(reversed(range(x.ndim))) if x.is_contiguous() else tuple(range(x.ndim))
            return x.detach().permute(back).flatten().clone().view([x.shape[k] for k in back]).permute(back)
        wide = x.detach().repeat_interleave(2, dim=-1)
        return wide[..., ::2]
    if isinstance(x, np.ndarray) and x.ndim and x.size > 1:
        if large:
            return np.array(x, order="F" if x.flags.c_contiguous else "C")
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x
