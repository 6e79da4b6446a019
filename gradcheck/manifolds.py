"""Manifolds for ``retract=``: how an argument moves that is a rotation, a pose or a direction.

``check(f, gradient, (R,), retract={"R": SO3()})`` moves R to R·exp(v) for a small v of three coordinates, and the
gradient is claimed in these: ∂f(R·exp(v))/∂v at v = 0. Groups have two sides: ``SO3("left")`` moves R to exp(v)·R. A
gradient that is right for the other side is told so.

In reading order: groups (SO3, SE3, UnitQuaternion), whose coordinates are few; Sphere, SPD and Stiefel, whose
coordinates are the argument's own and whose gradient is the Riemannian one, a tangent vector.

References: J. Solà, J. Deray and D. Atchuthan, "A micro Lie theory for state estimation in robotics", arXiv:1812.01537;
P.-A. Absil, R. Mahony and R. Sepulchre, "Optimization Algorithms on Matrix Manifolds", 2008.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIDES = ("right", "left")
SMALL = 2.0**-10  # below it the series of (θ − sin θ)/θ³ is exact after two terms: the third is θ⁴/5040


@dataclass(frozen=True)
class Group:
    """A Lie group, perturbed on one side.

    Parameters
    ----------
    side : {"right", "left"}
        ``x·exp(v)`` or ``exp(v)·x``.

    """

    side: str = "right"
    size: ClassVar[int]

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ArgumentError(f"side={self.side!r}, wanted one of {', '.join(map(repr, SIDES))}")

    def coordinates(self, x: Array) -> tuple[int, ...]:
        """Return the shape of v."""
        del x
        return (self.size,)

    def other(self) -> Self:
        """Return the same group, perturbed on the other side."""
        return replace(self, side="left" if self.side == "right" else "right")

    def __call__(self, x: Array, v: Array) -> Array:
        """Return x moved by v."""
        step = self.exp(v)
        return self.product(x, step) if self.side == "right" else self.product(step, x)

    def exp(self, v: Array) -> Array:
        """Return the element next to the identity that v stands for."""
        raise NotImplementedError

    def product(self, a: Array, b: Array) -> Array:
        """Return a·b."""
        return a @ b


@dataclass(frozen=True)
class SO3(Group):
    """Rotation matrices (3, 3); v is the rotation vector."""

    size: ClassVar[int] = 3

    def exp(self, v: Array) -> Array:
        """Return the rotation by ‖v‖ about v (Rodrigues)."""
        a, b, _ = _series(v)
        k = _hat(v)
        return np.asarray(np.eye(3) + a * k + b * (k @ k))


@dataclass(frozen=True)
class SE3(Group):
    """Poses, matrices (4, 4); v is the translation, then the rotation vector."""

    size: ClassVar[int] = 6

    def exp(self, v: Array) -> Array:
        """Return the pose of the twist v."""
        translation, rotation = v[:3], v[3:]
        a, b, c = _series(rotation)
        k = _hat(rotation)
        pose = np.eye(4)
        pose[:3, :3] += a * k + b * (k @ k)
        pose[:3, 3] = translation + b * (k @ translation) + c * (k @ k @ translation)
        return pose


@dataclass(frozen=True)
class UnitQuaternion(Group):
    """Unit quaternions (4,), the real part first; v is the rotation vector."""

    size: ClassVar[int] = 3

    def exp(self, v: Array) -> Array:
        """Return the quaternion of the rotation by ‖v‖ about v."""
        half = float(np.linalg.norm(v)) / 2
        return np.concatenate([[np.cos(half)], np.sinc(half / np.pi) / 2 * v])

    def product(self, a: Array, b: Array) -> Array:
        """Return Hamilton's product."""
        real = a[0] * b[0] - a[1:] @ b[1:]
        return np.concatenate([[real], a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])])


@dataclass(frozen=True)
class Embedded:
    """A manifold whose coordinates are the argument's own; v is projected to its tangent space."""

    def coordinates(self, x: Array) -> tuple[int, ...]:
        """Return the shape of v, that of x."""
        return x.shape


class Sphere(Embedded):
    """Arrays of norm 1, moved along great circles."""

    def __call__(self, x: Array, v: Array) -> Array:
        """Return x moved along the great circle in the direction of v."""
        u = v - x * np.sum(x * v)
        length = float(np.linalg.norm(u))
        return np.asarray(np.cos(length) * x + np.sinc(length / np.pi) * u)


class SPD(Embedded):
    """Symmetric positive definite matrices, moved to X + V + V X⁻¹ V/2 for the symmetric part V of v."""

    def __call__(self, x: Array, v: Array) -> Array:
        """Return x moved by the symmetric part of v; it stays positive definite for every v."""
        u = (v + v.T) / 2
        return np.asarray(x + u + u @ np.linalg.solve(x, u) / 2)


class Stiefel(Embedded):
    """Matrices with orthonormal columns, moved by the polar factor of X + U, U the part of v that is tangent to X."""

    def __call__(self, x: Array, v: Array) -> Array:
        """Return the matrix with orthonormal columns next to x + U."""
        inside = x.T @ v
        u = v - x @ ((inside + inside.T) / 2)
        left, _, right = np.linalg.svd(x + u, full_matrices=False)
        return np.asarray(left @ right)


def _hat(v: Array) -> Array:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _series(v: Array) -> tuple[float, float, float]:
    """Return sin θ/θ, (1 − cos θ)/θ² and (θ − sin θ)/θ³ for θ = ‖v‖, all accurate at small angles too."""
    angle = float(np.linalg.norm(v))
    a, b = float(np.sinc(angle / np.pi)), float(np.sinc(angle / (2 * np.pi))) ** 2 / 2
    return a, b, (1 - a) / angle**2 if angle > SMALL else 1 / 6 - angle**2 / 120
