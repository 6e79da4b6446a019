"""What a backward pass owes before any number of it is judged: the same gradients, however it is asked.

A cotangent may have strides of 0 (what the gradient of a sum is), be transposed, or be a narrow view; outputs that are
not used have none; some inputs need no gradient; fresh memory holds anything, and so does the memory around an input.
Under all of these a backward that is right gives what it gives for contiguous arrays, up to another order of summation,
and it changes neither its inputs nor its cotangent.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import memory
from gradcheck.claims.backward_asked import Asked, Findings, Given, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

ALL_SUBSETS = 5  # inputs of which every subset is asked
LEFT_OUT = (
    "of inputs this large the backward was not asked with a transposed cotangent, nor with inputs that need no "
    "gradient: check it at fewer than 2^20 entries too"
)


def judge(asked: Asked, *, repeated: bool = False) -> Findings:
    """Return every breach: memory, layouts of the cotangent, outputs that are not used, inputs without gradients.

    With `repeated` the question whether two answers are the same to the bit is left out: it was asked before.
    """
    inspected = asked.library in ("torch", "numpy")
    if asked.large and inspected:
        asked.found.notes.append(LEFT_OUT)
    exactly = asked.terms.deterministic and not asked.large
    if not inspected or exactly or not _all_at_once(asked):
        if not repeated and not _repeats(asked):
            if inspected:
                _fresh(asked, asked.judged)
            return asked.found
        if inspected:
            _memory(asked)
            _strides_of_zero(asked)
    if inspected and not asked.large:
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
        reason = _reason(error)
        asked.found.breaches.append(f"fails when it is asked a second time ({reason})")
        return False
    return differ_from_call_to_call(asked, asked.gradients, again)


def differ_from_call_to_call(asked: Asked, one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Note by how much two answers differ; False where that is more than another order of summation."""
    judged = sorted(asked.judged)
    labels = [f"d{asked.names[i]}" for i in judged]
    sentence = from_call_to_call(labels, [one[i] for i in judged], [other[i] for i in judged])
    if not sentence:
        return True
    (asked.found.breaches if asked.terms.deterministic else asked.found.notes).append(sentence)
    return not asked.different(other, one)


def from_call_to_call(labels: Sequence[str], one: Sequence[Any], other: Sequence[Any]) -> str:
    """Return the sentence about what differs most between two answers; empty where they are the same to the bit."""
    sizes = [difference(a, b) for a, b in zip(one, other, strict=True)]
    if not any(sizes):
        return ""
    worst = max(range(len(sizes)), key=lambda k: sizes[k])
    return f"differs from call to call: {labels[worst]} by {sizes[worst]:.1e} of it (atomics? a random number?)"


def _all_at_once(asked: Asked) -> bool:
    """Ask a backward twice, and tell whether that answers what it would be asked one by one.

    Once with NaN in fresh memory and around the inputs, and a cotangent with strides of 0; once in ordinary memory with
    the same cotangent written out.
    """
    written = _laid(asked, _written)
    try:
        with memory.poisoned(asked.library):
            around = [memory.surrounded(x) for x in asked.leaves]
            strange = asked.again(leaves=around, given=_laid(asked, memory.expanded))
        del around
        plain = asked.again(given=written)
    except Exception:  # noqa: BLE001  a refusal is found again, and noted, by the single questions
        return False
    if asked.different(strange, plain):
        return False
    if any(difference(strange[i], plain[i]) for i in asked.judged):  # another order of summation, or atomics
        differ_from_call_to_call(asked, plain, asked.again(given=written))
    return True


def _laid(asked: Asked, layout: Callable[[Any], Any]) -> Given:
    """Return the cotangents in another layout."""
    return lambda outputs: [None if c is None else layout(c) for c in asked.cotangents(outputs)]


def _written(c: Any) -> Any:
    """Return one number of a cotangent in all its places, as `memory.expanded` does, written out."""
    return memory.contiguous(memory.expanded(c))


def _layout(asked: Asked, layout: Callable[[Any], Any], word: str) -> None:
    """Ask with every cotangent in another layout; note a breach."""
    plain = [c for c in asked.cotangents(asked.outputs) if c is not None]
    if all(layout(c) is c for c in plain):
        return
    gradients = _refused(asked, lambda: asked.again(given=_laid(asked, layout)), f"a {word} cotangent")
    if gradients is not None and (wrong := asked.different(gradients)):
        asked.found.breaches.append(
            f"reads its cotangent as if it were contiguous: {asked.label(wrong)} is another for a {word} one; use its "
            "strides, or call .contiguous() first"
        )


def _strides_of_zero(asked: Asked) -> None:
    """Ask with a cotangent that is one number everywhere, once with strides of 0 and once written out."""
    if all(arrays.total_size([c]) <= 1 for c in asked.cotangents(asked.outputs) if c is not None):
        return
    wanted = asked.again(given=_laid(asked, _written))
    gradients = _refused(
        asked, lambda: asked.again(given=_laid(asked, memory.expanded)), "a cotangent with strides of 0"
    )
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
        reason = _reason(error)
        asked.found.notes.append(f"the backward refuses {what} ({reason}): its callers have to call .contiguous()")
        return None


def _memory(asked: Asked) -> None:
    """Ask with NaN in fresh memory, around the inputs and beside the cotangent; find out which of them matters."""

    def around() -> list[Any]:
        return [memory.surrounded(x) for x in asked.leaves]

    with contextlib.suppress(Exception):  # a refusal is found again, and noted, by the single questions
        with memory.poisoned(asked.library):
            gradients = asked.again(leaves=around(), given=_laid(asked, memory.narrow))
        if not asked.different(gradients):
            return
    _fresh(asked, None)
    if wrong := asked.different(
        _refused(asked, lambda: asked.again(leaves=around()), "a view into memory") or asked.gradients
    ):
        asked.found.breaches.append(
            f"reads outside its inputs: {asked.label(wrong)} is another when the memory around them is NaN; mask the "
            f"loads of the last block{asked.forward_too}"
        )
    _layout(asked, memory.narrow, "narrow view as")


def _fresh(asked: Asked, told: Collection[int] | None) -> None:
    """Ask with NaN in fresh memory; with `told`, of a backward that differs from call to call, only NaN counts."""
    with memory.poisoned(asked.library):
        gradients = _refused(asked, asked.again, "fresh memory that holds NaN") or asked.gradients
    for i in asked.different(gradients) if told is None else sorted(told):
        kept = ~np.isfinite(arrays.to_numpy(gradients[i])) & np.isfinite(arrays.to_numpy(asked.gradients[i]))
        if told is not None and not kept.any():
            continue
        asked.found.breaches.append(
            f"reads fresh memory that nothing was written to: d{asked.names[i]} is NaN at {int(kept.sum())} of "
            f"{kept.size} entries when that memory is; write every entry, or start from zeros{asked.forward_too}"
        )


def _unused(asked: Asked) -> None:
    """Ask for each output alone, the others without a cotangent: the gradients add up to the whole."""
    used = [i for i, c in enumerate(asked.cotangents(asked.outputs)) if c is not None]
    if len(used) < 2:
        return
    groups = [used[:1], used[1:]] if asked.large else [[i] for i in used]
    total: list[Any] = [None] * len(asked.leaves)
    for group in groups:

        def only(outputs: Sequence[Any], group: list[int] = group) -> list[Any]:
            return [c if i in group else None for i, c in enumerate(asked.cotangents(outputs))]

        try:
            part = asked.again(given=only)
        except Exception as error:  # noqa: BLE001  whatever the backward raises
            reason = _reason(error)
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
    for subset in _asked_together(judged):
        left = ", ".join(asked.names[i] for i in judged if i not in subset)
        try:
            gradients = asked.again(judged=subset)
        except Exception as error:  # noqa: BLE001  whatever the backward raises
            reason = _reason(error)
            asked.found.breaches.append(f"fails where {left} needs no gradient ({reason})")
            return
        wrong = sorted(set(asked.different(gradients)) & subset)
        if wrong:
            asked.found.breaches.append(f"is another where {left} needs no gradient: {asked.label(wrong)}")
            return


def _asked_together(judged: Sequence[int]) -> list[frozenset[int]]:
    """Return subsets of which, for any two inputs, one has the first and not the second.

    All subsets of few; of many those whose positions have a binary digit in common, 2 log2(n) of them.
    """
    if len(judged) <= ALL_SUBSETS:
        return [frozenset(s) for n in range(1, len(judged)) for s in itertools.combinations(judged, n)]
    return [
        frozenset(i for k, i in enumerate(judged) if k >> digit & 1 == one)
        for digit in range((len(judged) - 1).bit_length())
        for one in (0, 1)
    ]


def _reason(error: Exception) -> str:
    """Return the first line of what a call raised, or of what stands behind it."""
    return str(error.__cause__ or error).partition("\n")[0][:120]
