"""A kernel on trial: what it answers, what it answers again, and whether that fits its inputs at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import backward_contract
from gradcheck.claims.backward_asked import LARGE
from gradcheck.kernels.answer import Answer, BackwardError, Form, Program, ask, form_of
from gradcheck.slopes.field import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.cotangents import Drawn
    from gradcheck.kernels.evidence import Evidence
    from gradcheck.kernels.leaves import Inputs
    from gradcheck.kernels.options import KernelOptions
    from gradcheck.kernels.reference import Reference


@dataclass
class KernelTrial:
    """A kernel on trial: what it was asked, and what came of it."""

    kernel: Program
    inputs: Inputs
    reference: Reference
    values: list[NDArray[Any]]
    drawn: Drawn
    evidence: Evidence
    options: KernelOptions
    notes: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    calls: int = 0  # of the kernel for its numbers
    contract_calls: int = 0
    form: Form | None = None  # of the kernel's outputs

    @property
    def large(self) -> bool:
        """Whether each call is expensive."""
        return arrays.total_size(self.inputs.leaves) > LARGE

    @property
    def at_once(self) -> bool:
        """Whether the contract asks for a second answer, with other questions at once."""
        return self.large and arrays.library_of(self.inputs.leaves[0]) in ("torch", "numpy")

    def ask(self, leaves: Sequence[Any] | None = None, given: Any = None) -> Answer:
        """Run the kernel on copies of its inputs."""
        self.calls += 1
        fresh = [arrays.copied(x) for x in self.inputs.leaves] if leaves is None else list(leaves)
        with quiet():
            answer = ask(self.kernel, self.inputs.with_leaves(fresh), given or self.drawn.given(), self.form)
        self.form = self.form or form_of(answer.outputs)
        return answer


def first_answer(trial: KernelTrial) -> Answer:
    """Return the kernel's answer, and note what it changed."""
    given: list[Any] = []

    def handed(outputs: Any) -> Any:
        given[:] = trial.drawn.given()(outputs)
        return given

    leaves = [arrays.copied(x) for x in trial.inputs.leaves]
    answer = trial.ask(leaves, handed)
    changed = [
        n for n, x, own in zip(trial.inputs.names, leaves, trial.inputs.leaves, strict=True) if not arrays.same(x, own)
    ]
    if changed:
        trial.breaches.append(f"changes its input {', '.join(changed)} in place: work on a copy")
    if not trial.options.inplace_cotangent:
        fresh = trial.drawn.given()(answer.outputs)
        pairs = zip(given, fresh, strict=True)
        if any(c is not None and f is not None and not arrays.same(c, f) for c, f in pairs):
            trial.breaches.append(
                "changes its cotangent in place: work on a copy, or pass inplace_cotangent=True where that is meant"
            )
    return answer


def fits(trial: KernelTrial, answer: Answer) -> None:
    """Raise BackwardError where an output is another than the reference's; note what is not judged."""
    drawn = trial.drawn
    paired = drawn.pairs(answer.outputs)
    for name, c, i in zip(drawn.names, drawn.values, paired, strict=True):
        if i is None:
            raise BackwardError(f"returns no {name} of shape {c.shape}, which the reference does")
        got = arrays.shape_of(answer.outputs[i][1])
        if got != c.shape and (math.prod(got) != c.size or c.size != 1):
            raise BackwardError(f"{name} has shape {got}, the reference gives {c.shape}")
        if arrays.is_complex(answer.outputs[i][1]) != arrays.is_complex(c):
            ours, theirs = ("real", "complex") if arrays.is_complex(c) else ("complex", "real")
            raise BackwardError(f"{name} is {ours}, the reference gives a {theirs} one")
    left = [answer.outputs[i][0] for i in range(len(answer.outputs)) if i not in paired]
    if left:
        trial.notes.append(f"the reference has no counterpart of {', '.join(left)}: not judged")
    _nothing(trial, answer)


def detached(trial: KernelTrial, answer: Answer) -> None:
    """Take the cotangent of outputs that carry no gradient away from the reference as well, and note it."""
    drawn = trial.drawn
    left = [k for k, i in enumerate(drawn.pairs(answer.outputs)) if i in answer.detached]
    if not left or len(left) == len(drawn.values):
        return
    for k in left:
        drawn.values[k] = np.zeros_like(drawn.values[k])
    trial.evidence.truth = trial.reference.truth(trial.values, drawn.draw)
    names = ", ".join(drawn.names[k] for k in left)
    trial.notes.append(
        f"{names} carries no gradient (detached, or marked as not differentiable): its value is judged only"
    )


def _nothing(trial: KernelTrial, answer: Answer) -> None:
    """Note the gradients that are None; it is a breach where one was asked for by name, or none is left."""
    none = [k for k, g in enumerate(answer.gradients) if g is None]
    if not none:
        return
    truths = trial.evidence.truth.gradients
    labels = [trial.inputs.names[trial.inputs.judged[k]] for k in none]
    needed = [
        n for k, n in zip(none, labels, strict=True) if truths[k] is not None and np.any(arrays.to_numpy(truths[k]))
    ]
    if needed and (len(none) == len(answer.gradients) or any(_required(trial.inputs, n) for n in needed)):
        trial.breaches.append(f"gives no gradient (None) of {', '.join(needed)}, which the reference has")
    else:
        trial.notes.append(
            f"the gradient of {', '.join(labels)} is None: not judged; pass gradients= where one is wanted"
        )


def _required(inputs: Inputs, name: str) -> bool:
    """Tell whether a gradient was asked for, by requires_grad or by gradients=."""
    x = inputs.leaves[inputs.names.index(name)]
    return getattr(x, "requires_grad", False) is True or len(inputs.judged) < len(inputs.leaves)


def answers_again(trial: KernelTrial, answer: Answer) -> list[Answer]:
    """Ask once more; return the second answer too where it is no equal of the first, to be judged as well.

    Of a large kernel the contract asks this, with other questions at once.
    """
    if trial.at_once:
        return []
    second = trial.ask()
    trial.calls -= 1
    trial.contract_calls += 1
    ours = [*(y for _, y in answer.outputs), *answer.gradients]
    theirs = [*(y for _, y in second.outputs), *second.gradients]
    labels = [*(name for name, _ in answer.outputs), *(f"d{trial.inputs.names[i]}" for i in trial.inputs.judged)]
    once = [n for n, a, b in zip(labels, ours, theirs, strict=True) if (a is None) != (b is None)]
    if once:
        trial.breaches.append(f"gives {', '.join(once)} in one call and None in another")
        return []
    sentence = backward_contract.from_call_to_call(labels, ours, theirs)
    if not sentence:
        return []
    (trial.breaches if trial.options.deterministic else trial.notes).append(sentence)
    return [second]
