"""Right gradients in the corners that people meet: minima, stairs, offsets, constants, steep, tiny and huge numbers.

Each class draws a `Case` (f, its gradient worked out on paper, a point) from a generator. `WRONG` draws claims that are
wrong by far more than a check states to see: none of them may pass.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from functions import Case, _softmax
from scipy.special import logsumexp

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

RIGHT: dict[str, list[Callable[[Generator], Case]]] = {}
WRONG: dict[str, list[Callable[[Generator], Case]]] = {}


def _register(table: dict[str, list[Callable[[Generator], Case]]], kind: str):
    def named(draw):
        table.setdefault(kind, []).append(lambda rng: Case(draw.__name__, *draw(rng)))
        return draw

    return named


def right(kind: str):
    """Register a family of right gradients under the class `kind`."""
    return _register(RIGHT, kind)


def wrong(kind: str):
    """Register a family of wrong gradients under the class `kind`."""
    return _register(WRONG, kind)


def drawn(table: dict[str, list[Callable[[Generator], Case]]], kind: str, rng: Generator) -> Case:
    """Return one case of a class."""
    families = table[kind]
    return families[int(rng.integers(len(families)))](rng)


def _size(rng: Generator, most: int = 30) -> int:
    return int(rng.integers(1, most))


def _orthogonal(rng: Generator, n: int) -> Any:
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


# --- exact minima: f and its gradient are zero, up to round-off


@right("minima")
def least_squares_at_its_solution(rng):
    n, m = _size(rng, 10), _size(rng, 30)
    A, w = rng.standard_normal((m, n)), rng.standard_normal(n)
    y = A @ w
    return lambda w: np.sum((A @ w - y) ** 2), lambda w: (2 * A.T @ (A @ w - y),), (w,)


@right("minima")
def mean_square_of_a_network_at_its_teacher(rng):
    X, W, v = rng.standard_normal((20, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)
    y = np.tanh(X @ W) @ v

    def gradient(W, v):
        h = np.tanh(X @ W)
        r = 2 * (h @ v - y) / 20
        return X.T @ (np.outer(r, v) * (1 - h**2)), h.T @ r

    return lambda W, v: np.mean((np.tanh(X @ W) @ v - y) ** 2), gradient, (W, v)


@right("minima")
def divergence_of_equals(rng):
    p = rng.dirichlet(np.ones(_size(rng) + 1))
    z = np.log(p)

    def f(z):
        return np.sum(p * (np.log(p) - (z - logsumexp(z))))

    return f, lambda z: (_softmax(z) - p,), (z,)


@right("minima")
def divergence_in_probabilities(rng):
    p = rng.dirichlet(np.ones(_size(rng) + 1))
    return lambda q: np.sum(p * np.log(p / q) - p + q), lambda q: (1 - p / q,), (p.copy(),)


@right("minima")
def variance_at_a_constant(rng):
    n = _size(rng) + 1
    x = np.full(n, rng.standard_normal() * 10.0 ** rng.integers(-2, 3))

    def gradient(x):
        e = np.exp(x / 10)
        return (2 * (e - e.mean()) * e / 10 / n,)

    return lambda x: np.var(np.exp(x / 10)), gradient, (np.clip(x, -50, 50),)


@right("minima")
def rosenbrock_at_its_minimum(rng):
    def gradient(x):
        a, b = x[:-1], x[1:]
        g = np.zeros_like(x)
        g[:-1] += -400 * a * (b - a**2) - 2 * (1 - a)
        g[1:] += 200 * (b - a**2)
        return (g,)

    x = np.ones(_size(rng) + 1)
    return lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), gradient, (x,)


@right("minima")
def log_cosh_of_no_residual(rng):
    n = _size(rng)
    A, w = rng.standard_normal((20, n)), 10.0 ** rng.uniform(-2, 2) * rng.standard_normal(n)
    y = A @ w

    def f(w):
        r = A @ w - y
        return np.sum(np.logaddexp(r, -r) - math.log(2))

    return f, lambda w: (A.T @ np.tanh(A @ w - y),), (w,)


@right("minima")
def squared_distance_to_itself(rng):
    c = rng.standard_normal((_size(rng), 3))
    return lambda x: np.sum((x - c) ** 2) + 0.0, lambda x: (2 * (x - c),), (c.copy(),)


@right("minima")
def one_minus_cosine_of_itself(rng):
    y = rng.standard_normal(_size(rng) + 2)

    def parts(x):
        nx, ny = np.linalg.norm(x), np.linalg.norm(y)
        return nx, ny, x @ y / (nx * ny)

    def gradient(x):
        nx, ny, cos = parts(x)
        return (-(y / (nx * ny) - cos * x / nx**2),)

    return lambda x: 1 - parts(x)[2], gradient, (y * 10.0 ** rng.uniform(-1, 1),)


# --- offsets: nonlinear functions of distances, at points far from the origin


@right("offsets")
def radial_basis_functions(rng):
    n, d = _size(rng), int(rng.integers(1, 4))
    offset = 10.0 ** rng.uniform(-1, 4)
    centres = offset + rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-1, 1)
    c, x = rng.standard_normal(n), offset + rng.standard_normal(d)
    width = 10.0 ** rng.uniform(-1, 1)

    def kernel(x):
        return np.exp(-np.sum((x - centres) ** 2, axis=1) / (2 * width**2))

    def gradient(x):
        return (-(c * kernel(x)) @ (x - centres) / width**2,)

    return lambda x: offset + np.sum(c * kernel(x)), gradient, (x,)


@right("offsets")
def far_gaussians(rng):
    n = _size(rng)
    x, far = rng.standard_normal(n) * 10.0 ** rng.uniform(-3, 0), rng.uniform(0, 9)
    c = 10.0 ** rng.uniform(-2, 4)
    return (
        lambda x: c + np.sum(np.exp(-((x - far) ** 2))),
        lambda x: (-2 * (x - far) * np.exp(-((x - far) ** 2)),),
        (x,),
    )


@right("offsets")
def attention_with_large_logits(rng):
    d, rows = int(rng.integers(2, 8)), int(rng.integers(2, 8))
    K, v = rng.standard_normal((rows, d)), rng.standard_normal(rows)
    sharp, c = 10.0 ** rng.uniform(0, 3), 10.0 ** rng.uniform(0, 6)

    def gradient(q):
        p = _softmax(sharp * K @ q)
        return (sharp * K.T @ (p * (v - p @ v)),)

    return lambda q: c + _softmax(sharp * K @ q) @ v, gradient, (rng.standard_normal(d) * 10.0 ** rng.uniform(-3, 0),)


@right("offsets")
def cosines_on_an_offset(rng):
    n = _size(rng)
    c, w = 10.0 ** rng.uniform(0, 8), rng.uniform(0.5, 3, n)
    x = 10.0 ** rng.uniform(-9, 0) * rng.standard_normal(n)
    return lambda x: c + np.sum(np.cos(w * x)), lambda x: (-w * np.sin(w * x),), (x,)


@right("offsets")
def a_bounded_step_on_an_offset(rng):
    n = _size(rng)
    c, far = 10.0 ** rng.uniform(0, 8), rng.uniform(-20, 20, n)
    x = 10.0 ** rng.uniform(-6, 0) * rng.standard_normal(n)

    def sigma(u):
        return 1 / (1 + np.exp(-u))

    return lambda x: c + np.sum(sigma(x + far)), lambda x: (sigma(x + far) * sigma(-x - far),), (x,)


# --- constants up to rounding: the gradient is zero, or round-off


@right("constants")
def itself_times_its_inverse(rng):
    t = rng.uniform(0.1, 9, _size(rng))
    return lambda t: np.sum(t * (1 / t)), lambda t: (1 / t - t / t**2,), (t,)


@right("constants")
def pythagoras(rng):
    x = rng.standard_normal(_size(rng)) * 10.0 ** rng.uniform(-2, 2)

    def gradient(x):
        s, c = np.sin(x), np.cos(x)
        return (2 * s * c - 2 * c * s,)

    return lambda x: np.sum(np.sin(x) ** 2 + np.cos(x) ** 2), gradient, (x,)


@right("constants")
def hyperbolic_pythagoras(rng):
    x = rng.standard_normal(_size(rng))

    def f(x):
        return np.sum(np.cosh(x) ** 2 - np.sinh(x) ** 2)

    return f, lambda x: (0 * x,), (x,)


@right("constants")
def determinant_of_a_rotation(rng):
    a = rng.uniform(-3, 3, 1)

    def f(a):
        c, s = np.cos(a[0]), np.sin(a[0])
        return np.linalg.det(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))

    return f, lambda a: (0 * a,), (a,)


@right("constants")
def sum_of_a_softmax(rng):
    x = rng.standard_normal(_size(rng) + 1)

    def gradient(x):
        p = _softmax(x)
        return (p - p * p.sum(),)

    return lambda x: np.sum(_softmax(x)), gradient, (x,)


@right("constants")
def norm_of_a_direction(rng):
    x = rng.standard_normal(_size(rng) + 1)

    def gradient(x):
        n = np.linalg.norm(x)
        u = x / n
        return ((u - u * (u @ u)) * 2 / n,)

    return lambda x: np.sum((x / np.linalg.norm(x)) ** 2), gradient, (x,)


@right("constants")
def logarithm_of_an_exponential(rng):
    x, y = rng.standard_normal(_size(rng)), rng.standard_normal(1)
    return (
        lambda x, y: np.sum(np.log(np.exp(x)) - x) + y[0] ** 2,
        lambda x, y: (np.exp(x) / np.exp(x) - 1, 2 * y),
        (x, y),
    )


@right("constants")
def mean_of_a_normalised_row(rng):
    x = 10.0 ** rng.uniform(-2, 3) + rng.standard_normal(_size(rng) + 2)

    def f(x):
        return np.mean((x - x.mean()) / np.sqrt(np.var(x) + 1e-5)) + 1.0

    return f, lambda x: (np.zeros_like(x),), (x,)


# --- steep: f changes within the finest step


@right("steep")
def root_of_a_clamp(rng):
    e = 10.0 ** rng.uniform(-14, -8)
    w = np.zeros(_size(rng, 5))
    return (
        lambda w: np.sum(np.sqrt(np.maximum(w, 0) ** 2 + e)),
        lambda w: (np.maximum(w, 0) / np.sqrt(np.maximum(w, 0) ** 2 + e),),
        (w,),
    )


@right("steep")
def sign_that_is_smoothed(rng):
    e = 10.0 ** rng.uniform(-16, -10)
    x = np.zeros(_size(rng, 5)) if rng.random() < 0.5 else e * rng.standard_normal(_size(rng, 5))
    return lambda x: np.sum(x / (np.abs(x) + e)), lambda x: (e / (np.abs(x) + e) ** 2,), (x,)


@right("steep")
def steep_tanh(rng):
    e = 10.0 ** rng.uniform(-16, -10)
    x = e * rng.standard_normal(_size(rng, 5)) * (rng.random() < 0.7)
    return lambda x: np.sum(np.tanh(x / e)), lambda x: ((1 - np.tanh(x / e) ** 2) / e,), (x,)


@right("steep")
def norm_with_an_epsilon(rng):
    e = 10.0 ** rng.uniform(-24, -8)
    x = np.zeros(_size(rng, 5) + 1)
    return lambda x: np.sqrt(np.sum(x**2) + e), lambda x: (x / np.sqrt(np.sum(x**2) + e),), (x,)


# --- tiny arguments beside what f is made of, and arguments of zero in small units


@right("tiny and zero")
def bias_beside_activations(rng):
    n, m = _size(rng), _size(rng, 10)
    X, W = rng.standard_normal((n, m)), rng.standard_normal(m)
    b = 10.0 ** rng.uniform(-17, -3) * rng.standard_normal(1)
    return lambda b: np.sum(np.tanh(X @ W + b)), lambda b: (np.sum(1 - np.tanh(X @ W + b) ** 2, keepdims=True),), (b,)


@right("tiny and zero")
def zero_in_small_units(rng):
    n, a = _size(rng), 10.0 ** rng.uniform(0, 14)
    c = rng.standard_normal(n)
    x = np.zeros(n)
    return lambda x: np.sum(c * np.sin(a * x)), lambda x: (a * c * np.cos(a * x),), (x,)


@right("tiny and zero")
def displacements_of_atoms_in_metres(rng):
    n, r0 = int(rng.integers(2, 6)), 3e-10
    sites = r0 * (np.array([[i, j, k] for i in range(n) for j in range(2) for k in range(2)], dtype=float))
    sites += 0.05 * r0 * rng.standard_normal(sites.shape)
    upper = np.triu_indices(len(sites), 1)

    def pairs(u):
        p = sites + u
        return (p[:, None] - p[None])[upper]

    def f(u):
        s = (r0 / np.sqrt(np.sum(pairs(u) ** 2, axis=1))) ** 6
        return np.sum(s**2 - 2 * s)

    def gradient(u):
        d = pairs(u)
        r2 = np.sum(d**2, axis=1)
        s = (r0**2 / r2) ** 3
        g = (-12 * s**2 + 12 * s)[:, None] * d / r2[:, None]
        total = np.zeros_like(u)
        np.add.at(total, upper[0], g)
        np.add.at(total, upper[1], -g)
        return (total,)

    return f, gradient, (np.zeros_like(sites),)


@right("tiny and zero")
def small_weights_beside_a_large_loss(rng):
    n = _size(rng)
    w, X = 10.0 ** rng.uniform(-12, -2) * rng.standard_normal(n), rng.standard_normal((20, n))
    y = rng.standard_normal(20)

    def gradient(w):
        h = np.tanh(X @ w)
        return (2 * X.T @ ((h - y) * (1 - h**2)),)

    return lambda w: np.sum((np.tanh(X @ w) - y) ** 2), gradient, (w,)


@right("tiny and zero")
def zero_weights(rng):
    n = _size(rng)
    X, y = rng.standard_normal((20, n)), rng.integers(0, 2, 20) * 2.0 - 1

    def gradient(w):
        return (-X.T @ (y / (1 + np.exp(y * (X @ w)))),)

    return lambda w: np.sum(np.logaddexp(0, -y * (X @ w))), gradient, (np.zeros(n),)


# --- huge and tiny scales


def _scaled(case: Case, unit: float, loss: float) -> Any:
    """Return the case with its arguments in other units and its loss multiplied."""
    args = tuple(np.asarray(x) * unit for x in case.args)
    return (
        lambda *a: loss * case.f(*[x / unit for x in a]),
        lambda *a: tuple(loss * g / unit for g in case.gradient(*[x / unit for x in a])),
        args,
    )


@right("scales")
def any_composition_in_any_units(rng):
    case = composition(rng)
    total = rng.uniform(-290, 290)  # of the gradient, which must be a number itself
    unit = rng.uniform(max(-290, -290 - total), min(290, 290 - total))
    return _scaled(case, 10.0**unit, 10.0 ** float(np.clip(total + unit, -290, 290)))


# --- stairs: f is piecewise constant, and its gradient zero


@right("stairs")
def rounded_sum(rng):
    a, k = rng.standard_normal(_size(rng)) * 10.0 ** rng.uniform(-1, 2), int(rng.integers(0, 8))
    c = rng.standard_normal(a.size) if rng.random() < 0.5 else 1.0
    return lambda a: (c * np.round(a, k)).sum(), lambda a: (0 * a,), (a,)


@right("stairs")
def loss_of_a_fake_quantisation(rng):
    n = _size(rng)
    x, y, step = rng.standard_normal(n), rng.standard_normal(n), 2.0 ** -rng.integers(1, 12)
    return lambda x: np.mean((np.clip(np.round(x / step), -128, 127) * step - y) ** 2), lambda x: (0 * x,), (x,)


@right("stairs")
def look_up_table(rng):
    m = int(rng.integers(2, 1000))
    edges, table = np.sort(rng.uniform(-3, 3, m)), np.cumsum(rng.uniform(0, 1, m + 1)) / m
    return lambda x: np.sum(table[np.searchsorted(edges, x)]), lambda x: (0 * x,), (rng.standard_normal(_size(rng)),)


@right("stairs")
def whole_parts(rng):
    f = [np.floor, np.ceil, np.trunc, np.rint][int(rng.integers(4))]
    m = 10.0 ** rng.uniform(-1, 5)
    return lambda x: np.sum(f(m * x)) / m, lambda x: (0 * x,), (rng.standard_normal(_size(rng)),)


@right("stairs")
def accuracy_of_a_classifier(rng):
    X, y = rng.standard_normal((50, 3)), rng.integers(0, 4, 50)
    W = rng.standard_normal((3, 4))
    return lambda W: np.mean((X @ W).argmax(axis=1) == y), lambda W: (0 * W,), (W,)


# --- few digits: float32 arguments, and low precision inside a float64 function


def _narrow(case: Case, dtype: str) -> Any:
    return case.f, case.gradient, tuple(np.asarray(x).astype(dtype) for x in case.args)


@right("float32")
def saturated_tanh(rng):
    x = (rng.standard_normal(_size(rng)) * 10.0 ** rng.uniform(0, 2)).astype(np.float32)
    return lambda x: np.sum(np.tanh(x)), lambda x: (1 - np.tanh(x) ** 2,), (x,)


@right("float32")
def saturated_sigmoid(rng):
    x = (rng.standard_normal(_size(rng)) * 10.0 ** rng.uniform(0, 1.9)).astype(np.float32)

    def sigma(x):
        return 1 / (1 + np.exp(-x))

    return lambda x: np.sum(sigma(x)), lambda x: (sigma(x) * (1 - sigma(x)),), (x,)


@right("float32")
def saturated_layer_and_its_bias(rng):
    rows, n = int(rng.integers(1, 5)), int(rng.integers(2, 9))
    sharp = 10.0 ** rng.uniform(0, 1)
    c, W = 10.0 ** rng.uniform(0, 1.5) * rng.standard_normal((rows, n)), rng.standard_normal((n, n))
    x, b = 10.0 ** rng.uniform(-1, 0.5, 2)
    softened = rng.random() < 0.5

    def run(x, b):
        y = x + b
        z = np.logaddexp(0, y) if softened else y
        h = np.tanh(x.dtype.type(sharp) * z)
        return h, x.dtype.type(sharp) / (1 + np.exp(-y)) if softened else x.dtype.type(sharp)

    def f(x, b):
        return np.sum(c.astype(x.dtype) * (run(x, b)[0] @ W.astype(x.dtype)))

    def gradient(x, b):
        h, inner = run(x, b)
        g = (c.astype(x.dtype) @ W.T.astype(x.dtype)) * (1 - h * h) * inner
        return g, g.sum(axis=0)

    args = (x * rng.standard_normal((rows, n)), b * rng.standard_normal(n))
    return f, gradient, tuple(a.astype(np.float32) for a in args)


@right("float32")
def connectionist_temporal_classification(rng):
    steps, classes = int(rng.integers(4, 20)), int(rng.integers(3, 6))
    label = rng.integers(1, classes, int(rng.integers(1, max(2, steps // 2))))
    ext = np.zeros(2 * label.size + 1, dtype=int)
    ext[1::2] = label
    z = (10.0 ** rng.uniform(0, 2) * rng.standard_normal((steps, classes))).astype(np.float32)

    def passed(lp, *, backward=False):
        a = np.full((steps, ext.size), -np.inf, dtype=lp.dtype)
        e, lp = (ext[::-1], lp[::-1]) if backward else (ext, lp)
        k = [s >= 2 and e[s] != 0 and e[s] != e[s - 2] for s in range(e.size)]
        a[0, :2] = lp[0, e[:2]]
        for t in range(1, steps):
            for s in range(e.size):
                prior = [a[t - 1, s], *([a[t - 1, s - 1]] if s else []), *([a[t - 1, s - 2]] if k[s] else [])]
                top = max(prior)
                if top > -np.inf:
                    a[t, s] = top + np.log(sum(np.exp(p - top) for p in prior)) + lp[t, e[s]]
        return a

    def log_softmax(z):
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def f(z):
        a = passed(log_softmax(z))
        return -np.logaddexp(a[-1, -1], a[-1, -2])

    def gradient(z):
        lp = log_softmax(z)
        a, b = passed(lp), passed(lp, backward=True)[::-1, ::-1]
        total = np.logaddexp(a[-1, -1], a[-1, -2])
        occupied = np.zeros_like(z)
        for s in range(ext.size):
            occupied[:, ext[s]] += np.exp(a[:, s] + b[:, s] - lp[:, ext[s]] - total)
        return (np.exp(lp) - occupied,)

    return f, gradient, (z,)


@right("float32")
def composition_in_float32(rng):
    return _narrow(composition(rng, float32=True), "float32")


@right("low precision inside")
def composition_of_few_digits(rng):
    case, dtype = composition(rng), rng.choice(["float32", "float16"])

    def f(*args):
        return case.f(*[x.astype(dtype).astype(np.float64) for x in args])

    return f, case.gradient, case.args


@right("low precision inside")
def layers_of_few_digits(rng):
    n, dtype = _size(rng, 10), rng.choice(["float32", "float16"])
    X, W, v = rng.standard_normal((8, n)), rng.standard_normal((n, 6)) / math.sqrt(n), rng.standard_normal(6)

    def f(W):
        h = np.tanh(X.astype(dtype) @ W.astype(dtype)).astype(np.float64)
        return np.sum((h @ v) ** 2)

    def gradient(W):
        h = np.tanh(X @ W)
        return (X.T @ (np.outer(2 * (h @ v), v) * (1 - h**2)),)

    return f, gradient, (W,)


def _partly_rounded(rng):
    """Return a term that is rounded inside, and seldom stands still, with one that is not, in either argument."""
    n, m, dtype = _size(rng, 6), _size(rng, 6), rng.choice(["float32", "float16", "bfloat16"])
    A, scale, beside = (
        rng.standard_normal((n, m)) / math.sqrt(4 * n),
        10.0 ** rng.uniform(-3, 1),
        10.0 ** rng.uniform(-1, 2),
    )
    smooth, shared = str(rng.choice(["cos", "square"])), rng.random() < 0.3

    def rounded(h):
        if dtype != "bfloat16":
            return h.astype(dtype).astype(np.float64)
        bits = h.astype(np.float32).view(np.uint32)
        return ((bits + 0x8000) & 0xFFFF0000).view(np.float32).astype(np.float64)

    def f(x, b):
        other = x if shared else b
        term = np.cos(other) if smooth == "cos" else other**2
        return scale * np.sum(rounded(np.tanh(x @ A + b)) ** 2) + beside * np.sum(term)

    def gradient(x, b):
        h = np.tanh(x @ A + b)
        d, other = scale * 2 * h * (1 - h**2), x if shared else b
        more = beside * (-np.sin(other) if smooth == "cos" else 2 * other)
        return (A @ d + more, d) if shared else (A @ d, d + more)

    return f, gradient, (rng.standard_normal(n), rng.standard_normal(m) / 2)


@right("low precision inside")
def a_part_of_few_digits(rng):
    return _partly_rounded(rng)


@wrong("low precision inside")
def a_part_of_few_digits_and_a_factor(rng):
    f, gradient, args = _partly_rounded(rng)
    which, factor = int(rng.integers(2)), float(rng.choice([2.0, 0.5, -1.0, 0.0, 1.1]))
    return f, lambda *a: tuple(g * factor if i == which else g for i, g in enumerate(gradient(*a))), args


# --- ordinary compositions


def _layers(rng: Generator, n: int) -> list[tuple[str, Any]]:
    kinds = ["tanh", "exp", "sin", "softplus", "square", "linear", "softmax", "norm", "sigmoid", "cube", "layernorm"]
    chosen = []
    for _ in range(int(rng.integers(1, 5))):
        kind = str(rng.choice(kinds))
        W = rng.standard_normal((n, n)) / math.sqrt(n) if kind == "linear" else rng.standard_normal(n)
        chosen.append((kind, W))
        if rng.random() < 0.2:  # so that what follows saturates, and gradients are tiny beside f
            chosen.append(("sharper", 10.0 ** rng.uniform(0, 1.5)))
    return chosen


def _forward(kind: str, W: Any, x: Any) -> tuple[Any, Callable[[Any], Any]]:  # noqa: C901, PLR0911  one for each layer
    """Return a layer's output and its pullback."""
    if kind == "tanh":
        y = np.tanh(x)
        return y, lambda g: g * (1 - y**2)
    if kind == "exp":
        y = np.exp(x / 2)
        return y, lambda g: g * y / 2
    if kind == "sin":
        return np.sin(x + W), lambda g: g * np.cos(x + W)
    if kind == "softplus":
        return np.logaddexp(0, x), lambda g: g / (1 + np.exp(-x))
    if kind == "square":
        return x**2 / 4, lambda g: g * x / 2
    if kind == "linear":
        return x @ W, lambda g: g @ W.T
    if kind == "sharper":
        return W * x, lambda g: W * g
    if kind == "sigmoid":
        y = 1 / (1 + np.exp(-x))
        return y, lambda g: g * y * (1 - y)
    if kind == "cube":
        return x**3 / 9 + x, lambda g: g * (x**2 / 3 + 1)
    if kind == "softmax":
        p = _softmax(x)
        return p, lambda g: p * (g - np.sum(g * p, axis=-1, keepdims=True))
    if kind == "norm":
        r = np.sqrt(1 + np.sum(x**2, axis=-1, keepdims=True))
        y = x / r
        # without r³, which overflows in float32
        return y, lambda g: (g - y * np.sum(g * y, axis=-1, keepdims=True)) / r
    centred = x - x.mean(axis=-1, keepdims=True)
    r = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    u = centred / r
    return u, lambda g: (g - g.mean(axis=-1, keepdims=True) - u * np.mean(g * u, axis=-1, keepdims=True)) / r


def composition(rng: Generator, *, offset: bool = False, float32: bool = False) -> Case:
    """Return a random chain of layers of one argument or two, summed up with weights, at a point of any usual size."""
    n, rows = int(rng.integers(4 if float32 else 2, 9)), int(rng.integers(1, 6))  # of 2 entries a layer norm is a sign
    layers, c = _layers(rng, n), rng.standard_normal((rows, n))
    size = 10.0 ** rng.uniform(-1 if float32 else -4, 0.5)
    x = size * rng.standard_normal((rows, n)) + (10.0 ** rng.uniform(0, 3) if offset else 0.0)
    b = 10.0 ** rng.uniform(-1 if float32 else -4, 0) * rng.standard_normal(n)
    centre = x.mean() if offset else 0.0
    add = 10.0 ** rng.uniform(0, 3) if offset else 0.0

    def run(x, b):
        y, pulls = (x - np.asarray(centre, dtype=x.dtype)) + b, []
        for kind, W in layers:
            y, pull = _forward(kind, np.asarray(W, dtype=x.dtype), y)
            pulls.append(pull)
        return y, pulls

    def gradient(x, b):
        g = c.astype(x.dtype)
        for pull in reversed(run(x, b)[1]):
            g = pull(g)
        return g, g.sum(axis=0)

    name = "composition " + " ".join(kind for kind, _ in layers)

    def f(x, b):
        return np.sum(c.astype(x.dtype) * run(x, b)[0]) + np.asarray(add, x.dtype)

    return Case(name, f, gradient, (x, b))


@right("compositions")
def ordinary(rng):
    return composition(rng)[1:]


@right("compositions on an offset")
def on_an_offset(rng):
    return composition(rng, offset=True)[1:]


# --- wrong, and by far more than a check can see


def _that_matters(rng, which, change):
    """Return a composition at a changed point, where its gradient in one argument is not saturated away."""
    while True:
        case = composition(rng)
        args = change(*case.args)
        with np.errstate(all="ignore"):
            if 1e-3 < np.max(np.abs(case.gradient(*args)[which])) < np.inf:
                return case, args


@wrong("zero claims")
def of_a_tiny_bias(rng):
    n, m = _size(rng), _size(rng, 10)
    X, W, c = rng.standard_normal((n, m)), rng.standard_normal(m), rng.standard_normal(n)
    b = 10.0 ** rng.uniform(-17, -5) * rng.standard_normal(1)
    return lambda b: np.sum(c * np.tanh(X @ W + b)), lambda b: (0 * b,), (b,)


@wrong("zero claims")
def of_a_tiny_bias_of_many(rng):
    case, args = _that_matters(rng, 1, lambda x, b: (x, 10.0 ** rng.uniform(-17, -5) * b))
    return case.f, lambda x, b: (case.gradient(x, b)[0], 0 * b), args


@wrong("zero claims")
def of_few_digits(rng):
    n, dtype = _size(rng, 10), rng.choice(["float16", "bfloat16"])
    X, W, v = rng.standard_normal((8, n)), rng.standard_normal((n, 6)) / math.sqrt(n), rng.standard_normal(6)

    def short(x):
        if dtype == "float16":
            return x.astype(np.float16)
        bits = np.asarray(x, dtype=np.float32).view(np.uint32)
        return ((bits + 0x8000) & 0xFFFF0000).view(np.float32)

    return lambda W: float(np.sum(short(np.tanh(short(X @ short(W)) @ v)))), lambda W: (0 * W,), (W,)


@wrong("zero claims")
def of_a_small_argument(rng):
    case, args = _that_matters(rng, 0, lambda x, b: (x * 10.0 ** rng.uniform(-8, 0), b))
    return case.f, lambda x, b: (0 * x, case.gradient(x, b)[1]), args


@wrong("scales")
def twice_in_any_units(rng):
    f, gradient, args = any_composition_in_any_units(rng)
    which, factor = int(rng.integers(2)), float(rng.choice([2.0, 0.5, -1.0, 0.0, 1.01]))
    return f, lambda *a: tuple(g * factor if i == which else g for i, g in enumerate(gradient(*a))), args, gradient


@wrong("scales")
def one_entry_beyond_all_bounds(rng):
    case = composition(rng)
    which, at = int(rng.integers(2)), 10.0 ** rng.uniform(100, 308) * rng.choice([-1, 1])

    def gradient(*a):
        g = [np.array(part) for part in case.gradient(*a)]
        g[which].flat[0] = at
        return tuple(g)

    return case.f, gradient, case.args, case.gradient  # of an entry of 1e304 it may be nothing


@wrong("scales")
def memory_that_was_never_filled(rng):
    case = composition(rng)
    which = int(rng.integers(2))

    def gradient(*a):
        g = [np.array(part) for part in case.gradient(*a)]
        noise = np.random.default_rng(1)
        garbage = noise.integers(0, 2**63, g[which].size, dtype=np.uint64).view(np.float64)
        g[which] = np.where(np.isfinite(garbage), garbage, 0).reshape(g[which].shape)
        return tuple(g)

    return case.f, gradient, case.args


@wrong("scales")
def the_smallest_arguments(rng):
    n, unit = _size(rng), 10.0 ** rng.uniform(-307, -140)
    x = unit * rng.standard_normal(n)
    return lambda x: np.sum(x**2), lambda x: (4 * x,), (x,)


def _beside_a_large_one(rng, low, high):
    """Return a composition, and another that is so small beside it that few of f's digits show it, or none."""
    large, small, size = composition(rng), composition(rng), 0.0
    while not size > 1e-3:  # a saturated one has no gradient to be wrong
        small = composition(rng)
        size = max(np.linalg.norm(g * x) for g, x in zip(small.gradient(*small.args), small.args, strict=True))
    while not 1e-3 < abs(large.f(*large.args)) < 1e6:
        large = composition(rng)
    unit = 10.0 ** rng.uniform(low, high) * abs(large.f(*large.args)) / size

    def f(x, b, y, c):
        return float(large.f(x, b) + unit * small.f(y, c))  # `float` keeps other oracles out

    return (
        f,
        lambda x, b, y, c: (*large.gradient(x, b), *(unit * g for g in small.gradient(y, c))),
        large.args + small.args,
    )


@right("hardly moving f")
def a_small_term_beside_a_large_one(rng):
    return _beside_a_large_one(rng, -22, -6)


@right("hardly moving f")
def a_bias_before_a_normalisation(rng):
    n, rows, size = int(rng.integers(3, 9)), int(rng.integers(1, 6)), 10.0 ** rng.uniform(-2, 4)
    x, W, c = rng.standard_normal((rows, n)), size * rng.standard_normal((n, n)), rng.standard_normal((rows, n))

    def parts(x, W, b):
        z = x @ W + b  # the same number added to all of a row
        centred = z - z.mean(axis=1, keepdims=True)
        s = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-9)
        return centred, s

    def f(x, W, b):
        centred, s = parts(x, W, b)
        return float(np.sum(c * np.tanh(centred / s)))

    def gradient(x, W, b):
        centred, s = parts(x, W, b)
        y = centred / s
        g = c * (1 - np.tanh(y) ** 2)
        g = (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)) / s
        return g @ W.T, x.T @ g, np.sum(g)

    return f, gradient, (x, W, np.array(size * rng.standard_normal()))


def _loss_of_a_sure_choice(rng, surest):
    """Return -log of a sum of probabilities that is next to 1: all digits of f are lost, or all but a few."""
    rows, n = int(rng.integers(1, 5)), int(rng.integers(3, 7))
    z = 3 * rng.standard_normal((rows, n))
    z[:, 0] += rng.uniform(5, surest)
    together = 1 if rng.random() < 0.5 else 2  # classes of which any will do

    def logarithms(z):
        highest = z.max(axis=-1, keepdims=True)
        return z - highest - np.log(np.sum(np.exp(z - highest), axis=-1, keepdims=True))

    def f(z):
        return -np.sum(np.logaddexp.reduce(logarithms(z)[:, :together], axis=-1))

    def gradient(z):
        chosen = np.zeros_like(z)
        chosen[:, :together] = _softmax(z[:, :together])
        return (_softmax(z) - chosen,)

    return f, gradient, (z,)


@right("hardly moving f")
def loss_of_a_sure_choice(rng):
    return _loss_of_a_sure_choice(rng, 80)


@wrong("hardly moving f")
def loss_of_a_sure_choice_wrong_everywhere(rng):
    f, gradient, args = _loss_of_a_sure_choice(rng, 12)
    factor = float(rng.choice([2.0, 0.5, -1.0, 1.1]))
    return f, lambda z: (factor * gradient(z)[0],), args, gradient


@wrong("hardly moving f")
def a_small_term_wrong_by_a_tenth_or_more(rng):
    f, gradient, args = _beside_a_large_one(rng, -8, -4)
    shares = [np.linalg.norm(g * x) for g, x in zip(gradient(*args), args, strict=True)]
    which, factor = 2 + int(np.argmax(shares[2:])), float(rng.choice([2.0, 0.5, -1.0, 0.0, 1.1]))
    return f, lambda *a: tuple(g * factor if i == which else g for i, g in enumerate(gradient(*a))), args, gradient


@wrong("hardly moving f")
def wrong_on_an_offset_that_hides_it(rng):
    case, add = composition(rng), 10.0 ** rng.uniform(8, 18)
    while (
        not 1e-3 < max(np.linalg.norm(g * x) for g, x in zip(case.gradient(*case.args), case.args, strict=True)) < 1e6
    ):
        case = composition(rng)
    factor = float(rng.choice([2.0, 0.5, -1.0, 1.1]))

    def gradient(*a):
        return tuple(g * factor for g in case.gradient(*a))

    return lambda *a: float(case.f(*a) + add), gradient, case.args, case.gradient


@wrong("compositions")
def wrong_by_three_resolutions(rng):
    case = composition(rng, offset=bool(rng.integers(2)))
    which, size = int(rng.integers(2)), 10.0 ** rng.uniform(-4, 0)
    z = rng.standard_normal(case.args[which].shape)

    def gradient(*a):
        g = list(case.gradient(*a))
        g[which] = g[which] + size * np.linalg.norm(g[which]) / np.linalg.norm(z) * z
        return tuple(g)

    return case.f, gradient, case.args, case.gradient


# --- digits that f loses: numbers near 1 that cancel, up to all of f

NEXT_TO_ONE: dict[str, tuple[Callable[[Any, int], Any], Callable[[Any, int], Any]]] = {
    "log(1 + x^k)": (lambda x, k: np.log(1 + x**k), lambda x, k: k * x ** (k - 1) / (1 + x**k)),
    "cos(x)^k - 1": (lambda x, k: np.cos(x) ** k - 1, lambda x, k: -k * np.cos(x) ** (k - 1) * np.sin(x)),
    "sqrt(1 + x^2k) - 1": (
        lambda x, k: np.sqrt(1 + x ** (2 * k)) - 1,
        lambda x, k: k * x ** (2 * k - 1) / np.sqrt(1 + x ** (2 * k)),
    ),
    "(1 + x^2)^k - 1": (lambda x, k: (1 + x**2) ** k - 1, lambda x, k: 2 * k * x * (1 + x**2) ** (k - 1)),
    "exp(x^k) - 1": (lambda x, k: np.exp(x**k) - 1, lambda x, k: k * x ** (k - 1) * np.exp(x**k)),
    "1/(1 + x^2k) - 1": (
        lambda x, k: 1 / (1 + x ** (2 * k)) - 1,
        lambda x, k: -2 * k * x ** (2 * k - 1) / (1 + x ** (2 * k)) ** 2,
    ),
}


def _next_to_one(rng):
    form, slope = NEXT_TO_ONE[str(rng.choice(list(NEXT_TO_ONE)))]
    k, unit, x = int(rng.integers(2, 7)), 10.0 ** rng.choice([0, 0, -6, 6]), rng.standard_normal(_size(rng, 6))
    x *= 10.0 ** rng.uniform(-9, 0)

    def f(x):
        return float(unit * np.sum(form(x, k)))  # `float` keeps other oracles out

    return f, lambda x: (unit * slope(x, k),), (x,)


@right("digits that f loses")
def next_to_one(rng):
    return _next_to_one(rng)


@right("digits that f loses")
def next_to_one_by_weights(rng):
    (n, k), w = (int(i) for i in rng.integers(2, 6, 2)), rng.standard_normal(5)
    x, w = 10.0 ** rng.uniform(-9, -1) * rng.standard_normal(n), w[:n]

    def outer(x, w):
        return k * (w * x) ** (k - 1) / (1 + (w * x) ** k)

    return (
        lambda x, w: float(np.sum(np.log(1 + (w * x) ** k))),
        lambda x, w: (w * outer(x, w), x * outer(x, w)),
        (x, w),
    )


@right("digits that f loses")
def determinant_next_to_one(rng):
    A = 10.0 ** rng.uniform(-9, -2) * rng.standard_normal((3, int(rng.integers(1, 4))))
    one = np.eye(A.shape[1])
    return (
        lambda A: float(np.linalg.slogdet(one + A.T @ A)[1]),
        lambda A: (2 * A @ np.linalg.inv(one + A.T @ A),),
        (A,),
    )


@right("digits that f loses")
def saturated_layer_of_ones(rng):
    W, b, x = rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal(3)
    above = 10.0 ** rng.uniform(0, 2)

    def z(W, b):
        return above + (W @ x) ** 2 + b**2

    def slope(W, b):
        return -np.exp(-z(W, b)) / (1 + np.exp(-z(W, b))) ** 2

    return (
        lambda W, b: float(np.sum(1 - 1 / (1 + np.exp(-z(W, b))))),
        lambda W, b: ((2 * slope(W, b) * (W @ x))[:, None] * x, 2 * slope(W, b) * b),
        (W, b),
    )


@right("digits that f loses")
def root_next_to_its_argument(rng):
    x = rng.standard_normal(_size(rng, 6))
    x[0] = 10.0 ** rng.uniform(2, 8)
    return lambda x: float(np.sum(np.sqrt(1 + x * x) - x)), lambda x: (x / np.sqrt(1 + x * x) - 1,), (x,)


@right("digits that f loses")
def largest_of_logarithms(rng):
    z = 10.0 ** rng.uniform(0, 3) * rng.standard_normal((_size(rng, 4), 3))
    places = np.arange(len(z))

    def f(z):
        return float(np.sum(z.max(axis=1) - logsumexp(z, axis=1)))

    def gradient(z):
        others = _softmax(z)
        others[places, z.argmax(axis=1)] = 0
        others[places, z.argmax(axis=1)] = -others.sum(axis=1)
        return (-others,)

    return f, gradient, (z,)


@wrong("digits that f loses")
def next_to_one_and_wrong(rng):
    f, gradient, args = _next_to_one(rng)
    factor = float(rng.choice([2.0, 0.5, -1.0, 1.1]))
    return f, lambda x: (factor * gradient(x)[0],), args, gradient
