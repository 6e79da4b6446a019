"""Functions with gradients worked out on paper, drawn at random points: what the checker's own claims are tried on.

`SMOOTH` are smooth at the scale of their arguments; `KINKED` are piecewise smooth, drawn off their kinks (as near to
them as chance has it). Each draws a `Case` from a generator, a size and a scale of the argument.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator


class Case(NamedTuple):
    """f, its gradient (a tuple, one array for each argument) and a point; the right gradient, if that one is wrong."""

    name: str
    f: Callable[..., Any]
    gradient: Callable[..., tuple[Any, ...]]
    args: tuple[Any, ...]
    right: Callable[..., tuple[Any, ...]] | None = None


SMOOTH: dict[str, Callable[[Generator, int, float], Case]] = {}
KINKED: dict[str, Callable[[Generator, int, float], Case]] = {}


def _register(table):
    def named(draw):
        name = draw.__name__
        table[name] = lambda rng, n, scale: Case(name, *draw(rng, n, scale))
        return draw

    return named


smooth, kinked = _register(SMOOTH), _register(KINKED)


def _matrix(rng, n, scale):
    """Return a square matrix of about n entries whose singular values lie in [1, 5]: 3I + 2Q·diag(d), d ≤ 1."""
    size = max(1, math.isqrt(n))
    Q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return scale * (3 * np.eye(size) + 2 * Q * rng.uniform(0.5, 1, size))


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# --- entry by entry


@smooth
def cubes(rng, n, scale):
    c = rng.standard_normal(n)
    return lambda x: np.sum(c * x**3), lambda x: (3 * c * x**2,), (scale * rng.standard_normal(n),)


@smooth
def sines(rng, n, scale):
    w, phase = 10.0 ** rng.uniform(-2, 1) / scale, rng.uniform(0, 6, n)
    x = scale * rng.standard_normal(n)
    return lambda x: np.sum(np.sin(w * x + phase)), lambda x: (w * np.cos(w * x + phase),), (x,)


@smooth
def exponentials(rng, n, scale):
    a = rng.uniform(0.1, 3) / scale
    x = scale * rng.standard_normal(n)
    return lambda x: np.sum(np.exp(a * x)), lambda x: (a * np.exp(a * x),), (x,)


@smooth
def square_roots(rng, n, scale):
    x = scale * rng.uniform(0.5, 3, n)
    return lambda x: np.sum(np.sqrt(x)), lambda x: (0.5 / np.sqrt(x),), (x,)


@smooth
def logarithms_over_six_decades(rng, n, scale):
    x = scale * 10.0 ** rng.uniform(-3, 3, n)
    return lambda x: np.sum(np.log(x)), lambda x: (1 / x,), (x,)


@smooth
def reciprocals(rng, n, scale):
    x = scale * rng.uniform(0.5, 3, n) * rng.choice([-1, 1], n)
    return lambda x: np.sum(1 / x), lambda x: (-1 / x**2,), (x,)


@smooth
def tanhs(rng, n, scale):
    a = rng.uniform(0.1, 5) / scale
    x = scale * rng.standard_normal(n)
    return lambda x: np.sum(np.tanh(a * x)), lambda x: (a * (1 - np.tanh(a * x) ** 2),), (x,)


@smooth
def softplus(rng, n, scale):
    x = rng.standard_normal(n)
    s = scale
    return (
        lambda x: np.sum(np.logaddexp(0, x / s)),
        lambda x: (1 / (1 + np.exp(-x / s)) / s,),
        (s * x,),
    )


@smooth
def gelu(rng, n, scale):
    k, s = math.sqrt(2 / math.pi), scale

    def gradient(x):
        u = x / s
        t = np.tanh(k * (u + 0.044715 * u**3))
        return ((0.5 * (1 + t) + 0.5 * u * (1 - t**2) * k * (1 + 3 * 0.044715 * u**2)) / s,)

    def f(x):
        u = x / s
        return np.sum(0.5 * u * (1 + np.tanh(k * (u + 0.044715 * u**3))))

    return f, gradient, (scale * rng.standard_normal(n),)


@smooth
def cubes_on_an_offset(rng, n, scale):
    offset = 10.0 ** rng.uniform(-3, 6) * scale**3
    x = scale * rng.standard_normal(n)
    return lambda x: offset + np.sum(x**3), lambda x: (3 * x**2,), (x,)


@smooth
def horner_polynomial(rng, n, scale):
    c = rng.standard_normal(6)
    value, slope = np.polynomial.Polynomial(c), np.polynomial.Polynomial(c).deriv()
    return lambda x: np.sum(value(x / scale)), lambda x: (slope(x / scale) / scale,), (scale * rng.standard_normal(n),)


# --- reductions


@smooth
def euclidean_norm(rng, n, scale):
    x = scale * rng.standard_normal(n)
    return lambda x: np.sqrt(np.sum(x**2)), lambda x: (x / np.sqrt(np.sum(x**2)),), (x,)


@smooth
def log_sum_exp(rng, n, scale):
    def f(x):
        u = x / scale
        return np.log(np.sum(np.exp(u - u.max()))) + u.max()

    return f, lambda x: (_softmax(x / scale) / scale,), (5 * scale * rng.standard_normal(n),)


@smooth
def product(rng, n, scale):
    x = scale * rng.uniform(0.5, 1.5, min(n, 20)) * rng.choice([-1, 1], min(n, 20))

    def gradient(x):
        return (np.array([np.prod(np.delete(x, i) / scale) / scale for i in range(x.size)]),)

    return lambda x: np.prod(x / scale), gradient, (x,)


@smooth
def cumulative_sum(rng, n, scale):
    c = rng.standard_normal(n)

    def gradient(x):
        return (np.cumsum((2 * c * np.cumsum(x))[::-1])[::-1],)

    return lambda x: np.sum(c * np.cumsum(x) ** 2), gradient, (scale * rng.standard_normal(n),)


@smooth
def cumulative_product(rng, n, scale):
    n = min(n, 20)
    c = rng.standard_normal(n)
    x = scale * rng.uniform(0.7, 1.4, n) * rng.choice([-1, 1], n)

    def gradient(x):
        return (np.cumsum((c * np.cumprod(x / scale))[::-1])[::-1] / x,)

    return lambda x: np.sum(c * np.cumprod(x / scale)), gradient, (x,)


@smooth
def variance(rng, n, scale):
    n = max(n, 2)
    x = scale * (rng.standard_normal(n) + 1)
    return np.var, lambda x: (2 * (x - x.mean()) / n,), (x,)


@smooth
def cosine_similarity(rng, n, scale):
    def parts(a, b):
        return np.sqrt(a @ a), np.sqrt(b @ b), a @ b

    def gradient(a, b):
        p, q, d = parts(a, b)
        return b / (p * q) - d * a / (p**3 * q), a / (p * q) - d * b / (p * q**3)

    def f(a, b):
        p, q, d = parts(a, b)
        return d / (p * q)

    n = max(n, 3)
    return f, gradient, (scale * rng.standard_normal(n), rng.standard_normal(n))


@smooth
def gaussian_divergence(rng, n, scale):
    s = scale

    def f(mean, log_variance):
        return -0.5 * np.sum(1 + log_variance - (mean / s) ** 2 - np.exp(log_variance))

    def gradient(mean, log_variance):
        return mean / s**2, 0.5 * (np.exp(log_variance) - 1)

    return f, gradient, (s * rng.standard_normal(n), rng.standard_normal(n))


# --- linear algebra


@smooth
def quadratic_form(rng, n, scale):
    A = rng.standard_normal((n, n))
    return lambda x: x @ A @ x, lambda x: ((A + A.T) @ x,), (scale * rng.standard_normal(n),)


@smooth
def matrix_chain(rng, n, scale):
    p, q = max(1, math.isqrt(n)), max(1, n // max(1, math.isqrt(n)))
    A, B, C = (rng.standard_normal(shape) for shape in ((3, p), (p, q), (q, 4)))

    def gradient(A, B, C):
        G = 2 * (A @ B @ C)
        return G @ (B @ C).T, A.T @ G @ C.T, (A @ B).T @ G

    return lambda A, B, C: np.sum((A @ B @ C) ** 2), gradient, (scale * A, B / scale, C)


@smooth
def linear_solve(rng, n, scale):
    A = _matrix(rng, n, scale)
    b = rng.standard_normal(len(A))

    def gradient(A, b):
        x, z = np.linalg.solve(A, b), np.linalg.solve(A.T, 2 * np.linalg.solve(A, b))
        return -np.outer(z, x), z

    return lambda A, b: np.sum(np.linalg.solve(A, b) ** 2), gradient, (A, b)


@smooth
def inverse(rng, n, scale):
    A = _matrix(rng, n, scale)
    C = rng.standard_normal(A.shape)

    def gradient(A):
        inverted = np.linalg.inv(A)
        return (-inverted.T @ C @ inverted.T,)

    return lambda A: np.sum(C * np.linalg.inv(A)), gradient, (A,)


@smooth
def determinant(rng, n, scale):
    A = _matrix(rng, min(n, 25), 1.0)
    return (
        lambda A: np.linalg.det(A / scale),
        lambda A: (np.linalg.det(A / scale) * np.linalg.inv(A / scale).T / scale,),
        (scale * A,),
    )


@smooth
def log_determinant(rng, n, scale):
    A = _matrix(rng, n, 1.0)

    def gradient(A):
        U = A / scale
        return (2 * np.linalg.solve(U @ U.T + np.eye(len(U)), U) / scale,)

    def f(A):
        U = A / scale
        return np.linalg.slogdet(U @ U.T + np.eye(len(U)))[1]

    return f, gradient, (scale * A,)


@smooth
def cholesky_factor(rng, n, scale):
    A = rng.standard_normal((max(1, math.isqrt(n)),) * 2)
    W = rng.standard_normal(A.shape)
    unit = np.eye(len(A))

    def lower(A):
        return np.linalg.cholesky((A / scale) @ (A / scale).T + 2 * unit)

    def gradient(A):
        # L = chol(S): grad_S = L^-T Φ(Lᵀ grad_L) L^-1, made symmetric; Φ keeps the lower half, halves the diagonal
        L = lower(A)
        P = np.tril(L.T @ W)
        P[np.diag_indices(len(P))] /= 2
        S = np.linalg.solve(L.T, np.linalg.solve(L.T, P.T).T)
        return ((S + S.T) @ (A / scale) / scale,)

    return lambda A: np.sum(W * lower(A)), gradient, (scale * A,)


@smooth
def trace_of_cube(rng, n, scale):
    A = rng.standard_normal((max(1, math.isqrt(n)),) * 2)
    return lambda A: np.trace(A @ A @ A), lambda A: (3 * (A @ A).T,), (scale * A,)


@smooth
def bilinear_einsum(rng, n, scale):
    T = rng.standard_normal((3, n, 4))
    a, b, c = rng.standard_normal(3), rng.standard_normal(n), rng.standard_normal(4)

    def gradient(a, b, c):
        return (
            np.einsum("ijk,j,k->i", T, b, c),
            np.einsum("ijk,i,k->j", T, a, c),
            np.einsum("ijk,i,j->k", T, a, b),
        )

    return lambda a, b, c: np.einsum("ijk,i,j,k->", T, a, b, c), gradient, (a, scale * b, c)


# --- signal, indexing


@smooth
def power_spectrum(rng, n, scale):
    w = rng.uniform(0, 1, n)

    def gradient(x):
        return (2 * n * np.fft.ifft(w * np.fft.fft(x)).real,)

    return lambda x: np.sum(w * np.abs(np.fft.fft(x)) ** 2), gradient, (scale * rng.standard_normal(n),)


@smooth
def gather(rng, n, scale):
    index, c = rng.integers(0, n, 2 * n), rng.standard_normal(2 * n)

    def gradient(x):
        g = np.zeros_like(x)
        np.add.at(g, index, 2 * c * x[index])
        return (g,)

    return lambda x: np.sum(c * x[index] ** 2), gradient, (scale * rng.standard_normal(n),)


@smooth
def convolution(rng, n, scale):
    x, k = rng.standard_normal(n + 3), rng.standard_normal(3)

    def gradient(x, k):
        y = 2 * np.convolve(x, k, "valid")
        return np.convolve(y, k[::-1]), np.convolve(x[::-1], y, "valid")

    return lambda x, k: np.sum(np.convolve(x, k, "valid") ** 2), gradient, (scale * x, k)


# --- networks


@smooth
def softmax_cross_entropy(rng, n, scale):
    rows, classes = max(1, n // 5), 5
    target = np.eye(classes)[rng.integers(0, classes, rows)]
    z = 3 * rng.standard_normal((rows, classes))

    def f(z):
        u = z / scale
        u = u - u.max(axis=1, keepdims=True)
        return -np.sum(target * (u - np.log(np.sum(np.exp(u), axis=1, keepdims=True)))) / rows

    return f, lambda z: ((_softmax(z / scale) - target) / (rows * scale),), (scale * z,)


@smooth
def logistic_regression(rng, n, scale):
    X, y = rng.standard_normal((20, n)), rng.integers(0, 2, 20)

    def f(w):
        s = X @ (w / scale)
        return np.mean(np.logaddexp(0, s) - y * s)

    return (
        f,
        lambda w: (X.T @ (1 / (1 + np.exp(-X @ (w / scale))) - y) / 20 / scale,),
        (scale * rng.standard_normal(n),),
    )


@smooth
def layer_norm(rng, n, scale):
    n = max(n, 4)
    c = rng.standard_normal(n)

    def parts(x):
        centred = x - x.mean()
        deviation = np.sqrt(np.mean(centred**2) + 1e-5 * scale**2)
        return centred / deviation, deviation

    def gradient(x, gain, bias):
        del bias
        unit, deviation = parts(x)
        g = c * gain
        return (g - g.mean() - unit * np.mean(g * unit)) / deviation, c * unit, c

    def f(x, gain, bias):
        return np.sum(c * (gain * parts(x)[0] + bias))

    return f, gradient, (scale * rng.standard_normal(n), rng.standard_normal(n), rng.standard_normal(n))


@smooth
def attention(rng, n, scale):
    rows, d = 4, max(1, n // 4)
    q, k, v = (rng.standard_normal((rows, d)) for _ in range(3))
    W = rng.standard_normal((rows, d))

    def weights(q, k):
        return _softmax((q / scale) @ k.T / math.sqrt(d))

    def gradient(q, k, v):
        A = weights(q, k)
        gA = W @ v.T
        gS = A * (gA - np.sum(gA * A, axis=1, keepdims=True)) / math.sqrt(d)
        return gS @ k / scale, gS.T @ (q / scale), A.T @ W

    return lambda q, k, v: np.sum(W * (weights(q, k) @ v)), gradient, (scale * q, k, v)


@smooth
def recurrent_steps(rng, n, scale):
    size = max(1, math.isqrt(n))
    x = rng.standard_normal((3, size))
    W = rng.standard_normal((size, size)) / math.sqrt(size)

    def states(W):
        h = [np.zeros(size)]
        for row in x:
            h.append(np.tanh(W / scale @ h[-1] + row))
        return h

    def gradient(W):
        h = states(W)
        g, total = 2 * h[-1], np.zeros_like(W)
        for t in (3, 2, 1):
            g = g * (1 - h[t] ** 2)
            total += np.outer(g, h[t - 1])
            g = (W / scale).T @ g
        return (total / scale,)

    return lambda W: np.sum(states(W)[-1] ** 2), gradient, (scale * W,)


# --- piecewise smooth


@kinked
def relu_network(rng, n, scale):
    d = max(1, math.isqrt(n))
    x, y = rng.standard_normal((8, d)), rng.standard_normal((8, 3))

    def gradient(w1, w2):
        h = x @ (w1 / scale)
        r = np.maximum(h, 0)
        g = 2 * (r @ w2 - y)
        return x.T @ ((g @ w2.T) * (h > 0)) / scale, r.T @ g

    def f(w1, w2):
        return np.sum((np.maximum(x @ (w1 / scale), 0) @ w2 - y) ** 2)

    return f, gradient, (scale * rng.standard_normal((d, 2 * d)), rng.standard_normal((2 * d, 3)))


@kinked
def a_thousand_kinks(rng, n, scale):
    m = int(rng.choice([10, 100, 1000]))
    W, b, c = rng.standard_normal((n, m)), rng.standard_normal(m) * rng.choice([1e-6, 1e-3, 1]), rng.standard_normal(m)
    b = scale * b
    return (
        lambda x: np.sum(np.maximum(x @ W + b, 0) * c),
        lambda x: (W @ (c * (x @ W + b > 0)),),
        (scale * rng.standard_normal(n),),
    )


@kinked
def squared_relu(rng, n, scale):
    W, c = rng.standard_normal((n, 50)), rng.standard_normal(50)
    return (
        lambda x: np.sum(np.maximum(x @ W, 0) ** 2 * c),
        lambda x: (2 * W @ (c * np.maximum(x @ W, 0)),),
        (scale * rng.standard_normal(n),),
    )


@kinked
def absolute_values(rng, n, scale):
    return lambda x: np.sum(np.abs(x)), lambda x: (np.sign(x),), (scale * rng.standard_normal(n),)


@kinked
def one_entry_next_to_its_kink(rng, n, scale):
    x = rng.standard_normal(n)
    x[0] = 10.0 ** rng.uniform(-9, -1)
    return (
        lambda x: np.sum(np.abs(x) * scale + x**2),
        lambda x: (np.sign(x) * scale + 2 * x,),
        (scale * x,),
    )


@kinked
def absolute_regression(rng, n, scale):
    X, y = rng.standard_normal((n + 5, n)), rng.standard_normal(n + 5)
    return (
        lambda w: np.mean(np.abs(X @ (w / scale) - y)),
        lambda w: (X.T @ np.sign(X @ (w / scale) - y) / (n + 5) / scale,),
        (scale * rng.standard_normal(n),),
    )


@kinked
def row_maxima(rng, n, scale):
    x = rng.standard_normal((max(1, n // 3), 3))

    def gradient(x):
        return ((x == x.max(axis=1, keepdims=True)) * 2 * x,)

    return lambda x: np.sum(x.max(axis=1) ** 2), gradient, (scale * x,)


@kinked
def least_of_row_maxima(rng, n, scale):
    x = rng.standard_normal((max(1, n // 3), 3))

    def gradient(x):
        tops = x.max(axis=1, keepdims=True)
        return (1.0 * (x == tops) * (tops == tops.min()),)

    return lambda x: x.max(axis=1).min(), gradient, (scale * x,)


@kinked
def sorted_weights(rng, n, scale):
    return (
        lambda x: np.sum(np.sort(x) * np.arange(1.0, n + 1)),
        lambda x: (np.argsort(np.argsort(x)) + 1.0,),
        (scale * rng.standard_normal(n),),
    )


@kinked
def median(rng, n, scale):
    n += 1 - n % 2
    return np.median, lambda x: (1.0 * (x == np.median(x)),), (scale * rng.standard_normal(n),)


@kinked
def huber(rng, n, scale):
    def f(x):
        u = x / scale
        return np.sum(np.where(np.abs(u) < 1, u**2 / 2, np.abs(u) - 0.5))

    return f, lambda x: (np.clip(x / scale, -1, 1) / scale,), (2 * scale * rng.standard_normal(n),)


@kinked
def hinge(rng, n, scale):
    X, y = rng.standard_normal((20, n)), rng.choice([-1.0, 1.0], 20)

    def gradient(w):
        return (X.T @ (-y * (y * (X @ (w / scale)) < 1)) / 20 / scale,)

    return lambda w: np.mean(np.maximum(1 - y * (X @ (w / scale)), 0)), gradient, (scale * rng.standard_normal(n),)


@kinked
def max_pool(rng, n, scale):
    x, c = rng.standard_normal((max(1, n // 4), 4)), rng.standard_normal(max(1, n // 4))
    return (
        lambda x: np.sum(c * x.max(axis=1)),
        lambda x: (c[:, None] * (x == x.max(axis=1, keepdims=True)),),
        (scale * x,),
    )


@kinked
def total_variation(rng, n, scale):
    def gradient(x):
        s = np.sign(np.diff(x))
        return (np.concatenate([[0], s]) - np.concatenate([s, [0]]),)

    return lambda x: np.sum(np.abs(np.diff(x))), gradient, (scale * rng.standard_normal(max(n, 2)),)


@kinked
def leaky_relu(rng, n, scale):
    return (
        lambda x: np.sum(np.where(x > 0, x, 0.01 * x)),
        lambda x: (np.where(x > 0, 1, 0.01),),
        (scale * rng.standard_normal(n),),
    )


@kinked
def clipped(rng, n, scale):
    c = rng.standard_normal(n)
    return (
        lambda x: np.sum(c * np.clip(x / scale, -1, 1)),
        lambda x: (c * (np.abs(x / scale) < 1) / scale,),
        (scale * rng.standard_normal(n),),
    )


@kinked
def larger_of_two(rng, n, scale):
    return (
        lambda a, b: np.sum(np.maximum(a, scale * b) ** 2),
        lambda a, b: (2 * a * (a > scale * b), 2 * scale**2 * b * (a <= scale * b)),
        (scale * rng.standard_normal(n), rng.standard_normal(n)),
    )


EVERY = {**SMOOTH, **KINKED}
SIZES = (1, 2, 5, 20, 100)
SCALES = (1e-6, 1e-3, 1.0, 1.0, 1.0, 1e3, 1e6)


def drawn(name: str, rng: Generator) -> Case:
    """Return one point of the function called `name`, at a size and a scale drawn too."""
    return EVERY[name](rng, int(rng.choice(SIZES)), float(rng.choice(SCALES)))


def noisy(case: Case, level: float, rng: Generator) -> Case:
    """Return the case with f's value multiplied by 1 + level·z, z normal and fresh at every call."""
    return case._replace(f=lambda *args: case.f(*args) * (1 + level * rng.standard_normal()))


def hash_noisy(case: Case, level: float) -> Case:
    """Return the case with noise of that relative size, a function of the point: the same bits, the same noise."""

    def f(*args):
        seed = zlib.crc32(b"".join(np.ascontiguousarray(x).tobytes() for x in args))
        return case.f(*args) * (1 + level * np.random.default_rng(seed).standard_normal())

    return case._replace(f=f)


def quantised(case: Case, quantum: float) -> Case:
    """Return the case with f's value rounded to multiples of `quantum` times its size at the point."""
    step = quantum * (abs(float(case.f(*case.args))) or 1.0)
    return case._replace(f=lambda *args: np.round(case.f(*args) / step) * step)


def in_dtype(case: Case, dtype: str) -> Case:
    """Return the case as a function of arrays in `dtype` that computes and answers in it; the gradient stays float64.

    So the checker meets the function's own round-off, and the claim is the truth at the rounded point.
    """
    args = tuple(np.asarray(x).astype(dtype) for x in case.args)
    return Case(
        case.name,
        lambda *args: np.asarray(case.f(*args)).astype(dtype)[()],
        lambda *args: case.gradient(*[x.astype(np.float64) for x in args]),
        args,
    )
