"""Gauss-Newton approximations: a Hessian of least squares that leaves the second-order term out on purpose.

Of f = s·Σ r_i² the Hessian is 2s·(JᵀJ + Σ r_i ∇²r_i), J being the Jacobian of the residuals r, and the approximation
2s·JᵀJ. That is the Jacobian, at the point x0, of F(x) = 2s·J(x0)ᵀ r(x), so it is judged as one. A cotangent c asks for
c·F(x) = 2s·(J(x0) c)·r(x), where J(x0) c is one derivative of r along c, and J itself is never formed.

Where the residuals are not known nothing can be said of the numbers: f tells the sum of both terms. The matrix must be
symmetric and positive semidefinite, as every JᵀJ is, and the report says that no more was checked.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.balance import NEAR
from gradcheck.claims.hessian import LARGEST, SYMMETRIC, HessianClaim, HesspClaim
from gradcheck.claims.jacobian import MatrixClaim
from gradcheck.claims.outputs import dtype_of, numbers_as_arrays, outputs
from gradcheck.claims.point import caller, title_of
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.slopes.central import central
from gradcheck.slopes.direction import scale_of
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.claim import Claim, Given

NO_MULTIPLE = (
    "f is no multiple of the sum of squares of residuals= (f / Σ r² is {:.6g} at the point and {:.6g} next to it): "
    "pass the residuals of the whole of f, those of a regulariser among them"
)
DIFFERENCED = "J is differenced along a vector, never formed: {} calls of residuals= before the slopes"
NOT_JUDGED = (
    "not checked: {} beyond being symmetric and positive semidefinite, as a Gauss-Newton approximation is: pass "
    "residuals= to judge its numbers"
)
TRIED = 16  # random vectors for a larger one
FORMED = 2**22  # entries of a Jacobian that is formed to say in which row an error is
DIRECTIONS = 3  # along which the rows of J are sized
SAME = 2.0**-20  # two values of f / Σ r² that agree: both are sums of many terms
SUMMED = 2.0**10  # units of round-off by which a sum of 10^6 terms may be off


class _GaussNewton(MatrixClaim):
    """What makes a claim about a Hessian one about JᵀJ; stands before the class of the claim.

    Attributes
    ----------
    multiple : float
        s of f = s·Σ r².

    """

    def __init__(self, function: Callable[..., Any], value: Any, given: Given) -> None:
        super().__init__(function, value, given)
        residuals = given.options["residuals"]
        self.title = f"the Gauss-Newton approximation of {title_of(function)}"
        self._user = residuals
        self._residuals = caller(numbers_as_arrays(residuals), self.tree, self.kwargs)
        self._along: dict[tuple[Any, ...], tuple[NDArray[Any], NDArray[np.float64]]] = {}
        self._of = [i for i, _ in enumerate(self.leaves) if self.asked(i)]  # the leaf of each output
        self._calls = 0
        self.multiple = self._multiple(caller(function, self.tree, self.kwargs))
        with contextlib.suppress(WrongClaim):  # of another shape, say: the contract tells
            self.own_error = self._off()
        self.notes = (*self.notes, DIFFERENCED.format(self._calls))

    def _balance_entries(self) -> None:
        """Do nothing: rows are balanced by the matrix, and the outputs elsewhere are not known."""

    def _multiple(self, f: Callable[[Sequence[Any]], Any]) -> float:
        """Return s of f = s·Σ r², from values in float64 where f takes it.

        Raises
        ------
        ArgumentError
            If there is no such number.

        """
        wide = [arrays.cast(x, arrays.WIDER.get(arrays.dtype_name(x), arrays.dtype_name(x))) for x in self.leaves]
        try:
            here, unit = self._ratio(f, wide)
        except Exception:  # noqa: BLE001  float64 is an offer
            wide = list(self.leaves)
            here, unit = self._ratio(f, wide)
        self.given_unit = max(self.given_unit, unit)
        there, _ = self._ratio(f, [arrays.shifted(x, NEAR, self._move(i, x)) for i, x in enumerate(wide)])
        if np.isnan(here):
            return there
        if not abs(here - there) <= max(SAME, SUMMED * unit) * abs(here):
            raise ArgumentError(NO_MULTIPLE.format(here, there))
        return here

    def _ratio(self, f: Callable[[Sequence[Any]], Any], leaves: Sequence[Any]) -> tuple[float, float]:
        """Return f / Σ r², NaN where that is 0/0, and the unit round-off of f."""
        value = f(leaves)
        value = value[0] if isinstance(value, tuple) else value
        squares = float(np.sum(self.residuals(leaves).astype(np.float64) ** 2))
        return arrays.scalar(value, "f") / squares if squares else np.nan, arrays.ROUNDOFF.get(
            dtype_of(value), 2.0**-53
        )

    def remark(self, leaves: Sequence[Any]) -> str:
        """Return nothing: what it is meant as is known."""
        del leaves
        return ""

    def residuals(self, leaves: Sequence[Any]) -> NDArray[Any]:
        """Return every residual in one array."""
        self._calls += 1
        parts = outputs(self._residuals(leaves), self._user)
        return np.concatenate([arrays.to_numpy(part).reshape(-1) for part in parts])

    def along(self, moves: Sequence[NDArray[Any] | None], like: Sequence[Any]) -> NDArray[Any]:
        """Return J(x0)·move, every leaf moving at once; x0 in the dtypes of `like`."""
        return self._measured(moves, [arrays.dtype_name(x) for x in like])[0]

    def _measured(
        self, moves: Sequence[NDArray[Any] | None], names: Sequence[str]
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return J(x0)·move, and how far each entry is off."""
        key = (*names, *(None if move is None else move.tobytes() for move in moves))
        if key not in self._along:
            start = [arrays.cast(x, name) for x, name in zip(self.leaves, names, strict=True)]
            scaled = [None if m is None else np.abs(m) / _scale(x) for m, x in zip(moves, start, strict=True)]
            size = max((float(np.max(s, initial=0.0)) for s in scaled if s is not None), default=0.0) or 1.0

            def at(t: float) -> NDArray[Any]:
                return self.residuals(
                    [
                        x if m is None else arrays.shifted(x, t, arrays.like(np.asarray(m / size), x))
                        for m, x in zip(moves, start, strict=True)
                    ]
                )

            coarsest = max(names, key=lambda name: arrays.ROUNDOFF[name])
            found, bound = central(at, coarsest, arrays.ROUNDOFF[coarsest])
            self._along[key] = size * found, size * bound
        return self._along[key]

    def _off(self) -> float:
        """Return how far the slopes of c·F may be off by the error of J·c, relative to the claim.

        An error d of J·c moves the slope along v by d·(J v), and |(J v)_i| is ‖J_i∘s‖ for a random v in the mean.
        """
        names = [arrays.WIDER.get(name, name) for name in map(arrays.dtype_name, self.leaves)]
        _, bound = self._measured(self._of_outputs(self.cotangents), names)
        squares = np.zeros(bound.shape)
        for k in range(DIRECTIONS):
            drawn = [
                stream(self.seed, Purpose.TANGENT, i, k).standard_normal(arrays.shape_of(x)) * _scale(x)
                if i in self._of
                else None
                for i, x in enumerate(self.leaves)
            ]
            squares += np.abs(self._measured(drawn, names)[0]) ** 2 / DIRECTIONS
        off = 2 * abs(self.multiple) * float(np.sum(bound * np.sqrt(squares)))
        claimed = self.claimed(self.leaves)
        norms = [
            float(np.linalg.norm(arrays.to_numpy(claimed[i]) * _scale(self.leaves[i])))
            for i in self._of
            if claimed[i] is not None
        ]
        return off / min((norm for norm in norms if norm > 0), default=math.inf)

    def _of_outputs(self, weights: Sequence[Any]) -> list[NDArray[Any] | None]:
        """Return cotangents, one for each output, as moves of the leaves that these are about."""
        given = dict(zip(self._of, weights, strict=True))
        return [np.asarray(given[i]) if i in given else None for i, _ in enumerate(self.leaves)]

    def function(self, leaves: Sequence[Any]) -> float:
        """Return c·F at `leaves`."""
        pushed = self.along(self._of_outputs(self.cotangents), leaves)
        return 2 * self.multiple * float(pushed @ self.residuals(leaves))

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return c·F in the residuals' own library."""
        pushed = self.along(self._of_outputs(self.cotangents), self.leaves)
        total: Any = 0
        for part in outputs(self._residuals(leaves), self._user):
            weights, pushed = pushed[: part.size], pushed[part.size :]
            total = total + (arrays.like(weights.reshape(part.shape), part) * part).sum()
        return 2 * self.multiple * total

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype name of the residuals."""
        return arrays.dtype_name(outputs(self._residuals(leaves), self._user)[0])

    def outputs(self, leaves: Sequence[Any]) -> list[Any]:
        """Return F whole, for which J is formed; only to say where an error is."""
        sizes = [int(np.prod(arrays.shape_of(y))) for y in self.out]
        r = self.residuals(leaves)
        if sum(sizes) * r.size > FORMED:
            raise ArgumentError("the Jacobian is too large to be formed")
        found = []
        for k, (y, size) in enumerate(zip(self.out, sizes, strict=True)):
            units = np.eye(size).reshape(size, *arrays.shape_of(y))
            rows = [self.along(self._of_outputs(self._unit(k, unit)), leaves) @ r for unit in units]
            found.append(2 * self.multiple * np.array(rows).reshape(arrays.shape_of(y)))
        return found

    def _unit(self, output: int, unit: NDArray[Any]) -> list[NDArray[Any]]:
        return [unit if k == output else np.zeros(arrays.shape_of(y)) for k, y in enumerate(self.out)]


class GaussNewtonClaim(_GaussNewton, HessianClaim):
    """The claim that `hess` is 2s·JᵀJ."""


class GaussNewtonProducts(_GaussNewton, HesspClaim):
    """The claim that `hessp` maps p to 2s·JᵀJ·p."""


def _scale(x: Any) -> Any:
    """Return the scale of an argument's entries."""
    return scale_of(arrays.to_numpy(x)).value


def with_residuals(keyword: str, function: Any, value: Any, given: Given, residuals: Callable[..., Any]) -> Claim:
    """Return the claim that hess=value, or hessp=value, is 2s·JᵀJ."""
    form = GaussNewtonClaim if keyword == "hess" else GaussNewtonProducts
    return form(function, value, replace(given, options={**given.options, "residuals": residuals}))


def without_residuals(first: Claim, seconds: Sequence[MatrixClaim]) -> Claim:
    """Return the claim of the gradient, with the matrices held to what every JᵀJ is, and said to be no more checked."""

    def held(leaves: Sequence[Any]) -> str | None:
        found = (
            _contradiction(
                claim, [arrays.cast(x, arrays.dtype_name(y)) for x, y in zip(leaves, claim.leaves, strict=True)]
            )
            for claim in seconds
        )
        return next(filter(None, found), None)

    note = NOT_JUDGED.format(" and ".join(claim.names[0].partition(" ")[0] for claim in seconds))
    return first.with_(linear=held, notes=(*first.notes, note))


def _contradiction(claim: MatrixClaim, leaves: Sequence[Any]) -> str:
    """Return why a matrix is no 2s·JᵀJ with s > 0, empty where it may be one."""
    if isinstance(claim, HessianClaim):  # its matrix once, not for every column
        blocks = claim.blocks(leaves)
        claim = claim.with_(blocks=lambda _: blocks)
    if claim.linear is not None and (said := claim.linear(leaves)):
        return said
    no = f"{claim.letter} is no Gauss-Newton approximation"
    if said := claim.asymmetry(leaves):
        return f"{claim.letter} is {said}"
    sizes = [int(np.prod(arrays.shape_of(y))) for y in claim.out]
    units = (
        np.eye(sum(sizes))
        if sum(sizes) <= LARGEST
        else stream(claim.seed, Purpose.TANGENT, 0).standard_normal((TRIED, sum(sizes)))
    )
    products = np.array([_product(claim, leaves, v) for v in units])
    if len(units) == sum(sizes):
        values = np.linalg.eigvalsh((products + products.T) / 2)
        if values[0] < -SYMMETRIC * abs(values[-1]):
            return f"{no}: it has the eigenvalue {values[0]:.6g}, and JᵀJ has none below 0"
        return ""
    forms = np.sum(units * products, axis=1)
    if np.any(forms < -SYMMETRIC * np.linalg.norm(units, axis=1) * np.linalg.norm(products, axis=1)):
        return f"{no}: p·(H p) is {forms.min():.6g} for some p, and p·(JᵀJ p) never below 0"
    return ""


def _product(claim: MatrixClaim, leaves: Sequence[Any], v: NDArray[Any]) -> NDArray[Any]:
    """Return H·v, both over all judged leaves flattened and joined."""
    asked = [i for i, _ in enumerate(leaves) if claim.asked(i)]
    total = np.zeros(v.size)
    for i in asked:
        size = int(np.prod(arrays.shape_of(leaves[i])))
        part, v = v[:size], v[size:]
        if np.any(part):
            moved = arrays.like(part.reshape(arrays.shape_of(leaves[i])), leaves[i])
            total += np.concatenate([np.asarray(y).reshape(-1) for y in claim.pushed(leaves, i, moved)])
    return total
