"""What to call a constant factor between claim and true gradient: known numbers, dimensions, and what they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_NAMES = 3
WHOLE = 2.0**53


@dataclass(frozen=True)
class FactorName:
    """A factor c in true = c · claim: its name in the report, a sentence about it, and whether it is a known number."""

    value: float
    name: str
    advice: str
    known: bool = True


def missing(c: float) -> str:
    """Return ``factor 2 missing`` for c = 2, ``factor 2 too many`` for c = 1/2, and so on; signs are told apart."""
    if c == -1:
        return "sign flipped"
    sign, size = ("sign flipped and " if c < 0 else ""), abs(c)
    text = f"factor {size:.6g} missing" if size > 1 else f"factor {1 / size:.6g} too many"
    return sign + text


def averaged(c: float) -> str:
    """Return what a factor that is a dimension may come from: ``mean instead of sum`` (c > 1), or the other way."""
    return "mean instead of sum" if c > 1 else "sum instead of mean"


def of_dimension(c: float, label: str) -> str:
    """Return the name of a factor that is a dimension (c > 1) or its inverse; `label` is the dimension as text."""
    return f"{missing(c)} ({averaged(c)} over {label})"


def meaning(c: float, dimensions: Mapping[int, tuple[str, ...]]) -> tuple[str, str] | None:
    """Return (name, why) of a factor c > 0 that is known; None of any other.

    Parameters
    ----------
    c : float
        True over claimed.
    dimensions : mapping of int to tuple of str
        The lengths of the problem's axes and what has them, ``{64: ("x.shape[0]",)}``.

    """
    size = c if c > 1 else 1 / c
    whole = round(size)
    if abs(whole - size) > 2**-50 * size:  # 1/(1/n) is off by a rounding or two
        return None
    over = _dimensions(whole, dimensions)
    average = f"{averaged(c)} over {over}"
    if size == 2:
        why = "d/du u**2 = 2u" if c > 1 else "the loss has 1/2 in front, or a term is counted twice"
        return missing(c), f"{why}; or {average}" if over else why
    if over:
        return of_dimension(c, over.partition(" = ")[0]), average
    return missing(c), f"{averaged(c)}, if {whole} things are summed" if whole > 1 else ""


def _dimensions(n: int, dimensions: Mapping[int, tuple[str, ...]]) -> str:
    """Return ``64 = x.shape[0]``, or ``640 = 64·10 (x.shape[0], y.shape[1])``; empty if n is neither."""
    if n < 2:
        return ""
    if n in dimensions:
        return f"{n} = {dimensions[n][0]}"
    for a in sorted(dimensions):
        if a > 1 and n % a == 0 and n // a in dimensions and a <= n // a:
            return f"{a}·{n // a} = {dimensions[a][0]}·{dimensions[n // a][0]}"
    return ""


def candidates(dimensions: Mapping[int, tuple[str, ...]]) -> list[float]:
    """Return the factors worth a name, likeliest first: small numbers, dimensions, their products, 2/N, √N."""
    lengths = sorted(n for n in dimensions if n > 1)
    products = sorted({a * b for a in lengths for b in lengths})
    sizes = [2.0, *map(float, lengths), 3.0, 4.0, *map(float, products)]
    found: list[float] = [-1.0]
    for size in dict.fromkeys(sizes):
        found += [size, 1 / size]
    for n in lengths:
        found += [2 / n, n / 2, math.sqrt(n), 1 / math.sqrt(n)]
    return list(dict.fromkeys([*found, *(-c for c in found)]))


def names_of(low: float, high: float, dimensions: Mapping[int, tuple[str, ...]]) -> list[FactorName]:
    """Return the names of the factors in [low, high], best first; of the middle if none there is known."""
    middle = low / 2 + high / 2
    if not (math.isfinite(low) and math.isfinite(high) and middle and math.isfinite(1 / middle)):
        return []
    known = [c for c in candidates(dimensions) if low <= c <= high and c != 1]
    if not known and high - low < 0.2 * abs(middle):
        size = abs(middle)
        whole = round(size) if size < WHOLE else 0  # above, every float is a whole number
        inverse = round(1 / size) if 1 / WHOLE < size < 1 else 0
        for exact in (whole, 1 / inverse if inverse else 0.0):
            signed = math.copysign(exact, low)
            if exact and abs(signed) != 1 and low <= signed <= high:
                known.append(signed)
    found = [_named(c, dimensions) for c in known]
    if not found and not low <= 1 <= high:
        told = math.floor(-math.log10(max((high - low) / abs(middle), 1e-12)))
        apart = 1 + math.ceil(-math.log10(abs((1 - middle) / middle)))  # 1.00000003 is not 1
        digits = max(2, min(6, told), apart)
        text = f"{1 / middle:.{digits}g}"
        advice = f"every entry is {text} x the true gradient: a constant is wrong"
        found.append(FactorName(middle, f"constant factor {text}", advice, known=False))
    unique = {name.name: name for name in reversed(found)}
    return [name for name in found if unique.get(name.name) is name][:MOST_NAMES]


def _named(c: float, dimensions: Mapping[int, tuple[str, ...]]) -> FactorName:
    share = f"every entry is {1 / c:.6g} x the true gradient"
    if c == -1:
        return FactorName(c, missing(c), f"{share}: the sign is flipped")
    sign = "the sign is flipped and " if c < 0 else ""
    known = meaning(abs(c), dimensions)
    if known is None:
        text, note = missing(abs(c)), _ratio(abs(c), dimensions)
        return FactorName(c, ("sign flipped and " if c < 0 else "") + text, f"{share}: {sign}{text}{note}")
    name, why = known
    size, verb = (abs(c), "is missing") if abs(c) > 1 else (1 / abs(c), "too many")
    text = f"a factor {size:.6g} {verb}" + (f" ({why})" if why else "")
    return FactorName(c, ("sign flipped and " if c < 0 else "") + name, f"{share}: {sign}{text}")


def _ratio(c: float, dimensions: Mapping[int, tuple[str, ...]]) -> str:
    """Return what a factor such as 2/N or √N is made of, in brackets."""
    for n, labels in sorted(dimensions.items()):
        if n > 1:
            for value, text in (
                (2 / n, f"2/{n}"),
                (n / 2, f"{n}/2"),
                (math.sqrt(n), f"sqrt({n})"),
                (1 / math.sqrt(n), f"1/sqrt({n})"),
            ):
                if value == c:
                    return f" (true/claimed = {text}, {n} = {labels[0]})"
    return ""
