"""Inputs drawn by Hypothesis: arrays of fitting shapes.

What is drawn is made for the person who reads a failure: small shapes, short decimals that every binary floating-point
dtype holds exactly, and shrinking towards sizes of 1 and entries of 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arrays import converter
from gradcheck.errors import ArgumentError, UnsupportedError, check_choice
from gradcheck.strategies.signature import Signature, parse

try:
    from hypothesis import Verbosity, settings
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as st_numpy
except ModuleNotFoundError as error:
    raise UnsupportedError(
        "Drawing inputs needs Hypothesis, which is not installed: run `pip install 'gradcheck[hypothesis]'`."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypothesis.strategies import DrawFn, SearchStrategy
    from numpy.typing import NDArray

DTYPES = ("float64", "float32")
MOST_DRAWN = 256  # entries of an array that are drawn one by one

# No deadline: the first call of a backend is slow, and so is a machine that others use.
PROFILES = {
    "quick": settings(max_examples=50, deadline=None, print_blob=True),
    "thorough": settings(max_examples=2000, deadline=None, print_blob=True),
    "debug": settings(max_examples=10, deadline=None, verbosity=Verbosity.verbose),
}


def register_profiles() -> None:
    """Make the profiles known to Hypothesis: ``settings.load_profile("quick")``, ``"thorough"`` or ``"debug"``."""
    for name, profile in PROFILES.items():
        settings.register_profile(name, profile)


def simplest_first(found: Iterable[float]) -> list[float]:
    """Sort numbers: fewest binary places, then smallest, then positive."""
    return sorted(found, key=lambda x: (x.as_integer_ratio()[1], abs(x), x < 0))


# ±3.5 lie past the bends of functions that are clipped at 1, 2 or 3. Products are multiples of 1/256 below 2^4, so that
# a matrix product over 2^12 of them is exact even in float32.
LARGE = [3.5, -3.5]
SHORT = [*simplest_first(k / 16 for k in range(-32, 33) if k), *LARGE]  # multiples of 1/16 up to 2

OFTEN = 3 * LARGE  # in all, about one entry in ten is large


def numbers(dtype: str = "float64", *, boundary: bool = True) -> SearchStrategy[float]:
    """Draw one entry of an array: a short decimal between −2 and 2, now and then ±3.5 or a hard one.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Whose ulp and whose smallest numbers to draw.
    boundary : bool
        Draw 0, −0, ±1 with one ulp more or less, and the smallest subnormals as well, each about once in 32 entries.
        False is for functions whose kinks lie there: multiples of 1/16 are never 0, though they tie.

    """
    check_choice("dtype", dtype, DTYPES)
    if not boundary:
        return st.sampled_from([*SHORT, *OFTEN])
    info = np.finfo(dtype)
    tiny = float(info.smallest_subnormal)
    up, down = 1.0 + float(info.eps), 1.0 - float(info.eps) / 2
    hard = [0.0, -0.0, up, down, -up, -down, tiny, -tiny]
    short = [*SHORT, *OFTEN]
    return st.sampled_from([*short[:8], 0.0, *short[8:], *short, *short, *hard[1:], *hard[1:]])


def shapes_for(
    signature: str | Signature, *, min_side: int = 1, max_side: int = 6
) -> SearchStrategy[tuple[tuple[int, ...], ...]]:
    """Draw one shape for each argument of a gufunc signature; equal names get equal sizes.

    About every second draw sets one of the names to `min_side`: a mistake that shows for N = 1 only is met among a few
    dozen draws, whatever the other sizes are. Shrinks towards `min_side` for all.

    Raises
    ------
    ArgumentError
        If the signature does not fit the grammar (see `gradcheck.strategies.signature`), or the sides are out of order.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(shapes_for("(n,d),(d,3)->()"), lambda shapes: shapes[0][0] > 1)
    ((2, 1), (1, 3))

    """
    read = parse(signature) if isinstance(signature, str) else signature
    if not 0 <= min_side <= max_side:
        raise ArgumentError(f"min_side={min_side} and max_side={max_side}, wanted 0 <= min <= max")

    def drawn(what: Signature) -> SearchStrategy[tuple[tuple[int, ...], ...]]:
        return st_numpy.mutually_broadcastable_shapes(
            signature=str(what), min_side=min_side, max_side=max_side, max_dims=0
        ).map(lambda found: found.input_shapes)

    with_one = [drawn(read.fixed(name, min_side)) for name in read.names]
    return drawn(read) if not with_one else st.one_of(drawn(read), st.one_of(with_one))


def arrays_for(
    signature: str | Signature,
    *,
    dtype: str | SearchStrategy[str] = "float64",
    library: str = "numpy",
    min_side: int = 1,
    max_side: int = 6,
    boundary: bool = True,
    elements: SearchStrategy[float] | None = None,
) -> SearchStrategy[tuple[Any, ...]]:
    """Draw the arguments of a function from a gufunc signature: ``@given(arrays_for("(n,d),(d,h)->()"))``.

    Parameters
    ----------
    signature : str
        As NumPy writes it: ``(n,d),(d,h)->()``, with fixed sizes ``(3,n)`` and dimensions to leave out ``(n?)``.
    dtype : str or strategy of str
        ``"float64"``, ``"float32"``, or a strategy that draws one of them: ``st.sampled_from(["float32", "float64"])``.
    library : {"numpy", "torch"}
        Whose arrays.
    min_side, max_side : int
        The smallest and the largest size of a named dimension.
    boundary : bool
        Whether to draw hard entries too; see `numbers`.
    elements : strategy of float, optional
        What to draw entries from in place of `numbers`: ``st.sampled_from([0.5, 1.0])`` for a function of positive
        numbers.

    Returns
    -------
    strategy
        Of tuples with one array for each argument.

    Raises
    ------
    ArgumentError
        If an option is none of these, or the signature does not fit the grammar.
    UnsupportedError
        If Torch is asked for and not installed.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(arrays_for("(n,d),(d)"), lambda args: len(args[0]) == 2)
    (array([[1.],
           [1.]]), array([1.]))

    """
    shapes = shapes_for(signature, min_side=min_side, max_side=max_side)
    convert = converter(library)
    if isinstance(dtype, str):
        check_choice("dtype", dtype, DTYPES)
        dtype = st.just(dtype)

    @st.composite
    def arguments(draw: DrawFn) -> tuple[Any, ...]:
        name = draw(dtype, label="dtype")
        entries = numbers(name, boundary=boundary) if elements is None else elements
        return tuple(convert(draw_array(draw, shape, name, entries)) for shape in draw(shapes, label="shapes"))

    return arguments()


def draw_array(draw: DrawFn, shape: tuple[int, ...], dtype: str, entries: SearchStrategy[float]) -> NDArray[Any]:
    """Draw an array entry by entry; entries that the dtype does not hold are rounded to it.

    Of a large one `MOST_DRAWN` entries are drawn, and each stands in many places: Hypothesis gives up on a case that
    takes some thousand choices.
    """
    count = math.prod(shape)
    if count <= MOST_DRAWN:
        return np.array(draw(st.lists(entries, min_size=count, max_size=count)), dtype=dtype).reshape(shape)
    few = np.array(draw(st.lists(entries, min_size=MOST_DRAWN, max_size=MOST_DRAWN)), dtype=dtype)
    places = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="places")).integers(0, MOST_DRAWN, shape)
    return few[places]
