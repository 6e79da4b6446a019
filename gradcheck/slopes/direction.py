"""Random directions, scaled to the argument they probe, and what a claim predicts along them.

Gaussian and not ±1: two wrong entries that are equal and opposite cancel half of the time under ±1, and never under a
Gaussian; and e·v is then normal with variance ‖e∘s‖², which is what the certificate rests on.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.every_float import exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

# Entries that span more than this are scaled one by one: along rms(x)·z the small ones would leave their domain.
SPAN = 1e3
BLOCK = 2**13  # entries, 64 kB: temporaries that stay in cache, and that the allocator need not ask the system for
EXPONENT = np.int64(0x7FF0_0000_0000_0000)  # the exponent bits of a float64; a power of 2 has no other
LARGEST = float(np.finfo(np.float64).max)
SAFE_SQUARES = 2.0**-700, 2.0**798  # a sum of squares in which nothing overflows, and what vanishes does not count


@dataclass(frozen=True)
class Scale:
    """The size s of an argument: one number, or one for each entry; a direction is v = stretch · s∘z."""

    value: float | NDArray[np.float64]

    def norm(self, gradient: NDArray[Any]) -> float:
        """Return ‖g∘s‖, the standard deviation of g·v over directions.

        Scaled by powers of two first: a square of 1e200 overflows, one of 1e-200 vanishes. Infinite only where the
        norm itself is beyond the largest number.
        """
        if isinstance(self.value, float) and gradient.dtype == np.float64:
            square = float(np.vdot(gradient, gradient))  # which warns of no overflow
            if SAFE_SQUARES[0] < square < SAFE_SQUARES[1]:  # so is every entry's
                return math.sqrt(square) * self.value
        sizes, exponent = _near_one((np.abs(gradient) if np.iscomplexobj(gradient) else gradient).ravel())
        if isinstance(self.value, float):
            scale, at = math.frexp(self.value)
            return _of_exponent(float(np.linalg.norm(sizes)) * scale, exponent + at)
        scales, at = _near_one(np.abs(self.value).ravel())
        return _of_exponent(float(np.linalg.norm(sizes * scales)), exponent + at)


def _near_one(sizes: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return (sizes / 2^k, k), the largest |size| in [1/2, 1); as they are where products and squares are safe."""
    largest = max(float(sizes.max(initial=0.0)), -float(sizes.min(initial=0.0)))
    if largest == 0 or not math.isfinite(largest) or 2.0**-200 < largest < 2.0**200:
        return sizes, 0
    exponent = math.frexp(largest)[1]
    return np.ldexp(sizes, -exponent), exponent


def _of_exponent(value: float, exponent: int) -> float:
    """Return value·2^exponent, infinite where that is beyond the largest number."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def scale_of(x: NDArray[Any], normal: float = 2.0**-1022) -> Scale:
    """Return the size of x: its root mean square, entry by entry where entries span more than 1e3, 1 where x = 0.

    Entries below `normal`, the smallest normal number of the dtype they came in, count as 0: they have too few digits
    to be moved by a part of themselves, and stand for 0.
    """
    sizes = np.abs(x)
    counted = (sizes >= normal) & (sizes > 0)
    nonzero = sizes if counted.all() else sizes[counted]
    del counted
    if nonzero.size == 0:
        return Scale(1.0)
    largest = float(nonzero.max())
    if math.isinf(largest):  # a mask of −∞, which no claim is made about
        return scale_of(np.where(np.isfinite(sizes), sizes, 0), normal)
    # the fraction of small entries first: a median of many takes longer than f
    if largest > SPAN * float(nonzero.min()) and np.count_nonzero(nonzero < largest / SPAN) > 0.04 * nonzero.size:
        median = float(np.median(nonzero))
        if largest > SPAN * median or median > SPAN * float(np.quantile(nonzero, 0.05, method="lower")):
            # no entry is scaled by more than 1e3 times itself (its domain), nor by less than that allows (its weight)
            size = sizes.astype(np.float64)
            return Scale(
                np.maximum(size, np.where(size >= float(nonzero.min()), np.minimum(median, SPAN * size), median))
            )
    del nonzero  # as large as x
    out = sizes if sizes.ndim else None
    return Scale(largest * math.sqrt(float(np.mean(np.square(np.divide(sizes, largest, out=out), out=out)))))


def draw(
    x: Any,
    scale: Scale,
    rng: np.random.Generator,
    *,
    stretch: float = 1.0,
    tangent: Callable[[Any], Any] | None = None,
) -> Any:
    """Return a direction v drawn from `rng` in x's library, dtype and device.

    v is Gaussian, rounded so far that x + t·v is exact for every step t = 2^k the ladder uses (as far as an entry
    that is smaller than its own step allows). So φ is sampled where it is said to be, at any size of x.

    Parameters
    ----------
    x : array
        The argument.
    scale : Scale
        Its size.
    rng : Generator
        See `gradcheck.slopes.streams`: the same stream gives the same direction on every library and device.
    stretch : float
        A factor on v, which moves all steps by as much.
    tangent : callable, optional
        Maps a NumPy direction to the nearest one that the argument allows (a symmetric one, say).

    """
    shape = arrays.shape_of(x)
    v = rng.standard_normal(shape)
    if arrays.is_complex(x):
        v = v + 1j * rng.standard_normal(shape)
    v *= scale.value * stretch
    if tangent is not None:
        v = np.asarray(tangent(v)).reshape(shape)
    v = np.asarray(v)
    return placed(x, v, out=v if tangent is None else None)


def draw_by_parts(
    x: Any, scale: Scale, rng: np.random.Generator, *, stretch: float = 1.0
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield what `draw` returns block by block, flat, a complex entry as two: no array as large as it is made."""
    name, flat, each = arrays.dtype_name(x), x.reshape(-1), 2 if arrays.is_complex(x) else 1
    sizes = scale.value if isinstance(scale.value, float) else np.ravel(scale.value)
    sources = [rng]
    if each > 1:  # imaginary parts are drawn after all real ones
        sources.append(copy.deepcopy(rng))
        for first in range(0, len(flat), BLOCK):
            sources[1].standard_normal(min(BLOCK, len(flat) - first))

    def block(first: int) -> tuple[slice, NDArray[np.float64]]:
        part = slice(first, first + BLOCK // each)
        here, size = flat[part], sizes if isinstance(sizes, float) else sizes[part]
        values = np.asarray(arrays.to_numpy(here)).view(np.float64).reshape(-1, each)
        v = np.stack([source.standard_normal(len(values)) for source in sources], axis=1)
        v *= np.reshape(size * stretch, (-1, 1))
        _round_block(np.abs(values), v, v, name)
        made = v.view(np.complex128)[:, 0] if each > 1 else v[:, 0]
        rounded = np.ascontiguousarray(arrays.to_numpy(arrays.like(made, here))).view(np.float64)
        return slice(each * first, each * first + len(rounded)), rounded

    return map(block, range(0, len(flat), BLOCK // each))  # which keeps no block that was yielded


def drawn_together(
    x: Any, scale: Scale, generators: Sequence[np.random.Generator], stretches: Sequence[float]
) -> list[Any]:
    """Return what `draw` does for each generator and stretch; of a small real argument all are rounded at once."""
    if arrays.is_complex(x) or arrays.total_size([x]) * len(generators) > BLOCK:
        pairs = zip(generators, stretches, strict=True)
        return [draw(x, scale, rng, stretch=stretch) for rng, stretch in pairs]
    values, sizes = np.ravel(arrays.to_numpy(x)), np.ravel(scale.value)  # x may have all axes that NumPy knows
    v = np.empty((len(generators), values.size))
    for n, (rng, stretch) in enumerate(zip(generators, stretches, strict=True)):
        v[n] = rng.standard_normal(values.size) * (sizes * stretch)
    _round_block(np.abs(values), v, v, arrays.dtype_name(x))
    return [arrays.like(v[n].reshape(arrays.shape_of(x)), x) for n in range(len(generators))]


def placed(x: Any, v: NDArray[Any], out: NDArray[Any] | None = None) -> Any:
    """Return v in x's library, dtype and device, rounded so far that x + t·v is exact for every step of the ladder.

    A real v is rounded into `out`, where that is given; it may be v.
    """
    name = arrays.dtype_name(x)
    values = arrays.to_numpy(x)
    if np.iscomplexobj(v):
        rounded = _on_grid(values.real, v.real, name) + 1j * _on_grid(values.imag, v.imag, name)
    else:
        rounded = _on_grid(values, v, name, out)
    return arrays.like(rounded, x)


def _on_grid(
    x: NDArray[np.float64], v: NDArray[np.float64], name: str, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Round v to multiples of (spacing of x + v/4) / (finest step), block by block: its temporaries stay in cache."""
    rounded = np.empty(v.shape, dtype=np.float64) if out is None or not out.flags.c_contiguous else out
    into, values, flat = rounded.reshape(-1), np.ravel(x), np.ravel(v)
    for first in range(0, into.size, BLOCK):
        part = slice(first, first + BLOCK)
        _round_block(np.abs(values[part]), flat[part], into[part], name)
    return rounded


def _round_block(sizes: NDArray[np.float64], v: NDArray[np.float64], out: NDArray[np.float64], name: str) -> None:
    """Write v, rounded as `_on_grid` says, into `out`, which may be v; `sizes` are |x|.

    The leading bit p of |x| + |v|/4 gives the spacing 2p·u, and v < 8p. A sum rounds to the spacing of its larger term,
    ties to even: v + c − c is v rounded to multiples of 2^-52 of c's leading bit.
    """
    spacing = 2 * arrays.ROUNDOFF[name]
    both = np.abs(v)
    both /= 4
    both += sizes
    if not both.max(initial=0.0) < 2.0**900:  # c would overflow, or x is no number
        out[...] = _rounded(both, v, name)
        return
    bits = both.view(np.int64)
    bits &= EXPONENT
    np.maximum(both, arrays.SMALLEST[name] / spacing, out=both)
    both *= 1.5 * 2.0**52 * math.ldexp(spacing, -arrays.FINEST[name])
    np.add(v, both, out=out)
    np.subtract(out, both, out=out)


def _rounded(sizes: NDArray[np.float64], v: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Round v as `_on_grid` does, at sizes where no number may be larger."""
    exponents = np.frexp(sizes)[1] + int(math.log2(arrays.ROUNDOFF[name]))
    shift = np.maximum(exponents, int(math.log2(arrays.SMALLEST[name]))) - arrays.FINEST[name]
    rounded: NDArray[np.float64] = np.ldexp(np.round(np.ldexp(v, -shift)), shift)
    return rounded


def inner_products(gradients: Sequence[NDArray[Any]], directions: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Return g·v of every gradient and direction, and bounds on their round-off: (2, gradients, directions).

    A sum of n terms, in whatever order they are added, is off by at most n·u·Σ|g_i v_i| (N. Higham, "Accuracy and
    Stability of Numerical Algorithms", 2nd ed., section 3.1), and Σ|g_i v_i| ≤ ‖g‖‖v‖. Here blocks are added so, and
    then their sums.
    """
    if any(map(np.iscomplexobj, (*gradients, *directions))):
        return np.transpose([[inner(g, v) for v in directions] for g in gradients], (2, 0, 1))
    lefts, rights = ([x.ravel() for x in many] for many in (gradients, directions))
    size = rights[0].size
    values = np.zeros((len(lefts), len(rights)))
    squares, lengths = np.zeros(len(lefts)), np.zeros(len(rights))
    for first in range(0, size, BLOCK):
        part = slice(first, first + BLOCK)
        left, right = (np.stack([x[part] for x in many]) for many in (lefts, rights))
        values += left @ right.T
        squares += np.einsum("ij,ij->i", left, left)
        lengths += np.einsum("ij,ij->i", right, right)
    zero = np.array([square == 0 and not x.any() for square, x in zip(squares, lefts, strict=True)])
    products = squares[:, None] * lengths
    if not np.all(zero[:, None] | ((products > SAFE_SQUARES[0]) & (products < SAFE_SQUARES[1]))):
        return np.transpose([[inner(g, v) for v in directions] for g in gradients], (2, 0, 1))
    terms = min(size, BLOCK) + size // BLOCK + 2
    return np.stack([values, 2.0**-53 * terms * np.sqrt(products)])


def inner(gradient: NDArray[Any], v: Any) -> tuple[float, float]:
    """Return (g·v, a bound on the round-off of computing it in float64).

    For complex arguments g·v is Re Σ conj(g_i) v_i: g = ∂f/∂a + i ∂f/∂b, Torch's convention, so that −g descends.
    The bound is γ Σ|g_i v_i| with γ = u(20 + log₂ n): NumPy adds in blocks of at most 128 by eight accumulators, then
    pairwise (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 4.2). Here it adds our
    blocks so, and their sums are added without error.
    """
    direction = arrays.to_numpy(v)
    gamma = 2.0**-53 * (20 + math.log2(max(direction.size, 1)))
    value, total = _summed(np.ravel(gradient), np.ravel(direction))
    if 2.0**-900 < total < math.inf:
        return value, gamma * total
    # products overflow or vanish: again, with both factors brought near 1
    up, down = _exponent_of(gradient), _exponent_of(direction)
    terms = (np.conj(_times_power(gradient, -up)) * _times_power(direction, -down)).real
    value, total = float(np.sum(terms)), float(np.sum(np.abs(terms)))
    lost = terms.size * 2.0**-1074 if total > 0 else 0.0
    value, error = _of_exponent(value, up + down), _of_exponent(gamma * total, up + down) + lost
    if math.isinf(value):  # beyond the largest number, and so beyond every slope: that much is enough to know
        value, error = math.copysign(LARGEST, value), gamma * LARGEST
    return value, error


def _summed(gradient: NDArray[Any], direction: NDArray[Any]) -> tuple[float, float]:
    """Return Σ Re conj(g_i) v_i and Σ |Re conj(g_i) v_i|, block by block."""
    sums, totals = [], []
    for first in range(0, gradient.size, BLOCK):
        g, v = gradient[first : first + BLOCK], direction[first : first + BLOCK]
        terms = (np.conj(g) * v).real if np.iscomplexobj(g) else g * v.real
        sums.append(float(terms.sum()))
        totals.append(float(np.abs(terms).sum()))
    if len(sums) == 1:
        return sums[0], totals[0]
    if not all(map(math.isfinite, totals)):
        return math.nan, math.inf
    return exact_sum(sums), exact_sum(totals)


def _exponent_of(x: NDArray[Any]) -> int:
    largest = float(np.max(np.abs(x), initial=0.0))
    return math.frexp(largest)[1] if 0 < largest < math.inf else 0


def _times_power(x: NDArray[Any], exponent: int) -> NDArray[Any]:
    """Return x·2^exponent, also where 2^exponent is no number."""
    half = exponent // 2
    return x * 2.0**half * 2.0 ** (exponent - half)
