"""The data of the two-layer ReLU network: drawn at random, on the ReLU boundary, and checked before use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class Shape(NamedTuple):
    """The four sizes of the network: samples, inputs, hidden units, outputs."""

    n: int = 64
    d_in: int = 1000
    h: int = 100
    d_out: int = 10


class Problem(NamedTuple):
    """One training problem: the arguments of the loss, in its order, as arrays of one library.

    Attributes
    ----------
    x : array (n, d_in)
        One sample a row.
    y : array (n, d_out)
        What the network should answer.
    w1 : array (d_in, h)
        Weights from the inputs to the hidden units.
    w2 : array (h, d_out)
        Weights from the hidden units to the outputs.

    """

    x: Any
    y: Any
    w1: Any
    w2: Any


def draw(shape: Shape = Shape(), seed: int = 0, dtype: DTypeLike = "float64") -> Problem:  # noqa: B008
    """Draw x, y, w1, w2, in this order, from a standard normal.

    The numbers are drawn in float64 and rounded to `dtype`, so that one seed means the same problem in every
    precision.

    Raises
    ------
    ArgumentError
        If a size is not an integer of at least 0, or `dtype` is not a floating-point one.

    Examples
    --------
    >>> problem = draw(Shape(n=2, d_in=3, h=4, d_out=1), seed=7)
    >>> [array.shape for array in problem]
    [(2, 3), (2, 1), (3, 4), (4, 1)]

    """
    shape = _checked_shape(shape, smallest=0)
    dtype = _checked_dtype(dtype)
    rng = np.random.default_rng(seed)

    def normal(*size: int) -> NDArray[Any]:
        return rng.standard_normal(size).astype(dtype)

    return Problem(
        x=normal(shape.n, shape.d_in),
        y=normal(shape.n, shape.d_out),
        w1=normal(shape.d_in, shape.h),
        w2=normal(shape.h, shape.d_out),
    )


def boundary(shape: Shape = Shape(), seed: int = 0, dtype: DTypeLike = "float64") -> Problem:  # noqa: B008
    """Draw a problem with some hidden units exactly 0, at which relu'(0) = 1 gives a subgradient of the loss.

    **Exact.** x, w2 and y_pred − y are integers, w1 is integers except its first row, which holds multiples
    of 1/2. Every sum of the forward and of the backward pass is then one of multiples of 1/2 whose absolute
    values add up to at most 2^23 (checked), which float32 (24 bits) computes without rounding in any order.

    **Where the zeros are.** x[n, 0] = 1 for every sample, so that w1[0, k] is the threshold of hidden unit k:

        h[n, k] = w1[0, k] + p[n, k],      p[n, k] = Σ_{i ≥ 1} x[n, i]·w1[i, k]   (an integer).

    A threshold of ±1/2 keeps |h[:, k]| ≥ 1/2. About a quarter of the units get the threshold −p[n, k] for
    one sample n whose p is unique in the column, and no sample is used twice: at most one zero in a row and
    in a column. Where no column of the draw has a unique p (d_in = 1 and several samples: all p are 0), one
    unit k gets its rarest value, and several h[n, k] of that one column are 0.

    **Why the hand gradient is a subgradient.** Let Z be the set of zeros and s[n, k] = ∂loss/∂h_relu[n, k].
    Near the point the loss is a smooth function of its argument and of relu(h[n, k]), (n, k) ∈ Z. Where all
    h of Z are positive it is differentiable, and as such points approach the problem their gradients converge
    to the chain rule's value with relu'(0) = 1: a limit of gradients, therefore a Clarke subgradient, if one
    direction of the argument lifts every h of Z at once.

    * w1: raise w1[0, k]; then dh[n, k] = x[n, 0] = 1 > 0 for every zero of column k.
    * x: row n holds at most one zero (n, k), and dx[n, :] = w1[:, k]ᵀ gives dh[n, k] = |w1[:, k]|² > 0. For
      d_in = 1 the zero unit has w1[:, k] = 0, so that h[n, k] stays 0 for every x: the loss is smooth in x
      there, and the hand gradient adds s[n, k]·w1[:, k]ᵀ = 0.
    * w2 and y do not move h: the loss is a polynomial in them, and no convention enters.

    **Why it is a kink.** Along dw1[0, k] = 1 all zeros of column k change sides together, and the slopes on
    the two sides differ by Σ s[n, k] over them: y is chosen so that this sum is not 0. (With at most one zero
    a column every sign pattern of Z is met nearby, and the subdifferential along w1 is a box with 2^|Z|
    vertices, of which the hand gradient is one.)

    Parameters
    ----------
    shape : Shape
        Every size at least 1.
    seed : int
        Seed of the draw.
    dtype : dtype
        float32 or float64 (wider is fine, and float16 for the smallest shapes).

    Raises
    ------
    ArgumentError
        If a size is less than 1, `dtype` is no floating-point one, or the sums are too long to be exact.

    Examples
    --------
    >>> problem = boundary(Shape(n=3, d_in=5, h=4, d_out=2), seed=0)
    >>> int((problem.x @ problem.w1 == 0).sum())
    1

    """
    shape = _checked_shape(shape, smallest=1)
    dtype = _checked_dtype(dtype)
    rng = np.random.default_rng(seed)

    x = _nonzero_integers(rng, 2, (shape.n, shape.d_in))
    x[:, 0] = 1.0
    w1 = _nonzero_integers(rng, 1, (shape.d_in, shape.h))
    w2 = _nonzero_integers(rng, 1, (shape.h, shape.d_out))
    # Residuals of the size of y_pred as far as float32 allows: n·d_out squares add up to less than 2^20.
    largest = min(32, max(1, int((2**20 / (shape.n * shape.d_out)) ** 0.5)))
    residual = _nonzero_integers(rng, largest, (shape.n, shape.d_out))

    w1[0] = _thresholds(x[:, 1:] @ w1[1:], zeros=max(1, shape.h // 4)) + 0.0
    h = x @ w1
    for k in np.flatnonzero((h == 0).any(axis=0)):
        _open_the_kink(residual, w2[k], h[:, k] == 0)
    y = np.maximum(h, 0) @ w2 - residual

    _check_exact(x, w1, w2, residual, dtype)
    return Problem(*(array.astype(dtype) for array in (x, y, w1, w2)))


def coinciding_kinks(dtype: DTypeLike = "float64") -> Problem:
    """Two kinks that coincide and cancel: here no fixed relu'(0) makes the chain rule right.

    Two samples x = (1, −1)ᵀ share one weight w1 = 0, so that h = (w1, −w1)ᵀ, with y = (−1, 1)ᵀ and w2 = 1:

        loss(w1) = (relu(w1) + 1)² + (relu(−w1) − 1)² = (w1 + 1)² + 1   on both sides of 0,

    which is smooth with slope 2 at 0. The chain rule gives 4 with relu'(0) = 1 and 0 with relu'(0) = 0:
    neither is a subgradient of the loss. (relu'(0) = 1/2 happens to give 2 here, and fails elsewhere.)

    Examples
    --------
    >>> from gradcheck.two_layer_relu import numpy_core
    >>> float(numpy_core.gradients(*coinciding_kinks()).w1[0, 0])    # the slope is 2
    4.0

    """
    dtype = _checked_dtype(dtype)
    return Problem(
        x=np.array([[1], [-1]], dtype),
        y=np.array([[-1], [1]], dtype),
        w1=np.array([[0]], dtype),
        w2=np.array([[1]], dtype),
    )


def check_fit(**arrays: Any) -> Shape:
    """Check that x, y, w1, w2 (any of them) fit together, without looking at their numbers.

    Works for arrays and tensors of every library, and lets arrays of exact numbers (dtype object) and of
    integers through beside floating-point ones: the formulas hold for them too.

    Parameters
    ----------
    **arrays
        Some of x (n, d_in), y (n, d_out), w1 (d_in, h), w2 (h, d_out), by name.

    Returns
    -------
    Shape
        The sizes; −1 for one that no array given has.

    Raises
    ------
    ArgumentError
        Naming the array that does not fit: what it is, what it should be.

    """
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        axes = _AXES[name]
        got = tuple(array.shape)
        if len(got) != 2:
            want = f"({', '.join(axes)})"
            raise ArgumentError(f"{name} has shape {got}, wanted a matrix {want}: reshape it.")
        fitting = tuple(sizes.setdefault(axis, size) for axis, size in zip(axes, got, strict=True))
        if got != fitting:
            others = ", ".join(f"{other} {tuple(arrays[other].shape)}" for other in arrays if other != name)
            raise ArgumentError(
                f"{name} has shape {got}, wanted ({', '.join(axes)}) = {fitting} to fit {others}: "
                f"pass x (n, d_in), y (n, d_out), w1 (d_in, h), w2 (h, d_out)."
            )
    _check_one_kind(arrays)
    return Shape(*(sizes.get(axis, -1) for axis in Shape._fields))


def check_problem(problem: Problem) -> Shape:
    """Check that a problem can be trained on: shapes fit, one floating-point dtype, one device, all finite.

    Raises
    ------
    ArgumentError
        Naming the array, what it holds, what it should hold and what to do.

    """
    for name, array in problem._asdict().items():
        if not hasattr(array, "shape") or not hasattr(array, "dtype"):
            raise ArgumentError(
                f"{name} is a {type(array).__name__}, wanted an array of floating-point numbers: "
                f"pass numpy.asarray({name}, dtype='float64')."
            )
    shape = check_fit(**problem._asdict())
    for name, array in problem._asdict().items():
        if not _is_floating(array):
            raise ArgumentError(
                f"{name} has dtype {array.dtype}, but training needs a floating-point one: "
                f"convert it to the dtype of the others, such as float64."
            )
        if not bool((abs(array) < math.inf).all()):  # NaN is not below either; any array library has abs
            raise ArgumentError(f"{name} holds NaN or infinite numbers, wanted finite ones: clean it before training.")
    return shape


_AXES = {"x": ("n", "d_in"), "y": ("n", "d_out"), "w1": ("d_in", "h"), "w2": ("h", "d_out")}


def _check_one_kind(arrays: dict[str, Any]) -> None:
    """Refuse two floating-point dtypes, or two devices, among the arrays."""
    floating = {name: array for name, array in arrays.items() if _is_floating(array)}
    for attribute, holders in (("dtype", floating), ("device", arrays)):
        kinds = {name: getattr(array, attribute, "cpu") for name, array in holders.items()}
        want = next(iter(kinds.values()), None)
        for name, got in kinds.items():
            if got != want and str(got) != str(want):  # to print a dtype takes longer than a small product of matrices
                raise ArgumentError(
                    f"{name} has {attribute} {got}, wanted {want} like {next(iter(kinds))}: "
                    f"convert the arrays to one {attribute}."
                )


def _is_floating(array: Any) -> bool:
    """Whether a NumPy array or a Torch tensor holds floating-point numbers."""
    kind = getattr(array.dtype, "kind", None)
    return kind == "f" if kind is not None else bool(array.dtype.is_floating_point)


def _checked_shape(shape: Any, *, smallest: int) -> Shape:
    sizes = tuple(shape)
    if len(sizes) != 4 or not all(isinstance(size, (int, np.integer)) and size >= smallest for size in sizes):
        raise ArgumentError(
            f"shape is {sizes}, wanted four integers n, d_in, h, d_out of at least {smallest}: "
            f"pass Shape(64, 1000, 100, 10) or the like."
        )
    return Shape(*(int(size) for size in sizes))


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if checked is None or checked.kind != "f":
        raise ArgumentError(f"dtype is {dtype!r}, wanted a floating-point one: pass 'float32' or 'float64'.")
    return checked


def _nonzero_integers(rng: np.random.Generator, largest: int, size: tuple[int, ...]) -> NDArray[Any]:
    """Integers ±1 … ±largest, as float64."""
    return rng.choice([-1.0, 1.0], size) * rng.integers(1, largest, size, endpoint=True)


def _thresholds(p: NDArray[Any], *, zeros: int) -> NDArray[Any]:
    """Choose w1[0] given p (n, h): ±1/2 keeps a unit off its kink, −p[n, k] puts h[n, k] on it."""
    n, h = p.shape
    thresholds = np.where(np.arange(h) % 2 == 0, 0.5, -0.5)
    free = np.full(n, fill_value=True)
    left = min(zeros, n)
    for k in range(h):
        values, counts = np.unique(p[:, k], return_counts=True)
        candidates = values[(counts == 1) & np.isin(values, p[free, k])]
        if left > 0 and candidates.size > 0:
            value = candidates[np.abs(candidates).argmin()]
            thresholds[k] = -value
            free &= p[:, k] != value
            left -= 1
    if free.all():  # no column has a unique value
        values, counts = np.unique(p[:, 0], return_counts=True)
        thresholds[0] = -values[counts.argmin()]
    return thresholds


def _open_the_kink(residual: NDArray[Any], w2_row: NDArray[Any], zero: NDArray[Any]) -> None:
    """Change one residual, if need be, so that the zeros of hidden unit k do not cancel along its threshold.

    The slope jumps there by Σ s[n, k] over the zeros, with s[n, k] = 2·residual[n]·w2[k].
    """
    if (residual[zero] @ w2_row).sum() == 0:
        first = np.flatnonzero(zero)[0]
        residual[first, 0] += np.sign(residual[first, 0])  # moves the jump by ±2·w2[k, 0], which is not 0


def _check_exact(
    x: NDArray[Any], w1: NDArray[Any], w2: NDArray[Any], residual: NDArray[Any], dtype: np.dtype[Any]
) -> None:
    """Refuse a problem with a sum that `dtype` might round, in the worst order of adding."""
    x, w1, w2, grad_y_pred = abs(x), abs(w1), abs(w2), abs(2 * residual)
    h = x @ w1
    grad_h = grad_y_pred @ w2.T
    sums = (h @ w2 + grad_y_pred, h.T @ grad_y_pred, grad_h, x.T @ grad_h, grad_h @ w1.T)
    worst = max(float((residual**2).sum()), *(float(array.max()) for array in sums))
    # p bits hold every multiple of 1/2 up to 2^(p−1), and p = nmant + 1.
    if worst > 2.0 ** np.finfo(dtype).nmant:
        raise ArgumentError(
            f"shape {(*x.shape, *w2.shape)} gives sums of up to {worst:.3g}, but {dtype} is exact only up to "
            f"{2.0 ** np.finfo(dtype).nmant:.3g}: pass a smaller shape or dtype='float64'."
        )
