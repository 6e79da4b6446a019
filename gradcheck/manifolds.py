"""How an argument moves that is a rotation, a pose or a direction: `retract=`.

``check(f, gradient, (R,), retract={"R": SO3()})`` moves R to R·exp(v) for a small v of three coordinates, and the
gradient is claimed in these: ∂f(R·exp(v))/∂v at v = 0. A Hessian is that of f(R·exp(v)) at v = 0. Groups have two
sides: ``SO3("left")`` moves R to exp(v)·R. A gradient that is right for the other side, or another order of
coordinates, is told so.

In reading order: groups (SO3, SE3, UnitQuaternion), whose coordinates are few; Sphere, SPD and Stiefel, whose
coordinates are the argument's own and whose gradient is the Riemannian one, a tangent vector. Arrays of NumPy, Torch
and JAX move alike.

References: J. Solà, J. Deray and D. Atchuthan, "A micro Lie theory for state estimation in robotics", arXiv:1812.01537;
P.-A. Absil, R. Mahony and R. Sepulchre, "Optimization Algorithms on Matrix Manifolds", 2008.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIDES = ("right", "left")


def _generators(size: int, d: int, entries: dict[int, list[tuple[int, int, float]]]) -> Array:
    """Return `size` matrices (d, d) with the given entries."""
    found = np.zeros((size, d, d))
    for k, places in entries.items():
        for i, j, value in places:
            found[k, i, j] = value
    return found


def _turn(i: int, j: int) -> list[tuple[int, int, float]]:
    return [(j, i, 1.0), (i, j, -1.0)]


TURNS = {0: _turn(1, 2), 1: _turn(2, 0), 2: _turn(0, 1)}
SHIFTS = {k: [(k, 3, 1.0)] for k in range(3)}
# Hamilton's product from the left: the matrices of 1, i, j and k.
UNITS = _generators(
    4,
    4,
    {0: [(n, n, 1.0) for n in range(4)]}
    | {
        k: [(k, 0, 1.0), (0, k, -1.0), (k % 3 + 1, (k + 1) % 3 + 1, -1.0), ((k + 1) % 3 + 1, k % 3 + 1, 1.0)]
        for k in (1, 2, 3)
    },
)


@dataclass(frozen=True)
class Group:
    """A Lie group of matrices, perturbed on one side.

    Parameters
    ----------
    side : {"right", "left"}
        ``x·exp(v)`` or ``exp(v)·x``.

    """

    side: str = "right"
    generators: ClassVar[Array]
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"side": SIDES}

    def __post_init__(self) -> None:
        for name, values in self.choices.items():
            if getattr(self, name) not in values:
                raise ArgumentError(f"{name}={getattr(self, name)!r}, wanted one of {', '.join(map(repr, values))}")

    def coordinates(self, x: Any) -> tuple[int, ...]:
        """Return the shape of v."""
        del x
        return (len(self.generators),)

    def others(self) -> list[Self]:
        """Return the same group by every other convention, those that differ in one choice first."""
        chosen = (dict(zip(self.choices, values, strict=True)) for values in product(*self.choices.values()))
        found = (replace(self, **choice) for choice in chosen)
        return sorted((other for other in found if other != self), key=lambda other: len(self._changed(other)))

    def _changed(self, other: Self) -> list[str]:
        return [name for name in self.choices if getattr(self, name) != getattr(other, name)]

    def told(self, other: Self) -> tuple[str, str]:
        """Return the name of the mistake, and what to say, where a gradient is right for `other`."""
        changed = self._changed(other)
        options = ", ".join(f"{name}={getattr(other, name)!r}" for name in changed)
        do = f"pass {options} to {type(self).__name__}, or convert it"
        if changed != ["side"]:
            return "another convention", f"right by another convention: {do}"
        here, there = ("x·exp(v)", "exp(v)·x") if other.side == "left" else ("exp(v)·x", "x·exp(v)")
        side = f"right for perturbations on the {other.side}, {there}, and claimed for {here}"
        return "the other side", f"{side}: {do}"

    def __call__(self, x: Any, v: Any) -> Any:
        """Return x moved by v."""
        step = self.exp(v)
        return self.product(x, step) if self.side == "right" else self.product(step, x)

    def exp(self, v: Any) -> Any:
        """Return the element next to the identity that v stands for, the exponential of Σ v_k·generator_k."""
        return _exponential(_combined(v, self.generators))

    def product(self, a: Any, b: Any) -> Any:
        """Return a·b."""
        return a @ b

    def carried(self, x: Array, v: Array, g: Array, g0: Array) -> Array:
        """Return a gradient g at x moved by v in the coordinates at x, to first order in v; g0 is the one at x.

        x·exp(v)·exp(d) is x·exp(v + d + [v, d]/2 + …), and exp(d)·exp(v)·x has the commutator with the other sign.
        """
        del x
        matrix = _combined(v, self.generators)
        commutators = matrix @ self.generators - self.generators @ matrix
        squares = np.sum(self.generators**2, axis=(1, 2))  # generators are orthogonal
        turned = np.einsum("jab,iab,j->i", self.generators / squares[:, None, None], commutators, g0)
        return np.asarray(g - turned / 2 if self.side == "right" else g + turned / 2)


@dataclass(frozen=True)
class SO3(Group):
    """Rotation matrices (3, 3); v is the rotation vector."""

    generators: ClassVar[Array] = _generators(3, 3, TURNS)


@dataclass(frozen=True)
class SE3(Group):
    """Poses, matrices (4, 4); v is the translation, then the rotation vector, or the other way round.

    Parameters
    ----------
    first : {"translation", "rotation"}
        What the first three coordinates are.

    """

    first: str = "translation"
    generators: ClassVar[Array] = _generators(6, 4, SHIFTS | {k + 3: turn for k, turn in TURNS.items()})
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"side": SIDES, "first": ("translation", "rotation")}

    def exp(self, v: Any) -> Any:
        """Return the pose of the twist v."""
        return super().exp(v if self.first == "translation" else _rolled(v, 3))

    def carried(self, x: Array, v: Array, g: Array, g0: Array) -> Array:
        """Return a gradient g at x moved by v in the coordinates at x, to first order in v; g0 is the one at x."""
        if self.first == "translation":
            return super().carried(x, v, g, g0)
        return np.asarray(_rolled(super().carried(x, _rolled(v, 3), _rolled(g, 3), _rolled(g0, 3)), 3))


@dataclass(frozen=True)
class UnitQuaternion(Group):
    """Unit quaternions (4,); v is the rotation vector.

    Parameters
    ----------
    real : {"first", "last"}
        Where the real part stands; SciPy has it last.

    """

    real: str = "first"
    generators: ClassVar[Array] = UNITS[1:] / 2
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"side": SIDES, "real": ("first", "last")}

    def exp(self, v: Any) -> Any:
        """Return the quaternion of the rotation by ‖v‖ about v."""
        found = super().exp(v)[:, 0]
        return found if self.real == "first" else _rolled(found, -1)

    def product(self, a: Any, b: Any) -> Any:
        """Return Hamilton's product."""
        if self.real == "first":
            return _combined(a, UNITS) @ b
        return _rolled(_combined(_rolled(a, 1), UNITS) @ _rolled(b, 1), -1)


@dataclass(frozen=True)
class Embedded:
    """A manifold whose coordinates are the argument's own; v is projected to its tangent space."""

    def coordinates(self, x: Any) -> tuple[int, ...]:
        """Return the shape of v, that of x."""
        return tuple(x.shape)

    def tangent(self, x: Any, v: Any) -> Any:
        """Return the part of v that is tangent at x."""
        raise NotImplementedError

    def carried(self, x: Array, v: Array, g: Array, g0: Array) -> Array:
        """Return a gradient g at x moved by v in the coordinates at x, to first order in v; g0 is the one at x."""
        del v, g0
        return np.asarray(self.tangent(x, g))


class Sphere(Embedded):
    """Arrays of norm 1, moved to (x + u)/‖x + u‖, u the part of v that is tangent to x."""

    def tangent(self, x: Any, v: Any) -> Any:
        """Return v without its part along x."""
        return v - x * (x * v).sum()

    def __call__(self, x: Any, v: Any) -> Any:
        """Return x moved by v."""
        moved = x + self.tangent(x, v)
        return moved / (moved * moved).sum() ** 0.5


class SPD(Embedded):
    """Symmetric positive definite matrices, moved to X + V + V X⁻¹ V/2 for the symmetric part V of v."""

    def tangent(self, x: Any, v: Any) -> Any:
        """Return the symmetric part of v."""
        del x
        return (v + v.T) / 2

    def __call__(self, x: Any, v: Any) -> Any:
        """Return x moved by the symmetric part of v; it stays positive definite for every v."""
        u = self.tangent(x, v)
        return x + u + u @ arrays.namespace(x).linalg.solve(x, u) / 2

    def carried(self, x: Array, v: Array, g: Array, g0: Array) -> Array:
        """Return a gradient g at x moved by v in the coordinates at x: the retraction bends by V X⁻¹ V/2."""
        bent = np.linalg.solve(x, self.tangent(x, v)) @ g0
        return np.asarray(self.tangent(x, g + bent))


class Stiefel(Embedded):
    """Matrices with orthonormal columns, moved to the polar factor of X + U, U the part of v that is tangent to X."""

    def tangent(self, x: Any, v: Any) -> Any:
        """Return v without what makes XᵀX move."""
        inside = x.T @ v
        return v - x @ (inside + inside.T) / 2

    def __call__(self, x: Any, v: Any) -> Any:
        """Return the matrix with orthonormal columns next to x + U."""
        u = self.tangent(x, v)
        if isinstance(x, np.ndarray):
            left, _, right = np.linalg.svd(x + u, full_matrices=False)
            return left @ right
        # Equal singular values have no derivative in Torch and JAX: Newton's iteration for the same factor has.
        moved = (x + u) / (1 + (u * u).sum()) ** 0.5  # singular values of at most 1, the factor the same
        one = arrays.namespace(x).eye(x.shape[1], dtype=x.dtype)
        for _ in range(NEWTON):
            moved = moved @ (3 * one - moved.T @ moved) / 2
        return moved


# A singular value s becomes s(3 − s²)/2: from 1/2 (‖u‖ = √3) it is off by 0.5, 0.31, 0.13, 0.025, 9e-4, 1.2e-6, 2e-12,
# 7e-24.
NEWTON = 7


def _rolled(v: Any, by: int) -> Any:
    """Return v with its entries moved on by `by` places."""
    return arrays.namespace(v).concat([v[-by:], v[:-by]])


def _combined(v: Any, matrices: Array) -> Any:
    """Return Σ v_k·matrix_k in v's library and dtype."""
    if isinstance(v, np.ndarray):
        return np.tensordot(v, matrices.astype(np.float32 if v.dtype == np.float32 else np.float64), axes=1)
    xp = arrays.namespace(v)
    constants = xp.asarray(matrices, dtype=v.dtype)
    return xp.sum(v[:, None, None] * constants, axis=0)


def _exponential(m: Any) -> Any:
    """Return the matrix exponential of m, of its library."""
    if isinstance(m, np.ndarray):
        from scipy.linalg import expm  # noqa: PLC0415  SciPy takes a while to load

        return expm(m)
    if arrays.is_torch(m):
        return m.matrix_exp()
    from jax.scipy.linalg import expm as jax_expm  # noqa: PLC0415  only where a JAX array exists

    return jax_expm(m)
