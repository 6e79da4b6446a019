"""All arrays that a verdict rests on: what kernel and reference gave, brought together result by result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kernels.matrix import Matrix
from gradcheck.kernels.sums import ResultMatrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.answer import Answer
    from gradcheck.kernels.cotangents import Drawn
    from gradcheck.kernels.leaves import Inputs
    from gradcheck.kernels.reference import Reference

MOST_DIRECTIONS = 6
# Unit round-off to expect. In bfloat16 and float16 the rounding to the dtype counts; in float32 the functions
# inside do, which are off by up to 4 units (CUDA C++ programming guide, mathematical functions: expf 2, others to 4);
# and a float64 kernel is held against a float64 reference that rounds as often as it does.
UNITS = arrays.ROUNDOFF | {"float32": 2.0**-22, "complex64": 2.0**-22, "float64": 2.0**-44, "complex128": 2.0**-44}


@dataclass
class KernelResult:
    """One output or one gradient.

    Attributes
    ----------
    name : str
        Of the input whose gradient it is, or of the output.
    kind : {"output", "gradient"}
        Which it is.
    shape, dtype
        The kernel's.
    u, smallest : float
        Unit round-off to expect, and the spacing of the smallest numbers.
    matrices : ResultMatrices
        The arrays.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    u: float
    smallest: float
    matrices: ResultMatrices

    @property
    def label(self) -> str:
        """How it is called in sentences: dq for the gradient of q."""
        return f"d{self.name}" if self.kind == "gradient" else self.name


@dataclass
class Evidence:
    """The reference's answers, which any number of the kernel's are held against.

    Attributes
    ----------
    truth, low, stored, moved
        The reference in float64; in the kernel's dtypes, with and without its casts upwards; with random roundings.
    """

    inputs: Inputs
    drawn: Drawn
    reference: Reference
    values: Sequence[NDArray[Any]]
    truth: Answer
    low: Answer | None = None
    stored: Answer | None = None
    moved: list[Answer] = field(default_factory=list)

    def jitter(self, count: int, seed: int) -> None:
        """Run the reference next to the point, in pairs of opposite moves, until there are `count` answers."""
        units = [_unit(x) for x in self.inputs.leaves]
        while len(self.moved) < count:
            self.moved.append(self.reference.noisy(self.values, units, self.drawn.draw, seed, len(self.moved)))

    def results(self, answer: Answer, *, directions: bool = True) -> list[KernelResult]:
        """Return the results of a kernel's answer beside the reference's; a gradient that is None is left out."""
        coarsest = max(_unit(x) for x in self.inputs.leaves)
        pairs = self.drawn.pairs(answer.outputs)
        found = []
        for k, i in enumerate(pairs):
            if i is None:
                continue
            name, y = answer.outputs[i]
            sources = [[o[k][1] for o in self._outputs(kind)] for kind in ("low", "stored", "moved")]
            found.append(self._result(name, "output", y, self.truth.outputs[k][1], sources, coarsest, directions))
        for k, i in enumerate(self.inputs.judged):
            g = answer.gradients[k]
            if g is None:
                continue
            truth = self.truth.gradients[k]
            truth = np.zeros(arrays.shape_of(g)) if truth is None else truth
            sources = [[o[k] for o in self._gradients(kind) if o[k] is not None] for kind in ("low", "stored", "moved")]
            found.append(self._result(self.inputs.names[i], "gradient", g, truth, sources, coarsest, directions))
        return found

    def _outputs(self, kind: str) -> list[Any]:
        return [a.outputs for a in self._answers(kind)]

    def _gradients(self, kind: str) -> list[Any]:
        return [a.gradients for a in self._answers(kind)]

    def _answers(self, kind: str) -> list[Answer]:
        found = getattr(self, kind)
        return found if isinstance(found, list) else [] if found is None else [found]

    def _result(
        self, name: str, kind: str, ours: Any, truth: Any, sources: list[list[Any]], coarsest: float, directions: bool
    ) -> KernelResult:
        dtype = arrays.dtype_name(ours)
        shape = arrays.shape_of(truth)
        if other := [s for answers in sources for x in answers if (s := arrays.shape_of(x)) != shape]:
            raise ArgumentError(f"the reference gives {name} the shape {shape} in one call, and {other[0]} in another")
        if len({arrays.is_complex(x) for x in (ours, truth, *(x for answers in sources for x in answers))}) > 1:
            raise ArgumentError(f"{name} is complex in some answers of kernel and reference, and real in others")
        low, stored, moved = sources
        matrices = ResultMatrices(
            truth=Matrix(truth),
            low=[Matrix(x) for x in [*low, *stored]],
            kernel=Matrix(ours),
            moved=[Matrix(x) for x in moved],
            directions=self._directions(ours, kind) if directions else {},
            largest=LARGEST.get(dtype, np.inf),
        )
        u = max(UNITS[dtype], coarsest)
        return KernelResult(name, kind, arrays.shape_of(ours), dtype, u, arrays.SMALLEST[dtype], matrices)

    def _directions(self, ours: Any, kind: str) -> dict[str, Matrix | None]:
        """Return arrays along which an error is no rounding: ones, and what has the result's shape."""
        found: dict[str, Matrix | None] = {"ones": None}
        wanted = arrays.shape_of(ours), arrays.is_complex(ours)
        candidates = list(zip(self.inputs.names, self.inputs.leaves, strict=True))
        if kind == "gradient":
            candidates += list(self.truth.outputs)
            candidates += [
                (f"the cotangent of {n}", c) for n, c in zip(self.drawn.names, self.drawn.values, strict=True)
            ]
        for name, x in candidates:
            if (arrays.shape_of(x), arrays.is_complex(x)) == wanted and len(found) < MOST_DIRECTIONS:
                found[name] = Matrix(x)
        return found


def _unit(x: Any) -> float:
    return UNITS[arrays.dtype_name(x)]


LARGEST = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38}
