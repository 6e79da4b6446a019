"""What a backward pass owes before any number of it is judged: the same gradients, however it is asked.

A cotangent may have strides of 0 (what the gradient of a sum is), be transposed, or be a narrow view; outputs that are
not used have none; some inputs need no gradient; fresh memory holds anything, and so does the memory around an input.
Under all of these a backward that is right gives what it gives for contiguous arrays, up to another order of summation,
and it changes neither its inputs nor its cotangent.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import memory
from gradcheck.slopes.streams import Purpose, stream

ALL_SUBSETS = 5  # inputs of which every subset is asked
SAMPLED = 8
FLOAT32 = 2.0**-24  # a float64 function may well compute in float32 inside
LARGE = 2**20  # entries of all inputs above which fewer questions are asked
LEFT_OUT = (
    "of inputs this large the backward was not asked with a transposed cotangent, nor with inputs that need no "
    "gradient: check it at fewer than 2^20 entries too"
)

Given = Callable[[Sequence[Any]], Sequence[Any]]
"""From a backward's outputs to one cotangent for each, None where an output is not used."""

Run = Callable[[Sequence[Any], frozenset[int], Given], tuple[Sequence[Any], Sequence[Any]]]
"""(leaves, those that need a gradient, cotangents) → (outputs, one gradient or None for each leaf)."""


@dataclass(frozen=True)
class Terms:
    """What a backward is asked to owe beyond the usual, or is let off.

    Attributes
    ----------
    deterministic : bool
        Two answers that are not the same to the bit are a breach instead of a note.
    inplace_cotangent : bool
        It may overwrite its cotangent.
    batch_axis : int, mapping of str to int, or None
        Rows along it are asked alone too.
    """

    deterministic: bool = False
    inplace_cotangent: bool = False
    batch_axis: Any = None

    @property
    def asked(self) -> str:
        """The name of the first term that is not the usual one; empty where there is none."""
        return next((f.name for f in fields(self) if getattr(self, f.name) != f.default), "")


@dataclass
class Findings:
    """What the contract has come to.

    Attributes
    ----------
    breaches : list of str
        Each a sentence; any is a FAIL.
    notes : list of str
        What a reader should know besides.
    calls : int
        How often the backward was called.
    unwritten : dict of int to ndarray
        By leaf: where a gradient kept what fresh memory held.
    """

    breaches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: int = 0
    unwritten: dict[int, np.ndarray[Any, Any]] = field(default_factory=dict)


@dataclass
class Asked:
    """A backward pass, its inputs and cotangents, and what it gives for them: what all other answers should equal."""

    run: Run
    leaves: Sequence[Any]
    names: Sequence[str]
    judged: frozenset[int]
    cotangents: Given
    outputs: Sequence[Any]
    gradients: Sequence[Any]
    seed: int = 0
    units: Sequence[float] = ()
    terms: Terms = field(default_factory=Terms)
    sizes: dict[int, float] = field(default_factory=dict)  # by leaf: the root mean square of its gradient
    found: Findings = field(default_factory=Findings)

    @property
    def library(self) -> str:
        """Whose arrays the leaves are."""
        return arrays.library_of(self.leaves[0])

    @property
    def large(self) -> bool:
        """Whether each call is expensive."""
        return arrays.total_size(self.leaves) > LARGE

    def again(
        self, *, leaves: Sequence[Any] | None = None, judged: frozenset[int] | None = None, given: Given | None = None
    ) -> Sequence[Any]:
        """Return the gradients for the same or for other inputs and cotangents."""
        self.found.calls += 1
        needed = self.judged if judged is None else judged
        return self.run(self.leaves if leaves is None else leaves, needed, given or self.cotangents)[1]

    def different(self, gradients: Sequence[Any], wanted: Sequence[Any] | None = None) -> list[int]:
        """Return the leaves whose gradient differs from the wanted one by more than another order of summation."""
        wanted = self.gradients if wanted is None else wanted
        return [i for i in sorted(self.judged) if wanted[i] is not None and not self._same(i, gradients[i], wanted[i])]

    def _same(self, i: int, one: Any, other: Any) -> bool:
        """Tell whether two gradients of a leaf agree, up to round-off of the size that its gradient usually has.

        The gradient of a constant cotangent may be nothing but round-off (a normalisation takes constants out).
        """
        return close(one, other, max(self.units[i], FLOAT32), size=self._size(i))

    def _size(self, i: int) -> float:
        if i not in self.sizes:
            self.sizes[i] = _size(arrays.to_numpy(self.gradients[i]))
        return self.sizes[i]

    def label(self, leaves: Sequence[int]) -> str:
        """Return the names of gradients: dx, dw."""
        return ", ".join(f"d{self.names[i]}" for i in leaves)


def _size(values: np.ndarray[Any, Any]) -> float:
    """Return the root mean square of the finite entries."""
    if not np.isfinite(values).all():
        values = values[np.isfinite(values)]
    return float(np.linalg.norm(values)) / math.sqrt(max(values.size, 1))


def close(one: Any, other: Any, unit: float, size: float = 0.0) -> bool:
    """Tell whether two gradients agree: entry by entry within √u of their size, √u far above any order of summation."""
    if one is None or other is None:
        return one is other
    if arrays.shape_of(one) != arrays.shape_of(other):
        return False
    if arrays.dtype_name(one) == arrays.dtype_name(other) and arrays.same(one, other):
        return True
    a, b = arrays.to_numpy(one), arrays.to_numpy(other)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if same.all():
            return True
        size = max(size, _size(b))
        return bool(np.all(same | (np.abs(a - b) <= math.sqrt(unit) * (np.abs(b) + size))))


def judge(asked: Asked, *, repeated: bool = False) -> Findings:
    """Return every breach: memory, layouts of the cotangent, outputs that are not used, inputs without gradients.

    With `repeated` the question whether two answers are the same to the bit is left out: it was asked before.
    """
    inspected = asked.library in ("torch", "numpy")
    if asked.large and inspected:
        asked.found.notes.append(LEFT_OUT)
    if not (asked.large and inspected and _all_at_once(asked)):
        if not repeated and not _repeats(asked):
            return asked.found
        if inspected:
            _memory(asked)
            _strides_of_zero(asked)
            if not asked.large:
                _layout(asked, memory.transposed, "transposed")
    if asked.library == "torch":
        _unused(asked)
        if not asked.large:
            _subsets(asked)
    return asked.found


def _repeats(asked: Asked) -> bool:
    """Ask the same again; False where the answers differ so much that nothing else can be told from them."""
    try:
        again = asked.again()
    except Exception as error:  # noqa: BLE001  whatever the backward raises
        reason = str(error.__cause__ or error).partition("\n")[0][:120]
        asked.found.breaches.append(f"fails when it is asked a second time ({reason})")
        return False
    return differ_from_call_to_call(asked, asked.gradients, again)


def differ_from_call_to_call(asked: Asked, one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Note by how much two answers differ; False where that is more than another order of summation."""
    sizes = {i: difference(one[i], other[i]) for i in sorted(asked.judged)}
    worst = max(sizes, key=lambda i: sizes[i], default=None)
    if worst is None or sizes[worst] == 0:
        return True
    sentence = from_call_to_call(f"d{asked.names[worst]}", sizes[worst])
    (asked.found.breaches if asked.terms.deterministic else asked.found.notes).append(sentence)
    return not asked.different(other, one)


def from_call_to_call(label: str, size: float) -> str:
    """Return the sentence about two answers that differ by `size`."""
    return f"differs from call to call: {label} by {size:.1e} of it (atomics? a random number?)"


def difference(a: Any, b: Any) -> float:
    """Return by how much two arrays differ, relative to their size; 0 where they are the same to the bit."""
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    if arrays.same(a, b):
        return 0.0
    x, y = arrays.to_numpy(a), arrays.to_numpy(b)
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(np.nan_to_num(x))) or 1.0
        return max(float(np.linalg.norm(np.nan_to_num(x - y, nan=np.inf)) / size), 1e-300)


def _all_at_once(asked: Asked) -> bool:
    """Ask a large backward twice, and tell whether that answers what smaller ones are asked one by one.

    Once with NaN in fresh memory and around the inputs, and a cotangent with strides of 0; once in ordinary memory with
    the same cotangent written out.
    """

    def written(outputs: Sequence[Any]) -> list[Any]:
        return [None if c is None else memory.plain(c) for c in _spread_out(asked, outputs)]

    try:
        with memory.poisoned(asked.library):
            around = [memory.surrounded(x) for x in asked.leaves]
            strange = asked.again(leaves=around, given=lambda outputs: _spread_out(asked, outputs))
        del around
        plain = asked.again(given=written)
    except Exception:  # noqa: BLE001  a refusal is found again, and noted, by the single questions
        return False
    if asked.different(strange, plain):
        return False
    if any(difference(strange[i], plain[i]) for i in asked.judged):  # another order of summation, or atomics
        differ_from_call_to_call(asked, plain, asked.again(given=written))
    return True


def _spread_out(asked: Asked, outputs: Sequence[Any]) -> list[Any]:
    return [None if c is None else memory.expanded(c) for c in asked.cotangents(outputs)]


def _layout(asked: Asked, layout: Callable[[Any], Any], word: str) -> bool:
    """Ask with every cotangent in another layout; note a breach, and tell whether there is one."""

    def given(outputs: Sequence[Any]) -> list[Any]:
        return [None if c is None else layout(c) for c in asked.cotangents(outputs)]

    plain = [c for c in asked.cotangents(asked.outputs) if c is not None]
    if all(layout(c) is c for c in plain):
        return False
    gradients = _refused(asked, lambda: asked.again(given=given), f"a {word} cotangent")
    if gradients is None or not (wrong := asked.different(gradients)):
        return False
    asked.found.breaches.append(
        f"reads its cotangent as if it were contiguous: {asked.label(wrong)} is another for a {word} one; use its "
        "strides, or call .contiguous() first"
    )
    return True


def _strides_of_zero(asked: Asked) -> None:
    """Ask with a cotangent that is one number everywhere, once with strides of 0 and once written out."""

    def spread_out(outputs: Sequence[Any]) -> list[Any]:
        return _spread_out(asked, outputs)

    def written(outputs: Sequence[Any]) -> list[Any]:
        return [None if c is None else memory.plain(c) for c in spread_out(outputs)]

    if all(arrays.total_size([c]) <= 1 for c in asked.cotangents(asked.outputs) if c is not None):
        return
    wanted = asked.again(given=written)
    gradients = _refused(asked, lambda: asked.again(given=spread_out), "a cotangent with strides of 0")
    if gradients is not None and (wrong := asked.different(gradients, wanted)):
        asked.found.breaches.append(
            f"reads its cotangent as if it were contiguous: {asked.label(wrong)} is another for one with strides of 0, "
            "which .sum() sends; use its strides, or call .contiguous() first"
        )


def _refused(asked: Asked, ask: Callable[[], Sequence[Any]], what: str) -> Sequence[Any] | None:
    """Return the answer; None, and a note, where the backward refuses the question loudly."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  whatever the backward raises
        reason = str(error.__cause__ or error).partition("\n")[0][:120]
        asked.found.notes.append(f"the backward refuses {what} ({reason}): its callers have to call .contiguous()")
        return None


def _memory(asked: Asked) -> None:
    """Ask with NaN in fresh memory, around the inputs and beside the cotangent; find out which of them matters."""

    def narrowed(outputs: Sequence[Any]) -> list[Any]:
        return [None if c is None else memory.narrow(c) for c in asked.cotangents(outputs)]

    def around() -> list[Any]:
        return [memory.surrounded(x) for x in asked.leaves]

    with contextlib.suppress(Exception):  # a refusal is found again, and noted, by the single questions
        with memory.poisoned(asked.library):
            gradients = asked.again(leaves=around(), given=narrowed)
        if not asked.different(gradients):
            return
    with memory.poisoned(asked.library):
        gradients = _refused(asked, asked.again, "fresh memory that holds NaN") or asked.gradients
    for i in asked.different(gradients):
        kept = ~np.isfinite(arrays.to_numpy(gradients[i])) & np.isfinite(arrays.to_numpy(asked.gradients[i]))
        if kept.any():
            asked.found.unwritten[i] = kept
        asked.found.breaches.append(
            f"reads fresh memory that nothing was written to: d{asked.names[i]} is NaN at {int(kept.sum())} of "
            f"{kept.size} entries when that memory is; write every entry, or start from zeros"
        )
    if wrong := asked.different(
        _refused(asked, lambda: asked.again(leaves=around()), "a view into memory") or asked.gradients
    ):
        asked.found.breaches.append(
            f"reads outside its inputs: {asked.label(wrong)} is another when the memory around them is NaN; mask the "
            "loads of the last block"
        )
    _layout(asked, memory.narrow, "narrow view as")


def _unused(asked: Asked) -> None:
    """Ask for each output alone, the others without a cotangent: the gradients add up to the whole."""
    used = [i for i, c in enumerate(asked.cotangents(asked.outputs)) if c is not None]
    if len(used) < 2:
        return
    groups = [[i] for i in used] if len(used) <= 3 and not asked.large else [used[:1], used[1:]]
    total: list[Any] = [None] * len(asked.leaves)
    for group in groups:

        def only(outputs: Sequence[Any], group: list[int] = group) -> list[Any]:
            return [c if i in group else None for i, c in enumerate(asked.cotangents(outputs))]

        try:
            part = asked.again(given=only)
        except Exception as error:  # noqa: BLE001  whatever the backward raises
            reason = str(error.__cause__ or error).partition("\n")[0][:120]
            asked.found.breaches.append(
                f"fails where only some outputs are used ({reason}): the cotangent of the others is None, or zeros"
            )
            return
        for i in asked.judged:
            if part[i] is not None:
                values = arrays.to_numpy(part[i])
                total[i] = values if total[i] is None else total[i] + values
    sums = [
        np.zeros(arrays.shape_of(g)) if t is None and g is not None else t
        for t, g in zip(total, asked.gradients, strict=True)
    ]
    if wrong := asked.different(sums):
        asked.found.breaches.append(
            f"is another where only some outputs are used: {asked.label(wrong)} of each output alone do not add up to "
            "that of all"
        )


def _subsets(asked: Asked) -> None:
    """Ask with some inputs that need no gradient: those of the others stay the same."""
    judged = sorted(i for i in asked.judged if asked.gradients[i] is not None)
    if len(judged) < 2:
        return
    if len(judged) > ALL_SUBSETS:
        rng = stream(asked.seed, Purpose.SUBSETS)
        every = [frozenset(i for i in judged if rng.random() < 0.5) or frozenset(judged[:1]) for _ in range(SAMPLED)]
    else:
        every = [frozenset(s) for n in range(1, len(judged)) for s in itertools.combinations(judged, n)]
    for subset in every:
        left = ", ".join(asked.names[i] for i in judged if i not in subset)
        try:
            gradients = asked.again(judged=subset)
        except Exception as error:  # noqa: BLE001  whatever the backward raises
            reason = str(error.__cause__ or error).partition("\n")[0][:120]
            asked.found.breaches.append(f"fails where {left} needs no gradient ({reason})")
            return
        wrong = sorted(set(asked.different(gradients)) & subset)
        if wrong:
            asked.found.breaches.append(f"is another where {left} needs no gradient: {asked.label(wrong)}")
            return
