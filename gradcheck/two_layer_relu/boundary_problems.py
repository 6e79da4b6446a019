"""Networks on the ReLU boundary, drawn by Hypothesis: hidden units that are 0, or next to 0, in chosen places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from gradcheck.arrays import converter
from gradcheck.errors import ArgumentError, check_choice
from gradcheck.strategies.drawn import DTYPES, draw_array
from gradcheck.two_layer_relu.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy
    from numpy.typing import NDArray

KINDS = ("zero", "signed zero", "ulp", "subnormal")


def boundary_problems(
    *,
    places: Sequence[tuple[int, int]] | None = None,
    kinds: Sequence[str] = KINDS,
    dtype: str | SearchStrategy[str] | None = None,
    library: str = "numpy",
    max_side: int = 4,
) -> SearchStrategy[Problem]:
    """Draw two-layer ReLU networks whose hidden units are 0, or next to 0, in chosen or random places.

    x = [I | 1 | integers] and w1 = [T; c; W] give h = T + c + (integers)·W, so that T puts any value at any place
    (sample, unit). Every hidden unit k is of one kind, and whatever the order of adding, h is computed exactly in
    float32 and float64, NumPy and Torch:

    * ``"zero"``: c and W are integers, T the integers that make h 0 at its places and a nonzero integer elsewhere;
    * ``"ulp"``: W = 0, c = ∓1, and at its places T is 1 with one ulp more or less (or none): h is ±1 ulp of 1, or 0;
    * ``"subnormal"``: W = 0, c = 0, and T is the smallest subnormal at its places, of either sign;
    * ``"signed zero"``: W = 0, c = −0, and T is 0 or −0 at its places, so that all products are signed zeros.

    h moves with T place by place, so all kinks are independent in w1, where every convention gives a subgradient. In x
    that holds as long as the columns of w1 whose units are 0 for one sample are linearly independent.

    Parameters
    ----------
    places : sequence of (sample, unit), optional
        Where hidden units are to be 0 or next to it. By default random places, at least one.
    kinds : sequence of str
        Which of ``"zero"``, ``"ulp"``, ``"subnormal"`` and ``"signed zero"`` to draw.
    dtype : str or strategy of str, optional
        ``"float64"`` or ``"float32"``; by default either.
    library : {"numpy", "torch"}
        Whose arrays.
    max_side : int
        The largest number of samples, hidden units, outputs, and integer columns of x.

    Raises
    ------
    ArgumentError
        If an option is none of these.

    Examples
    --------
    >>> from hypothesis import find
    >>> problem = find(boundary_problems(places=[(1, 0)], kinds=["zero"], dtype="float64"), lambda _: True)
    >>> problem.x @ problem.w1
    array([[1.],
           [0.]])

    """
    for kind in kinds:
        check_choice("kinds", kind, KINDS)
    wanted = None if places is None else [(int(n), int(k)) for n, k in places]
    if wanted is not None and (not wanted or min(min(place) for place in wanted) < 0):
        raise ArgumentError(f"places is {places!r}, wanted pairs (sample, unit) of at least 0, such as [(0, 0)]")
    if isinstance(dtype, str):
        check_choice("dtype", dtype, DTYPES)
    dtypes = st.sampled_from(DTYPES) if dtype is None else st.just(dtype) if isinstance(dtype, str) else dtype
    convert = converter(library)
    least = (1, 1) if wanted is None else tuple(max(column) + 1 for column in zip(*wanted, strict=True))

    @st.composite
    def problems(draw: DrawFn) -> Problem:
        name = draw(dtypes, label="dtype")
        sides = st.integers(0, max_side)
        n, hidden = (draw(st.integers(low, max(low, max_side))) for low in least)
        d_out, extra = draw(st.integers(1, max_side)), draw(sides)
        here = _mask(draw, n, hidden) if wanted is None else _given_mask(wanted, n, hidden)
        x = np.hstack([np.eye(n), np.ones((n, 1)), _integers(draw, (n, extra))])
        columns = [
            _unit(draw, draw(st.sampled_from(list(kinds)), label="kind"), x[:, n:], here[:, k], name)
            for k in range(hidden)
        ]
        w1 = np.stack(columns, axis=1)
        y, w2 = _integers(draw, (n, d_out)), _integers(draw, (hidden, d_out))
        return Problem(*(convert(array.astype(name)) for array in (x, y, w1, w2)))

    return problems()


def _unit(
    draw: DrawFn, kind: str, rest: NDArray[np.float64], here: NDArray[np.bool_], dtype: str
) -> NDArray[np.float64]:
    """Draw the weights (T, c, W) of one hidden unit; `rest` is x without its identity."""
    n, others = len(rest), rest.shape[1] - 1
    away = _integers(draw, (n,))
    info = np.finfo(dtype)
    if kind == "zero":
        weights = _integers(draw, (1 + others,))
        return np.concatenate([np.where(here, 0.0, away) - rest @ weights, weights])
    if kind == "ulp":
        near = [1.0, 1.0 + float(info.eps), 1.0 - float(info.eps) / 2]
        sign = draw(st.sampled_from([1.0, -1.0]))
        at = np.array([sign * draw(st.sampled_from(near)) for _ in range(n)])
        far = away + sign  # c takes the sign away again: a nonzero integer is left
        return np.concatenate([np.where(here, at, far), [-sign], np.zeros(others)])
    tiny = float(info.smallest_subnormal)
    values = [tiny, -tiny] if kind == "subnormal" else [-0.0, 0.0]
    at = np.array([draw(st.sampled_from(values)) for _ in range(n)])
    constant = 0.0 if kind == "subnormal" else -0.0
    return np.concatenate([np.where(here, at, away), np.full(1 + others, constant)])


def _integers(draw: DrawFn, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw nonzero integers of up to 3, as float64."""
    return draw_array(draw, shape, "float64", st.sampled_from([1.0, -1.0, 2.0, -2.0, 3.0, -3.0]))


def _mask(draw: DrawFn, n: int, hidden: int) -> NDArray[np.bool_]:
    """Draw the places, at least one; shrinks to one, the first."""
    first = draw(st.integers(0, n * hidden - 1), label="place")
    flags = draw(st.lists(st.booleans(), min_size=n * hidden, max_size=n * hidden), label="places")
    flags[first] = True
    return np.array(flags, dtype=bool).reshape(n, hidden)


def _given_mask(places: Sequence[tuple[int, int]], n: int, hidden: int) -> NDArray[np.bool_]:
    mask = np.zeros((n, hidden), dtype=bool)
    for place in places:
        mask[place] = True
    return mask
