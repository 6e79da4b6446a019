"""Functions with kinks whose subdifferential is known, and claims inside and outside it.

Each family draws a positively homogeneous h: `gradient(w)` is its gradient at w, and `furthest(u)` the point furthest
along u of a set that holds Clarke's subdifferential of h at 0, and is it for most families. f(x) = h(x − x₀) + q·x +
c·|x − x₀|²/2 has a kink at x₀, with the subdifferential shifted by q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

SINGLE, FANS = "single kinks of both bends", "fans of both bends"


@dataclass
class Germ:
    """h, and how it bends: "one way", `SINGLE` or `FANS`."""

    shape: tuple[int, ...]
    gradient: Callable
    furthest: Callable
    bends: str = "one way"
    everyone: np.ndarray | None = None  # the gradient that gives the whole to each of those that are tied
    normals: np.ndarray | None = None  # of kinks that are planes, where these are all


@dataclass
class Case:
    """A germ with its smooth part, and a claim; `inside` is the truth."""

    germ: Germ
    linear: np.ndarray
    curvature: float
    claim: np.ndarray
    inside: bool
    kind: str

    def beside(self, w):
        """Return the gradient of f at x₀ + w."""
        return self.germ.gradient(w) + self.linear + self.curvature * w

    def value(self, w):
        """Return f at x₀ + w, f(x₀) being 0."""
        return float(self.germ.gradient(w) @ w + self.linear @ w + self.curvature * (w @ w) / 2) if np.any(w) else 0.0


def factors(rng, count):
    """Return how kinks are weighed: all up, all down, or both ways; and whether they bend one way."""
    sizes = rng.uniform(0.2, 2.0, count)
    way = rng.choice(["up", "down", "both"])
    if way == "both":
        sizes *= rng.choice([-1.0, 1.0], count)
    return (-sizes if way == "down" else sizes), way != "both" or len(set(np.sign(sizes))) == 1


def of_rows(rows, total, shape, c, bends):
    """Σ c_r·max over row r; `rows` is (rows, tied), indices into the argument."""
    number = np.arange(len(rows))

    def winners(scores):
        out = np.zeros(total)
        np.add.at(out, rows[number, scores.argmax(axis=1)], c)
        return out

    everyone = np.zeros(total)
    np.add.at(everyone, rows, np.broadcast_to(c[:, None], rows.shape))
    return Germ(shape, lambda w: winners(w[rows]), lambda u: winners(c[:, None] * u[rows]), bends, everyone)


def row_maxima(rng):
    count = int(2 ** rng.uniform(0, 8))
    tied = min(int(2 ** rng.uniform(1, 6.01)), max(2, 4096 // count))
    c, _ = factors(rng, count)
    return of_rows(np.arange(count * tied).reshape(count, tied), count * tied, (count, tied), c, "one way")


def segment_maxima(rng):
    """Rows whose entries stand anywhere in the argument."""
    count, tied = int(rng.integers(1, 20)), int(rng.integers(2, 9))
    c, one = factors(rng, count)
    rows = rng.permutation(count * tied).reshape(count, tied)
    return of_rows(rows, count * tied, (count * tied,), c, "one way" if one else FANS)


def pool(rng):
    side, k, step = int(rng.integers(3, 10)), int(rng.integers(2, 4)), int(rng.integers(1, 3))
    corners = range(0, side - k + 1, step)
    windows = [[(i + a) * side + j + b for a in range(k) for b in range(k)] for i in corners for j in corners]
    c, one = factors(rng, len(windows))
    return of_rows(np.array(windows), side * side, (side, side), c, "one way" if one else FANS)


def affine_maximum(rng):
    """The largest of several linear functions: a hinge of many classes, a dual norm."""
    pieces, n = int(rng.integers(2, 20)), int(rng.integers(1, 12))
    normals = rng.standard_normal((pieces, n))
    sign = rng.choice([-1.0, 1.0])
    return Germ(
        (n,),
        lambda w: sign * normals[np.argmax(normals @ w)],
        lambda u: sign * normals[np.argmax(sign * (normals @ u))],
    )


def of_kinks(normals, c, shape, bends):
    """Σ c_k·max(0, n_k·w)."""
    return Germ(
        shape,
        lambda w: (c * (normals @ w > 0)) @ normals,
        lambda u: (c * (c * (normals @ u) > 0)) @ normals,
        bends,
        normals=normals,
    )


def rectifiers(rng):
    """ReLUs or moduli, entry by entry."""
    n = int(10 ** rng.uniform(0, 3.5))
    c, _ = factors(rng, n)
    low = rng.choice([0.0, -1.0])
    return Germ((n,), lambda w: c * np.where(w > 0, 1.0, low), lambda u: c * np.where(c * u > 0, 1.0, low))


def hinges(rng):
    n, count = int(rng.integers(2, 40)), int(rng.integers(1, 40))
    return of_kinks(rng.standard_normal((count, n)), rng.uniform(0.2, 2, count), (n,), "one way")


def network(rng):
    """A hidden layer with many units at 0: each kink moves one column of the weights."""
    inputs, units, samples = int(rng.integers(2, 10)), int(rng.integers(1, 8)), int(rng.integers(1, 12))
    x = rng.integers(-2, 3, (samples, inputs)).astype(float)
    x = x[np.any(x, axis=1)]
    at_zero = np.argwhere(rng.random((len(x), units)) < 0.4)
    if not len(at_zero):
        return None
    normals = np.zeros((len(at_zero), inputs, units))
    for k, (row, unit) in enumerate(at_zero):
        normals[k, :, unit] = x[row]
    return of_kinks(normals.reshape(len(at_zero), -1), rng.standard_normal(len(at_zero)), (inputs, units), SINGLE)


def walls(rng):
    n = int(rng.integers(2, 40))
    count = int(rng.integers(1, min(n, 25) + 1))
    c, one = factors(rng, count)
    return of_kinks(rng.standard_normal((count, n)), c, (n,), "one way" if one else SINGLE)


def total_variation(rng):
    if rng.random() < 0.5:
        n = int(rng.integers(3, 60))
        return of_moduli(np.diff(np.eye(n), axis=0), (n,))
    side = int(rng.integers(3, 8))
    image = np.eye(side * side).reshape(side, side, -1)
    steps = [np.diff(image, axis=axis).reshape(-1, side * side) for axis in (0, 1)]
    return of_moduli(np.concatenate(steps), (side, side))


def of_moduli(normals, shape):
    """Σ |n_k·w|."""
    return Germ(shape, lambda w: np.sign(normals @ w) @ normals, lambda u: np.sign(normals @ u) @ normals)


def ordered(cotangent):
    n = len(cotangent)

    def gradient(w):
        out = np.empty(n)
        out[np.argsort(w, kind="stable")] = cotangent
        return out

    def furthest(u):
        out = np.empty(n)
        out[np.argsort(u, kind="stable")] = np.sort(cotangent)
        return out

    one = bool(np.all(np.diff(cotangent) >= 0) or np.all(np.diff(cotangent) <= 0))
    return Germ((n,), gradient, furthest, "one way" if one else FANS)


def sort(rng):
    return ordered(rng.standard_normal(int(rng.integers(2, 10))))


def median(rng):
    n = 2 * int(rng.integers(1, 8)) + 1
    return ordered(1.0 * (np.arange(n) == n // 2))


def largest_few(rng):
    n = int(rng.integers(3, 40))
    return ordered(rng.choice([-1.0, 1.0]) * (np.arange(n) >= rng.integers(1, n)))


def norm(rng):
    kind, n, a = (
        rng.choice(["L1", "L2", "Linf", "nuclear"]),
        int(2 ** rng.uniform(1, 6)),
        float(rng.choice([-2.0, 2.0])),
    )
    rows = int(rng.integers(2, 6))
    n = rows * (rows + 1) if kind == "nuclear" else n

    def dual(w):
        if kind == "L1":
            return np.sign(w)
        if kind == "L2":
            return w / np.linalg.norm(w)
        if kind == "Linf":
            return np.sign(w) * (np.arange(n) == np.argmax(np.abs(w)))
        left, _, right = np.linalg.svd(w.reshape(rows, rows + 1), full_matrices=False)
        return (left @ right).ravel()

    return Germ((rows, rows + 1) if kind == "nuclear" else (n,), lambda w: a * dual(w), lambda u: a * dual(a * u))


def norms_of_groups(rng):
    rows, each = int(2 ** rng.uniform(0, 6)), int(rng.integers(2, 9))
    c, _ = factors(rng, rows)

    def dual(w, signs):
        w = w.reshape(rows, each)
        return (signs[:, None] * w / np.linalg.norm(w, axis=1, keepdims=True)).ravel()

    return Germ((rows, each), lambda w: dual(w, c), lambda u: dual(u, np.abs(c)))


FAMILIES = (
    row_maxima,
    segment_maxima,
    pool,
    affine_maximum,
    rectifiers,
    hinges,
    network,
    walls,
    total_variation,
    sort,
    median,
    largest_few,
    norm,
    norms_of_groups,
)
KINDS = ("vertex", "in order", "centre", "face", "combination", "1 % outside", "20 % outside", "everyone", "nobody")


def drawn(family, seed):
    """Return a case of a family, None where the draw has no claim of its kind."""
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    germ = family(rng)
    if germ is None:
        return None
    n = int(np.prod(germ.shape))
    linear = rng.standard_normal(n) * (rng.random() < 0.5)
    curvature = float(rng.standard_normal() * 3 * (rng.random() < 0.5))
    kind = str(rng.choice(KINDS))
    found = claimed(germ, kind, rng)
    if found is None:
        return None
    claim, inside = found
    return Case(germ, linear, curvature, claim + linear, inside, kind)


def claimed(germ, kind, rng):  # noqa: PLR0911  one for each kind
    """Return a claim of h at 0 and whether it is inside, None where the kind says nothing of this h."""
    n = int(np.prod(germ.shape))
    at = germ.gradient
    if kind == "vertex":
        return at(rng.standard_normal(n)), True
    if kind == "in order":
        return at(rng.choice([-1.0, 1.0]) * (np.arange(n) + 0.5) + 1e-3 * rng.standard_normal(n)), True
    if kind == "centre":
        w = rng.standard_normal(n)
        return (at(w) + at(-w)) / 2, True
    if kind == "face":
        w, share = rng.standard_normal(n), rng.random()
        return share * at(w + 0.05 * rng.standard_normal(n)) + (1 - share) * at(w), True
    if kind == "combination":
        shares = rng.dirichlet(np.ones(int(rng.integers(2, 8))))
        return sum(share * at(rng.standard_normal(n)) for share in shares), True
    if kind == "everyone":
        if germ.everyone is None:
            return None
        return germ.everyone, False
    if kind == "nobody":
        total = at(rng.standard_normal(n)).sum()  # the same everywhere, where h(w + t) = h(w) + t·total
        known = germ.everyone is not None or germ.bends == FANS
        return (np.zeros(n), False) if known and abs(total) > 0.1 else None
    centre = sum(at(rng.standard_normal(n)) for _ in range(4)) / 4
    u = rng.standard_normal(n)
    end = germ.furthest(u)
    beyond = float((end - centre) @ u)
    if beyond <= 1e-2 * np.linalg.norm(u) * np.linalg.norm(end - centre) / np.sqrt(n):
        return None
    return centre + (1.01 if kind == "1 % outside" else 1.2) * (end - centre), False
