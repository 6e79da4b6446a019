"""A Hessian as the Jacobian of a gradient: `hess=`, a matrix, or `hessp=`, its products with vectors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.jacobian import JacobianClaim, MatrixClaim
from gradcheck.claims.point import finished, point, title_of
from gradcheck.claims.returned import by_argument, checked
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.slopes.direction import scale_of
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.claim import Given
    from gradcheck.claims.tree import Tree

SYMMETRIC = 2.0**-26  # √u: H and its transpose agree far better, another matrix far worse
LARGEST = 1000  # rows of a matrix whose eigenvalues are asked for
MISSING = (
    "hess= and hessp= are judged against the gradient: pass it too, check(f, gradient, args, hess=H), or the "
    "gradient alone as a function with jac=H"
)


class GradientOf:
    """A gradient as a function with one output for each argument that it is claimed for.

    Attributes
    ----------
    tree : Tree
        The arguments, restricted to those.
    judged : tuple of str
        Their names.

    """

    def __init__(self, function: Callable[..., Any], given: Given) -> None:
        self.__name__ = f"the Hessian of {title_of(function)}"
        self._gradient = _needed(given)
        tree, leaves = point(given.args, function, given.names)
        self._whole = tree
        found = self._by_argument(tree, leaves, given.kwargs)
        self.judged = tuple(name for name, g in zip(tree.names, found, strict=True) if g is not None)
        self.tree = tree if len(self.judged) == len(tree.names) else tree.restricted(self.judged)

    def _by_argument(self, tree: Tree, leaves: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        filled = tree.fill(leaves)
        result = finished(
            self._gradient(**filled, **kwargs) if isinstance(filled, dict) else self._gradient(*filled, **kwargs),
            self._gradient,
        )
        found = by_argument(result, tree)
        return [checked(g, x, name) for g, x, name in zip(found, leaves, tree.names, strict=True)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient as a dict by argument; an array alone for a single one."""
        whole = self._whole
        result = finished(self._gradient(*args, **kwargs), self._gradient)
        try:
            found = dict(zip(whole.names, by_argument(result, whole), strict=True))
        except WrongClaim as error:  # it fitted when the claim was read
            raise ArgumentError(f"{error}, though not at every call") from error
        kept = {name: found[name] for name in self.judged}
        return next(iter(kept.values())) if len(kept) == 1 else kept


class SecondDerivative(MatrixClaim):
    """A claim about the Jacobian of a gradient; rows and columns are named by the arguments."""

    letter = "H"

    def named_by(self, outputs: GradientOf, name: str) -> None:
        """Name rows and columns by the arguments, apart from the gradient's own."""
        self.tree = outputs.tree
        self.columns = outputs.tree.names
        self.output_names = outputs.judged if len(outputs.judged) > 1 else ("",)
        self.names = tuple(name if len(outputs.judged) == 1 else f"{name} in {column}" for column in self.columns)
        self.title = outputs.__name__

    def not_checked(self, judged: Sequence[int]) -> tuple[str, ...]:
        """Return nothing: the gradient's report lists the arguments without one."""
        del judged
        return ()


class HessianClaim(SecondDerivative, JacobianClaim, keyword="hess"):
    """The claim that `hess(*args)` is the Jacobian of `gradient`: one matrix, or one block for each pair of arguments.

    An array like the argument itself is the diagonal of a Hessian that has no other entries, as boosting libraries
    return it.
    """

    def __init__(self, function: Callable[..., Any], hess: Any, given: Given) -> None:
        if hess is True:  # gradient and Hessian come together
            both = _needed(given)
            given, hess = _with_gradient(given, lambda *a, **k: both(*a, **k)[0]), lambda *a, **k: both(*a, **k)[1]
        self.outputs_of = GradientOf(function, given)
        super().__init__(self.outputs_of, hess, replace(given, names=self.outputs_of.tree.labels or None))

    def named(self) -> None:
        """Name rows and columns by the arguments."""
        self.named_by(self.outputs_of, "H")

    def _whole(self, result: Any) -> Any:
        """Return one matrix for all arguments as a tuple of its rows by argument; a diagonal as a matrix."""
        shapes = [arrays.shape_of(y) for y in self.out]
        if isinstance(result, tuple | list | dict):
            return result
        shape = tuple(getattr(result, "shape", ()))
        if len(shapes) == 1 and shape == shapes[0] and math.prod(shape) > 1:
            from scipy import sparse  # noqa: PLC0415  only for a diagonal

            return sparse.diags_array(arrays.to_numpy(result).reshape(-1))
        ends = np.cumsum([math.prod(s) for s in shapes])
        if len(shapes) == 1 or shape != (ends[-1], ends[-1]):
            return result
        rows = result.tocsr() if hasattr(result, "tocsr") else arrays.to_numpy(result)
        parts = [rows[end - math.prod(s) : end] for end, s in zip(ends, shapes, strict=True)]
        dense = isinstance(rows, np.ndarray)
        return tuple(part.reshape(*s, -1) if dense else part for part, s in zip(parts, shapes, strict=True))

    def asymmetry(self, leaves: Sequence[Any]) -> str:
        """Return a sentence about the entry that differs most from its mirror; empty where H is symmetric."""
        blocks = self.blocks(leaves)
        judged = [i for i, name in enumerate(self.tree.names) if self.asked(i)]
        worst, said = 0.0, ""
        for a, i in enumerate(judged):
            for b, j in enumerate(judged[: a + 1]):
                one, other = blocks[a][j], blocks[b][i]
                if one is None or other is None or one.is_operator or other.is_operator:
                    continue
                if one.matrix.ndim != 2 or one.matrix.shape != other.matrix.shape[::-1]:
                    continue
                difference = abs(one.matrix - other.matrix.T)
                size = max(abs(one.matrix).max(), abs(other.matrix).max())
                if difference.max() > max(worst, SYMMETRIC * size):
                    worst = difference.max()
                    row, column = (int(k) for k in np.unravel_index(difference.argmax(), difference.shape))
                    here, there = self.label(j, self.output_names[a]), self.label(i, self.output_names[b])
                    said = (
                        f"not symmetric: {here}[{row}, {column}] is {one.matrix[row, column]:.6g}, "
                        f"{there}[{column}, {row}] is {other.matrix[column, row]:.6g}"
                    )
        return said

    def remark(self, leaves: Sequence[Any]) -> str:
        """Return what a wrong matrix may be meant as: one that is positive semidefinite may be JᵀJ."""
        blocks = self.blocks(leaves)
        if len(blocks) > 1 or blocks[0][0] is None or math.prod(blocks[0][0].argument) > LARGEST:
            return ""
        shape = tuple(getattr(self._result(leaves), "shape", ()))
        if shape and shape == arrays.shape_of(leaves[0]):
            like = self.tree.names[0]
            return f"H is claimed as a diagonal, an array like {like}: if it leaves more out on purpose pass rtol="
        matrix = blocks[0][0].matrix
        dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
        if not isinstance(dense, np.ndarray) or self.asymmetry(leaves):
            return ""
        values = np.linalg.eigvalsh(arrays.to_numpy(dense))  # in a precision that LAPACK has
        if values[0] < -SYMMETRIC * abs(values[-1]):
            return ""
        return (
            "if H is meant as the Gauss-Newton approximation JᵀJ, which leaves the second-order term out, pass "
            "approximate='gauss-newton', with residuals= to judge it as that, or rtol= for how far it may be off"
        )


class HesspClaim(SecondDerivative, keyword="hessp"):
    """The claim that `hessp` maps p to H·p, in SciPy's order of arguments.

    ``hessp(x, p, *rest)`` where the gradient is claimed for the first argument alone; ``hessp(*args, p)``, p a tuple
    like args, where it is claimed for several; by name, with ``p=``, where args is a dict.
    """

    def __init__(self, function: Callable[..., Any], hessp: Callable[..., Any], given: Given) -> None:
        outputs = GradientOf(function, given)
        super().__init__(outputs, hessp, replace(given, names=outputs.tree.labels or None))
        self.hessp = hessp
        self.named_by(outputs, "H·p")
        self.judged = [i for i, _ in enumerate(self.names) if self.asked(i)]
        self.balance(self._sizes)

    def _sizes(self) -> list[float]:
        scales = [scale_of(arrays.to_numpy(x)) for x in self.leaves]
        found = []
        for k, i in enumerate(self.judged):
            products = self.product(self.leaves, {i: arrays.like(np.asarray(self.cotangents[k]), self.leaves[i])})
            found.append(math.hypot(*(scales[j].norm(arrays.to_numpy(products[j])) for j in self.judged)))
        return found

    def product(self, leaves: Sequence[Any], vectors: Mapping[int, Any]) -> tuple[Any, ...]:
        """Return H·p by leaf, p being `vectors` and zero elsewhere."""
        p = [
            arrays.copied(vectors[i]) if i in vectors else arrays.like(np.zeros(arrays.shape_of(x)), x)
            for i, x in enumerate(leaves)
        ]
        filled, tangents = self.tree.fill(leaves), self.tree.fill(p)
        if isinstance(filled, dict):
            result = self.hessp(**filled, **self.kwargs, p=tangents)
        elif self.judged == [0] and len(filled) >= 1 and not isinstance(filled[0], dict | list | tuple):
            result = self.hessp(filled[0], tangents[0], *filled[1:], **self.kwargs)
            result = (result, *(None for _ in filled[1:])) if not isinstance(result, tuple) else result
        else:
            result = self.hessp(*filled, tangents if len(filled) > 1 else tangents[0], **self.kwargs)
        found = by_argument(finished(result, self.hessp), self.tree)
        return tuple(
            checked(g, x, f"H·p in {name}") if i in self.judged else None
            for i, (g, x, name) in enumerate(zip(found, leaves, self.columns, strict=True))
        )

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return H·c, which is Hᵀ·c."""
        weights = zip(self.judged, self.cotangents, strict=True)
        return self.product(leaves, {i: arrays.like(np.asarray(c), leaves[i]) for i, c in weights})

    def pushed(self, leaves: Sequence[Any], index: int, direction: Any) -> list[NDArray[Any]]:
        """Return H·direction for each argument's part of the gradient."""
        found = self.product(leaves, {index: direction})
        return [arrays.to_numpy(found[i]) for i in self.judged]

    def linear(self, leaves: Sequence[Any]) -> str | None:
        """Return a sentence if twice p does not give twice H·p, or u·(H v) is not v·(H u)."""
        first, second = self._drawn(leaves, 0), self._drawn(leaves, 1)
        one, other = self.product(leaves, first), self.product(leaves, second)
        twice = self.product(leaves, {i: 2 * v for i, v in first.items()})
        for i in self.judged:
            a, b = arrays.to_numpy(one[i]), arrays.to_numpy(twice[i])
            if np.linalg.norm(b - 2 * a) > self._allowed(leaves) * max(np.linalg.norm(a), np.linalg.norm(b)):
                return "hessp is not linear in p: twice the vector does not give twice the product"
        left, right = self._inner(other, first), self._inner(one, second)
        size = sum(self._size(x, v) for x, v in ((other, first), (one, second)))
        if abs(left - right) > self._allowed(leaves) * size:
            return f"hessp is not symmetric: u·(H v) is {left:.6g}, v·(H u) is {right:.6g}"
        return None

    def _allowed(self, leaves: Sequence[Any]) -> float:
        return 64 * float(max(arrays.ROUNDOFF[arrays.dtype_name(x)] for x in leaves) ** 0.5)

    def _drawn(self, leaves: Sequence[Any], number: int) -> dict[int, Any]:
        drawn = {i: stream(self.seed, Purpose.TANGENT, i, number) for i in self.judged}
        shapes = {i: arrays.shape_of(leaves[i]) for i in self.judged}
        return {i: arrays.like(rng.standard_normal(shapes[i]), leaves[i]) for i, rng in drawn.items()}

    def _inner(self, products: Sequence[Any], v: Mapping[int, Any]) -> float:
        parts = ((arrays.to_numpy(products[i]), arrays.to_numpy(v[i])) for i in self.judged)
        return float(sum(np.sum(np.conj(a) * b).real for a, b in parts))

    def _size(self, products: Sequence[Any], v: Mapping[int, Any]) -> float:
        return float(
            sum(
                np.linalg.norm(arrays.to_numpy(products[i])) * np.linalg.norm(arrays.to_numpy(v[i]))
                for i in self.judged
            )
        )


def _needed(given: Given) -> Callable[..., Any]:
    gradient = given.options.get("gradient")
    if gradient is None:
        raise ArgumentError(MISSING)
    if not callable(gradient):
        raise WrongClaim("a Hessian is the Jacobian of a gradient: pass that as a function, not as arrays")
    return gradient  # type: ignore[no-any-return]  # callable, as just asked


def _with_gradient(given: Given, gradient: Callable[..., Any]) -> Given:
    return replace(given, options={**given.options, "gradient": gradient})
