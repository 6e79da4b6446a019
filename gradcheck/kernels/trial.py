"""From a kernel, a reference and inputs to a report: truth, answers, contract, verdicts, power."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import backward_contract, memory
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.kernels import batch, kink, modules, rows
from gradcheck.kernels.certificate import Certificate, certify
from gradcheck.kernels.cotangents import Drawn
from gradcheck.kernels.evidence import UNITS, Evidence
from gradcheck.kernels.leaves import Inputs, read
from gradcheck.kernels.libraries import installed
from gradcheck.kernels.programs import (
    Answer,
    BackwardError,
    JaxProgram,
    PairProgram,
    Program,
    TorchProgram,
    is_cached,
    title_of,
)
from gradcheck.kernels.reference import Reference, find
from gradcheck.slopes.field import quiet
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.report import ArgumentReport, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.options import Options

LARGE = 2**20  # entries of all inputs above which the costly questions are asked only where an answer needs them
NOISY = 2  # runs of the reference with random roundings
MORE = 8  # where something speaks against the kernel
MANY_NOTES = 6


@dataclass
class Trial:
    """A kernel on trial: what it was asked, and what came of it."""

    kernel: Program
    inputs: Inputs
    reference: Reference
    values: list[NDArray[Any]]
    drawn: Drawn
    evidence: Evidence
    options: Options
    notes: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    calls: int = 0  # of the kernel for its numbers
    contract_calls: int = 0
    memory_asked: bool = False

    @property
    def large(self) -> bool:
        """Whether each call is expensive."""
        return arrays.total_size(self.inputs.leaves) > LARGE

    def ask(self, leaves: Sequence[Any] | None = None, given: Any = None) -> Answer:
        """Run the kernel on copies of its inputs."""
        self.calls += 1
        fresh = [arrays.copied(x) for x in self.inputs.leaves] if leaves is None else list(leaves)
        with quiet():
            return self.kernel.run(self.inputs.with_leaves(fresh), given or self.drawn.given())


def try_kernel(
    kernel: Any, reference: Any, inputs: Any, kwargs: Any, names: Any, gradients: Any, options: Options
) -> Report:
    """Return the report; see `check_kernel`."""
    kernel, reference, inputs, note = modules.opened(kernel, reference, inputs)
    asked = read(_named_by(kernel, reference), inputs, kwargs, names, gradients)
    values = [np.array(arrays.to_numpy(x)) for x in asked.leaves]
    drawn = Drawn(options.seed)
    with quiet():
        found, truth = find(reference, asked, values, drawn.draw)
    program = _program(kernel, asked, len(truth.outputs))
    trial = Trial(program, asked, found, values, drawn, Evidence(asked, drawn, found, values, truth), options)
    del truth
    trial.notes += [note] if note else []
    try:
        answer = _first(trial)
        _fits(trial, answer)
        _detached(trial, answer)
        again = _again(trial, answer)
    except BackwardError as error:
        return _report(trial, [], None, complaint=str(error))
    with quiet():
        trial.evidence.low = found.low(drawn.given())
        trial.evidence.stored = found.stored(drawn.given())
        judged, doubts = _judged(trial, answer, again)
        reports = [rows.report(j, trial.evidence, options.factor, doubt=doubts.get(id(j), "")) for j in judged]
        gradients = trial.evidence.truth.gradients
        del judged, again  # as large as the results, and what follows runs the kernel, and moves all inputs at once
        trial.evidence = Evidence(asked, drawn, found, values, Answer([], []))
        _contract(trial, answer)
        del answer
        certificate = certify(found, drawn, values, gradients, options.seed)
    return _report(trial, reports, certificate)


def _named_by(kernel: Any, reference: Any) -> Any:
    """Return what the inputs are called after: the kernel's signature, unless it takes ``*args``."""
    from gradcheck.kernels.leaves import positional  # noqa: PLC0415

    own = kernel[0] if isinstance(kernel, tuple | list) else kernel
    theirs = reference[0] if isinstance(reference, tuple | list) else reference
    return own if positional(own) else theirs


def _program(kernel: Any, inputs: Inputs, outputs: int) -> Program:
    title = title_of(kernel)
    if isinstance(kernel, tuple | list):
        forward, backward = kernel
        return PairProgram(forward, backward, title, is_cached(forward, backward, inputs, outputs))
    library = arrays.library_of(inputs.leaves[0])
    if library == "torch":
        return TorchProgram(kernel, title)
    if library == "jax" or (library == "numpy" and installed("jax")):
        return JaxProgram(kernel, title)
    raise ArgumentError(
        f"{title} is one function of {library} arrays and has no backward that can be called: pass a pair "
        "(forward, backward)"
    )


def _first(trial: Trial) -> Answer:
    """Return the kernel's answer, and note what it changed."""
    given: list[Any] = []

    def handed(outputs: Any) -> Any:
        given[:] = trial.drawn.given()(outputs)
        return given

    leaves = [arrays.copied(x) for x in trial.inputs.leaves]
    try:
        answer = trial.ask(leaves, handed)
    except GradcheckError:
        raise
    except Exception as error:
        if "leaf Variable" in str(error):
            raise BackwardError("changes an input that requires a gradient in place: work on a copy") from error
        raise ArgumentError(f"{trial.kernel.title} raised {type(error).__name__} on these inputs: {error}") from error
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


def _fits(trial: Trial, answer: Answer) -> None:
    """Raise BackwardError where an output or a gradient has another shape than it should."""
    drawn = trial.drawn
    paired = drawn.pairs(answer.outputs)
    for name, c, i in zip(drawn.names, drawn.values, paired, strict=True):
        if i is None:
            raise BackwardError(f"returns no {name} of shape {c.shape}, which the reference does")
        got = arrays.shape_of(answer.outputs[i][1])
        if got != c.shape and (math.prod(got) != c.size or c.size != 1):
            raise BackwardError(f"{name} has shape {got}, the reference gives {c.shape}")
    left = [answer.outputs[i][0] for i in range(len(answer.outputs)) if i not in paired]
    if left:
        trial.notes.append(f"the reference has no counterpart of {', '.join(left)}: not judged")
    for k, i in enumerate(trial.inputs.judged):
        g, x, name = answer.gradients[k], trial.inputs.leaves[i], trial.inputs.names[i]
        if g is not None and not arrays.is_floating(g):
            raise BackwardError(f"the gradient of {name} is a {type(g).__name__}, wanted an array like {name}")
        if g is not None and arrays.shape_of(g) != arrays.shape_of(x):
            raise BackwardError(f"the gradient of {name} has shape {arrays.shape_of(g)}, wanted {arrays.shape_of(x)}")
    _nothing(trial, answer)


def _detached(trial: Trial, answer: Answer) -> None:
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


def _nothing(trial: Trial, answer: Answer) -> None:
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


def _again(trial: Trial, answer: Answer) -> list[Answer]:
    """Ask once more; return the second answer too where it is no equal of the first, to be judged as well."""
    if trial.large and _same_in_strange_memory(trial, answer):
        trial.memory_asked = True
        return []
    second = trial.ask()
    trial.calls -= 1
    trial.contract_calls += 1
    sizes = _differences(answer, second)
    if not any(sizes.values()):
        return []
    labels = [*(name for name, _ in answer.outputs), *(f"d{trial.inputs.names[i]}" for i in trial.inputs.judged)]
    name = max(sizes, key=lambda k: sizes[k])
    sentence = f"differs from call to call: {labels[name]} by {sizes[name]:.1e} of it (atomics? a random number?)"
    if trial.options.deterministic:
        trial.breaches.append(sentence)
    else:
        trial.notes.append(sentence)
    return [second]


def _same_in_strange_memory(trial: Trial, answer: Answer) -> bool:
    """Tell whether a call with NaN in fresh memory and around the inputs gives the same to the bit."""
    library = arrays.library_of(trial.inputs.leaves[0])
    trial.contract_calls += 1
    trial.calls -= 1
    try:
        with memory.poisoned(library):
            leaves = [memory.surrounded(x) for x in trial.inputs.leaves]
            second = trial.ask(leaves, trial.drawn.given(layout=memory.narrow))
    except Exception:  # noqa: BLE001  it is asked again, in ordinary memory
        return False
    return not any(_differences(answer, second).values())


def _differences(one: Answer, other: Answer) -> dict[int, float]:
    """Return by how much each output and gradient differs, relative to its size; 0 where it is the same to the bit."""
    found = {}
    ours = [*(y for _, y in one.outputs), *one.gradients]
    theirs = [*(y for _, y in other.outputs), *other.gradients]
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a is None or b is None or arrays.same(a, b):
            found[k] = 0.0 if (a is None) == (b is None) else math.inf
            continue
        x, y = arrays.to_numpy(a), arrays.to_numpy(b)
        with np.errstate(all="ignore"):
            size = float(np.linalg.norm(np.nan_to_num(x))) or 1.0
            found[k] = max(float(np.linalg.norm(np.nan_to_num(x - y, nan=np.inf)) / size), 1e-300)
    return found


def _judged(trial: Trial, answer: Answer, again: Sequence[Answer]) -> tuple[list[rows.Judged], dict[int, str]]:
    """Return every row with what the rule says, and for those that are in doubt why.

    Where something speaks against the kernel, more runs with random roundings are asked: the reference may be on a
    kink, or next to one, where small differences inside give another gradient.
    """
    evidence, options = trial.evidence, trial.options
    if not trial.large:
        evidence.jitter(NOISY, options.seed)
    found = _worst(trial, [answer, *again])
    if not any(j.wrong for j in found):
        return found, {}
    count = NOISY if trial.large else MORE
    if len(evidence.moved) < count:
        evidence.jitter(count, options.seed)
        found = _worst(trial, [answer, *again])
    return _settled(trial, found)


def _worst(trial: Trial, answers: Sequence[Answer]) -> list[rows.Judged]:
    """Return the rows of the first answer, each in the place of which a later answer is wrong."""
    every = [[rows.judge(row, trial.options.factor) for row in trial.evidence.rows(a)] for a in answers]
    return [next((j for j in same if j.wrong), same[0]) for same in zip(*every, strict=True)]


def _settled(trial: Trial, found: list[rows.Judged]) -> tuple[list[rows.Judged], dict[int, str]]:
    """Return the rows, and why what speaks against some says nothing: the reference overflows too, or has a kink."""
    doubts: dict[int, str] = {}
    answers = None
    kept = []
    for judged in found:
        row = judged.row
        if not judged.wrong:
            kept.append(judged)
            continue
        if judged.unfinished.size:
            low = row.result.low[0].read(0, row.result.rows).ravel() if row.result.low else np.zeros(row.result.size)
            if not np.isfinite(low[judged.unfinished]).any():
                doubts[id(judged)] = (
                    f"{row.label} overflows in {row.dtype}, and so does the reference: scale the inputs down"
                )
            kept.append(judged)
            continue
        answers = answers or kink.beside(trial.evidence, trial.options.seed)
        judged, sentence, doubtful = kink.settle(judged, trial.evidence, answers, trial.options.factor)  # noqa: PLW2901  the same row, settled
        if doubtful:
            doubts[id(judged)] = sentence
        elif sentence:
            trial.notes.append(sentence)
        kept.append(judged)
    return kept, doubts


def _contract(trial: Trial, answer: Answer) -> None:
    """Ask what a backward owes, and note its breaches."""
    inputs = trial.inputs
    every: list[Any] = [None] * len(inputs.leaves)
    for k, i in enumerate(inputs.judged):
        every[i] = answer.gradients[k]
    names = [name for name, _ in answer.outputs]

    def run(leaves: Sequence[Any], needed: frozenset[int], given: Any) -> tuple[list[Any], list[Any]]:
        part = replace(inputs, leaves=tuple(leaves), judged=tuple(sorted(needed)))
        found = trial.kernel.run(part, lambda outputs: given([y for _, y in outputs]))
        gradients: list[Any] = [None] * len(leaves)
        for i, g in zip(part.judged, found.gradients, strict=True):
            gradients[i] = g
        return [y for _, y in found.outputs], gradients

    def cotangents(outputs: Sequence[Any]) -> list[Any]:
        return trial.drawn.given()(list(zip(names, outputs, strict=True)))

    asked = backward_contract.Asked(
        run=run,
        leaves=[arrays.copied(x) for x in inputs.leaves],
        names=inputs.names,
        judged=frozenset(inputs.judged),
        cotangents=cotangents,
        outputs=[y for _, y in answer.outputs],
        gradients=every,
        seed=trial.options.seed,
        units=[UNITS[arrays.dtype_name(x)] for x in inputs.leaves],
    )
    if trial.options.inplace_cotangent or not any("changes its input" in b for b in trial.breaches):
        found = backward_contract.judge(asked, strange_memory=not trial.memory_asked)
        trial.breaches += found.breaches
        trial.notes += found.notes
        trial.contract_calls += found.calls
    if trial.options.batch_axis is not None:
        _batch(trial, answer)


def _batch(trial: Trial, answer: Answer) -> None:
    ours, fine, calls = batch.compare(trial.kernel, trial.inputs, trial.drawn, answer, trial.options.batch_axis)
    trial.contract_calls += calls
    if fine:
        trial.notes.append(ours)
        return
    reference: Callable[..., Any] = trial.reference.function
    own = TorchProgram(reference, "reference") if trial.reference.library == "torch" and callable(reference) else None
    with contextlib.suppress(Exception):
        if own is not None and not _independent(trial, own):
            trial.notes.append(f"{ours}, and so is the reference's")
            return
    trial.breaches.append(ours)


def _independent(trial: Trial, reference: Program) -> bool:
    whole = reference.run(trial.inputs, trial.drawn.given())
    return batch.compare(reference, trial.inputs, trial.drawn, whole, trial.options.batch_axis)[1]


def _report(
    trial: Trial, found: Sequence[ArgumentReport], certificate: Certificate | None, *, complaint: str = ""
) -> Report:
    notes = list(trial.notes)
    arguments = tuple(found)
    if certificate is not None:
        if certificate.wrong:
            sentence = certificate.sentence(trial.reference.title)
            arguments = tuple(
                a
                if a.verdict is not Verdict.PASS and a.comparison is not None and a.comparison.kind == "output"
                else _unsure(a, sentence)
                for a in arguments
            )
        notes.insert(0, certificate.sentence(trial.reference.title))
        if trial.reference.library == "numpy" and callable(trial.reference.function):
            notes[0] = (
                f"the gradient of the reference {trial.reference.title} is made of its own differences in float64"
            )
    options = trial.options
    if options.factor != 1 and arguments:
        hidden = max(a.smallest_error for a in arguments)
        notes.append(f"factor={options.factor:g}: a result {hidden:.1e} too large or too small as a whole could hide")
    breaches = [*([complaint] if complaint else []), *trial.breaches]
    return Report(
        title=trial.kernel.title,
        arguments=arguments,
        evaluations=trial.reference.evaluations,
        gradient_evaluations=trial.calls,
        contract_evaluations=trial.contract_calls,
        seed=int(options.seed),
        confidence=rows.CONFIDENCE,
        oracle=ORACLE,
        notes=tuple(dict.fromkeys(notes)),
        complaint="; ".join(breaches),
        repeat=f"gradcheck.check_kernel(..., seed={options.seed})",
    )


def _unsure(argument: ArgumentReport, sentence: str) -> ArgumentReport:
    return argument.with_(
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{sentence}: it cannot judge a kernel; look at it first with gradcheck.check(reference, inputs=...)",
    )


ORACLE = "reference in float64"
__all__ = ["try_kernel"]
