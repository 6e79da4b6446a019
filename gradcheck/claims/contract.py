"""What a function and a claim owe before any number is compared; each breach is one sentence.

Breaches of f are the caller's (ArgumentError); breaches of the claim are a FAIL, for the claim is on trial.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.prediction import ClaimNoise
from gradcheck.errors import GradcheckError, WrongClaim
from gradcheck.slopes.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gradcheck.claims.prediction import Prediction
    from gradcheck.slopes.field import Field

AGAIN = 4  # calls that tell whether a claim is random
LARGE = 10**6  # entries above which twice an array is too much
# How an array was rounded that is claimed as it is cannot be asked; sums of 10^6 terms are off by as many units.
GIVEN = 2.0**10


def examine(
    prediction: Prediction, field: Field, own: Callable[[int], float]
) -> tuple[ClaimNoise, str | None, str | None]:
    """Return what calling the claim again teaches, the first breach of its contract, and a note on f.

    `own` tells how far the claim of an argument moves in its own round-off.

    Raises
    ------
    WrongClaim
        For a breach that is found while the claim is called.

    """
    if (note := same_value_twice(field)) is not None:  # what differs from call to call is no evidence
        everywhere = (False,) * len(prediction.leaves)
        return ClaimNoise(_spread(prediction, field), everywhere, random=True), None, note
    none = ClaimNoise.none(len(prediction.leaves))
    if (breach := not_linear(prediction)) is not None:
        noise = _random(prediction, field, none)
        return (none, breach, None) if noise is None else (noise, None, None)
    noise = repeats(prediction, field)
    if (breach := any_layout(prediction, field, noise, own)) is not None:
        again = _random(prediction, field, noise)
        return (noise, breach, None) if again is None else (again, None, None)
    return noise, None, None


def _random(prediction: Prediction, field: Field, noise: ClaimNoise) -> ClaimNoise | None:
    """Return how far a claim repeats itself that differs from call to call; None for one that does not.

    What it seems to owe for its layout, or its cotangent, is then no more than its own noise. A random batch may be the
    same in two calls.
    """
    spread = list(noise.repeat)
    for _ in range(AGAIN):
        spread = [max(before, new) for before, new in zip(spread, _spread(prediction, field), strict=True)]
    norms = [0.0 if g is None else scale.norm(g) for g, scale in zip(prediction.values, field.scales, strict=True)]
    given = _given(prediction)
    differs = any(s > (given + math.sqrt(field.unit)) * norm > 0 for s, norm in zip(spread, norms, strict=True))
    return replace(noise, repeat=tuple(spread)) if differs else None


def not_linear(prediction: Prediction) -> str | None:
    """Return a sentence if the claim is not linear in its cotangent or tangent."""
    try:
        linear = prediction.claim.linear
        return None if linear is None else linear(prediction.leaves)
    except GradcheckError:
        raise
    except Exception as error:
        raise WrongClaim(f"the vjp raised {type(error).__name__} for twice the cotangent: {error}") from error


def same_value_twice(field: Field) -> str | None:
    """Return a note if f gives two answers at one point: its spread is then treated as noise."""
    again = field.evaluate(field.leaves)
    if again == field.at_point or (math.isnan(again) and math.isnan(field.at_point)):
        return None
    apart = f"{field.at_point:.6g} and {again:.6g}"
    if math.isfinite(again):
        apart = f"relative spread {abs(again - field.at_point) / max(abs(field.at_point), abs(again)):.1e}"
    return (
        f"{field.claim.title} gives different answers at the same point ({apart}): the spread is "
        "treated as noise; fix the random generator's seed inside it, or switch dropout and batch statistics off"
    )


def repeats(prediction: Prediction, field: Field) -> ClaimNoise:
    """Evaluate the claim a second time, at another point in between; return how far it repeats itself.

    Raises
    ------
    WrongClaim
        If the first answer changed: it is a buffer that later calls overwrite.

    """
    if prediction.claim.predicted:
        return ClaimNoise.none(len(prediction.leaves))
    kept = [None if g is None else np.array(arrays.to_numpy(g)) for g in prediction.arrays]
    elsewhere = [
        arrays.shifted(
            x, 2.0 ** (arrays.FINEST[arrays.dtype_name(x)] // 2), field.direction(i, 0, purpose=Purpose.ELSEWHERE)
        )
        for i, x in enumerate(prediction.leaves)
    ]
    frozen = (False,) * len(kept)
    with contextlib.suppress(WrongClaim):  # outside its domain, perhaps: nothing to learn about buffers there
        there = prediction.at(elsewhere)
        elsewhere.clear()  # as large as the arguments
        known = not prediction.claim.at_point_only
        frozen = tuple(known and g is not None and arrays.same(g, h) for g, h in zip(kept, there, strict=True))
        del there
    elsewhere.clear()
    for i, (g, copy, name) in enumerate(zip(prediction.arrays, kept, prediction.claim.names, strict=True)):
        if g is not None and copy is not None and not arrays.same(g, copy):
            _accumulated(prediction, i, copy)
            raise WrongClaim(
                f"the gradient of {name} changes when the gradient is called at another point: it is returned in a "
                "buffer that later calls overwrite; return a new array"
            )
    spread = _spread(prediction, field)
    for i, copy in enumerate(kept):
        if copy is not None and spread[i] > field.scales[i].norm(copy) / 2 > 0:
            _accumulated(prediction, i, copy)
    return ClaimNoise(spread, frozen)


def as_given(prediction: Prediction, field: Field) -> ClaimNoise:
    """Return how far arrays may be off that are claimed as they are, nothing else being known of the claim."""
    given = _given(prediction)
    norms = (0.0 if g is None else s.norm(g) for g, s in zip(prediction.values, field.scales, strict=True))
    return ClaimNoise(tuple(given * norm for norm in norms), (False,) * len(prediction.leaves))


def _given(prediction: Prediction) -> float:
    """Return how far, relatively, arrays are off by how they round, and by what they were computed with."""
    return GIVEN * prediction.claim.given_unit + prediction.claim.own_error


def _accumulated(prediction: Prediction, index: int, first: NDArray[Any]) -> None:
    """Raise WrongClaim if each further call adds the gradient to what the last one returned."""
    one, two = (np.array(arrays.to_numpy(prediction.at(prediction.leaves)[index])) for _ in range(2))
    if np.any(first) and np.allclose(two - one, first, rtol=1e-6, atol=1e-9 * float(np.max(np.abs(two)))):
        raise WrongClaim(
            f"the gradient of {prediction.claim.names[index]} grows from call to call: it is added to what earlier "
            "calls left; start each call from zero"
        )


def _spread(prediction: Prediction, field: Field) -> tuple[float, ...]:
    """Evaluate the claim at the point again; return ‖(first − second)∘s‖ of each argument, and how arrays round."""
    second = prediction.at(prediction.leaves)
    given = _given(prediction)
    return tuple(
        0.0
        if g is None or h is None
        else scale.norm(arrays.to_numpy(g) - arrays.to_numpy(h)) + given * scale.norm(arrays.to_numpy(g))
        for g, h, scale in zip(prediction.arrays, second, field.scales, strict=True)
    )


def any_layout(prediction: Prediction, field: Field, noise: ClaimNoise, own: Callable[[int], float]) -> str | None:
    """Return a sentence if the claim differs for the same values in another memory layout.

    `own` tells how far the claim of an argument may be off by its own round-off: at a minimum that may be all of it.
    """
    if prediction.claim.predicted:
        return None
    strided = [strided_copy(x) for x in prediction.leaves]
    if all(s is x for s, x in zip(strided, prediction.leaves, strict=True)):
        return None
    try:
        again = prediction.at(strided)
    except WrongClaim:
        try:
            field.claim.function(strided)
        except Exception:  # noqa: BLE001  the function refuses that layout itself, loudly: so may its gradient
            return None
        raise
    del strided  # as large as the arguments
    for i, (g, h) in enumerate(zip(prediction.arrays, again, strict=True)):
        if g is None or h is None:
            continue
        one, other = arrays.to_numpy(g), arrays.to_numpy(h)
        # another order of summation moves round-off only: √u is far above it and far below another array's values
        allowed = math.sqrt(field.unit) * field.scales[i].norm(one) + 2 * noise.repeat[i]
        if (moved := field.scales[i].norm(other - one)) > allowed and moved > own(i):
            return f"the gradient of {prediction.claim.names[i]} is another one when the arguments are not contiguous"
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
