"""The reference: in float64, which is the truth; in the kernel's dtypes, which is the yardstick; and next to the point.

Its library need not be the kernel's: a NumPy kernel has a Torch or a JAX reference, or a pair of NumPy functions.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kernels.answer import Answer, BackwardError, Cotangents, Form, Program, ask, form_of
from gradcheck.kernels.differences import DifferenceProgram
from gradcheck.kernels.libraries import KNOWN, float64_of, installed, to_library
from gradcheck.kernels.programs import JaxProgram, PairProgram, TorchProgram, is_cached, title_of_program
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.leaves import Inputs


COARSE = 2.0**-12  # unit round-off from which float32 stands for the truth


@dataclass
class Reference:
    """The reference, ready to be run in any precision; `evaluations` counts its float64 runs."""

    function: Any
    inputs: Inputs
    library: str
    evaluations: int = 0
    casts: int = 0  # upwards, seen inside when it ran in the kernel's dtypes
    form: Form | None = None  # of its outputs, always the same

    @property
    def title(self) -> str:
        """Its name."""
        return title_of_program(self.function, "reference")

    @property
    def device(self) -> Any:
        """Where Torch inputs lie."""
        x = self.inputs.leaves[0]
        return x.device if arrays.is_torch(x) else None

    @property
    def coarse(self) -> bool:
        """Whether results are held against numbers of few bits: the coarsest of the inputs' dtypes sets the unit."""
        return max(arrays.ROUNDOFF[arrays.dtype_name(x)] for x in self.inputs.leaves) >= COARSE

    def truth(self, leaves: Sequence[NDArray[Any]], cotangents: Cotangents | None) -> Answer:
        """Run in float64 on these values.

        Large results that are held against numbers of 12 bits and less are kept in float32.
        """
        self.evaluations += 1
        with float64_of(self.library):
            wide = [
                to_library(x, self.library, _wide(own), self.device)
                for x, own in zip(leaves, self.inputs.leaves, strict=True)
            ]
            short = cotangents is not None and self.coarse
            try:
                return self._asked(self._program(wide=True, short=short), wide, cotangents)
            except BackwardError as error:
                named = "" if self.title == "reference" else f" {self.title}"
                raise ArgumentError(f"in the reference{named}: {error}") from error

    def low(self, cotangents: Cotangents) -> Answer | None:
        """Run in the kernel's dtypes, with the reference's own casts. None if that is not possible.

        Where dtypes cannot be mixed, all inputs take the coarsest one, then float32.
        """
        watch: Any = contextlib.nullcontext()
        if self.library == "torch":
            from gradcheck.kernels.widened import Unwidened  # noqa: PLC0415  Torch only where it is asked for

            watch = Unwidened(leave_out=False)
        for leaves in self._narrow():
            with contextlib.suppress(Exception), watch:  # an operation that does not exist in that dtype
                found = self._asked(self._program(wide=False), leaves, cotangents)
                self.casts = getattr(watch, "changed", 0)
                return found
        return None

    def stored(self, cotangents: Cotangents) -> Answer | None:
        """Run as `low` did before, every intermediate stored in the inputs' dtype; None where that is the same."""
        if self.library != "torch" or isinstance(self.function, tuple | list):
            return None
        from gradcheck.kernels.widened import Unwidened  # noqa: PLC0415  Torch only where it is asked for

        if not self.casts:
            return None
        program = self._program(wide=False)
        for leaves in self._narrow():
            with contextlib.suppress(Exception), Unwidened():
                return self._asked(program, leaves, cotangents)
        return None

    def _asked(self, program: Program, leaves: Sequence[Any], cotangents: Cotangents | None) -> Answer:
        found = ask(program, self.inputs.with_leaves(leaves), cotangents, self.form)
        self.form = self.form or form_of(found.outputs)
        return found

    def jittered(
        self, values: Sequence[NDArray[Any]], units: Sequence[float], seed: int, number: int
    ) -> list[NDArray[Any]]:
        """Return the values, each moved by up to one unit of its dtype; odd draws are opposite to even ones."""
        found = []
        for i, (x, u) in enumerate(zip(values, units, strict=True)):
            rng = stream(seed, Purpose.KERNEL_JITTER, i, number // 2)
            sign = 1 if number % 2 == 0 else -1
            move = sign * 2 * u * rng.choice(np.array([-1.0, 1.0]), x.shape) * rng.uniform(0.5, 1.0, x.shape)
            smallest = arrays.SMALLEST[arrays.dtype_name(self.inputs.leaves[i])]
            found.append(np.where(x == 0, smallest * np.sign(move), x * (1 + move)))
        return found

    def noisy(
        self, values: Sequence[NDArray[Any]], units: Sequence[float], cotangents: Cotangents, seed: int, number: int
    ) -> Answer:
        """Run in float64 with each intermediate result off by a random rounding, or else from jittered inputs."""
        if self.library == "torch" and not isinstance(self.function, tuple | list):
            from gradcheck.kernels.noisy import Noisy  # noqa: PLC0415  Torch only where it is asked for

            with Noisy(0.42 * max(units), (seed << 8) + number):
                return self.truth(values, cotangents)
        return self.truth(self.jittered(values, units, seed, number), cotangents)

    def _narrow(self) -> Iterator[list[Any]]:
        leaves = self.inputs.leaves
        names = [arrays.dtype_name(x) for x in leaves]
        yield [self._cast(x, name) for x, name in zip(leaves, names, strict=True)]
        coarsest = max(names, key=lambda n: arrays.ROUNDOFF[n])
        if len(set(names)) > 1:
            yield [
                self._cast(x, name if arrays.is_complex(x) else coarsest) for x, name in zip(leaves, names, strict=True)
            ]
        yield [self._cast(x, "complex64" if arrays.is_complex(x) else "float32") for x in leaves]

    def _cast(self, x: Any, dtype: str) -> Any:
        return to_library(x, self.library, dtype, self.device)

    def _program(self, *, wide: bool, short: bool = False) -> Program:
        def convert(x: Any) -> Any:
            if not arrays.is_floating(x):
                return (
                    x
                    if arrays.library_of(x) == self.library
                    else to_library(x, self.library, arrays.dtype_name(x), self.device)
                )
            return self._cast(x, _wide(x) if wide else arrays.dtype_name(x))

        if isinstance(self.function, tuple | list):
            forward, backward = self.function
            return PairProgram(
                forward, backward, self.title, is_cached(forward, backward, self.inputs, None), convert=convert
            )
        if self.library == "torch":
            return TorchProgram(self.function, self.title, convert=convert, short=short)
        kind: Callable[..., Program] = JaxProgram if self.library == "jax" else DifferenceProgram
        return kind(self.function, self.title, convert=convert)


def _wide(x: Any) -> str:
    return "complex128" if arrays.is_complex(x) else "float64"


def find(
    function: Any, inputs: Inputs, values: Sequence[NDArray[Any]], cotangents: Cotangents
) -> tuple[Reference, Answer]:
    """Return the reference in the first library that it runs in, and its answer in float64.

    Raises
    ------
    ArgumentError
        If it runs in none: with the error of the inputs' own library.
    """
    own = arrays.library_of(inputs.leaves[0])
    pair = isinstance(function, tuple | list)
    others = [] if pair else [name for name in KNOWN if name != own and installed(name)]
    order = [own] if pair else [*others, own] if own == "numpy" else [own, *others]
    failures: dict[str, Exception] = {}
    for library in order:
        reference = Reference(function, inputs, library)
        try:
            answer = reference.truth(values, cotangents)
        except Exception as error:  # noqa: BLE001  told below, if no library serves
            failures[library] = error
            continue
        if any(g is not None for g in answer.gradients):
            return reference, answer
        failures[library] = ArgumentError("its outputs carry no gradient")
    failure: BaseException = failures[own]
    if isinstance(failure, ArgumentError) and failure.__cause__ is not None:
        failure = failure.__cause__  # what it raised, as it said it
    raise ArgumentError(
        f"the reference {title_of_program(function, 'reference')} cannot be run and differentiated in float64: "
        f"{type(failure).__name__}: {failure}; wanted a composition of Torch or JAX operations that takes float64, or "
        "a pair (forward, backward)"
    ) from failure
