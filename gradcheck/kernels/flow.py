"""From a kernel, a reference and inputs to a report: truth, answers, contract, verdicts, power."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import backward_contract, batch
from gradcheck.claims.backward_asked import Asked, Run
from gradcheck.errors import ArgumentError
from gradcheck.kernels import kink, modules, twice
from gradcheck.kernels.answer import Answer, BackwardError, Form, Program, ask
from gradcheck.kernels.certificate import Certificate, certify
from gradcheck.kernels.cotangents import Drawn
from gradcheck.kernels.evidence import UNITS, Evidence
from gradcheck.kernels.leaves import Inputs, filled, flat, input_names, read, unchanged
from gradcheck.kernels.libraries import installed
from gradcheck.kernels.programs import JaxProgram, PairProgram, TorchProgram, is_cached, title_of_program
from gradcheck.kernels.reference import find
from gradcheck.kernels.result_report import CONFIDENCE, JudgedResult, judge, report
from gradcheck.kernels.trial import KernelTrial, answers_again, detached, first_answer, fits
from gradcheck.slopes.field import quiet
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.report import ArgumentReport, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.kernels.options import KernelOptions

NOISY = 2  # runs of the reference with random roundings
MORE = 8  # where something speaks against the kernel
ORACLE = "reference in float64"
DOUBLE = "double backward (order=2 does)"
OFFSETS = "offsets beyond 2^31 (inputs as large show them)"


def try_kernel(
    kernel: Any, reference: Any, inputs: Any, kwargs: Any, names: Any, gradients: Any, options: KernelOptions
) -> Report:
    """Return the report; see `check_kernel`."""
    kernel, reference, inputs, note = modules.opened(kernel, reference, inputs)
    if options.order == 2:
        kernel, reference, inputs, names, gradients = twice.doubled(
            kernel, reference, inputs, kwargs, names, gradients, options.seed
        )
    asked = read(_named_by(kernel, reference), inputs, kwargs, names, gradients)
    values = [arrays.to_numpy(x) if _cast(x) else np.array(arrays.to_numpy(x)) for x in asked.leaves]
    drawn = Drawn(options.seed)
    with quiet():
        found, truth = find(reference, asked, values, drawn.draw)
    program = _program(kernel, asked, len(truth.outputs))
    trial = KernelTrial(program, asked, found, values, drawn, Evidence(asked, drawn, found, values, truth), options)
    del truth
    trial.notes += [note] if note else []
    try:
        answer = first_answer(trial)
        fits(trial, answer)
        detached(trial, answer)
        again = answers_again(trial, answer)
    except BackwardError as error:
        return _report(trial, [], None, complaint=str(error))
    with quiet():
        trial.evidence.low = found.low(drawn.given())
        trial.evidence.stored = found.stored(drawn.given())
        judged, doubts = _judged(trial, answer, again)
        reports = [report(j, trial.evidence, options.factor, doubt=doubts.get(id(j), "")) for j in judged]
        gradients = trial.evidence.truth.gradients
        del judged, again  # as large as the results; what follows needs the memory
        trial.evidence = Evidence(asked, drawn, found, values, Answer([], []))
        try:
            _contract(trial, answer)
        except BackwardError as error:
            trial.breaches.append(str(error))
        del answer
        certificate = certify(found, drawn, values, gradients, options.seed)
    return _report(trial, reports, certificate)


def _cast(x: Any) -> bool:
    """Tell whether x is in another dtype than float64, so that its values there are a copy."""
    return arrays.dtype_name(x) not in arrays.WIDE


def _named_by(kernel: Any, reference: Any) -> Any:
    """Return what the inputs are called after: the kernel's signature, unless it takes ``*args``."""
    own = kernel[0] if isinstance(kernel, tuple | list) else kernel
    theirs = reference[0] if isinstance(reference, tuple | list) else reference
    return own if input_names(own) else theirs


def _program(kernel: Any, inputs: Inputs, outputs: int) -> Program:
    title = title_of_program(kernel)
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


def _judged(trial: KernelTrial, answer: Answer, again: Sequence[Answer]) -> tuple[list[JudgedResult], dict[int, str]]:
    """Return every result with what the rule says, and for those that are in doubt why.

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


def _worst(trial: KernelTrial, answers: Sequence[Answer]) -> list[JudgedResult]:
    """Return the results of the first answer, each in the place of which a later answer is wrong."""
    every = [[judge(result, trial.options.factor) for result in trial.evidence.results(a)] for a in answers]
    return [next((j for j in same if j.wrong), same[0]) for same in zip(*every, strict=True)]


def _settled(trial: KernelTrial, found: list[JudgedResult]) -> tuple[list[JudgedResult], dict[int, str]]:
    """Return the results, and why what speaks against some says nothing: the reference overflows too, or has a kink."""
    doubts: dict[int, str] = {}
    answers = None
    kept = []
    for judged in found:
        result, m = judged.result, judged.result.matrices
        if not judged.wrong:
            kept.append(judged)
            continue
        if judged.unfinished.size:
            low = m.low[0].read(0, m.rows).ravel() if m.low else np.zeros(m.size)
            if not np.isfinite(low[judged.unfinished]).any():
                doubts[id(judged)] = (
                    f"{result.label} overflows in {result.dtype}, and so does the reference: scale the inputs down"
                )
            kept.append(judged)
            continue
        answers = answers or kink.answers_beside(trial.evidence, trial.options.seed)
        judged, sentence, doubtful = kink.settle(judged, trial.evidence, answers, trial.options.factor)  # noqa: PLW2901  the same result, settled
        if doubtful:
            doubts[id(judged)] = sentence
        elif sentence:
            trial.notes.append(sentence)
        kept.append(judged)
    return kept, doubts


def _contract(trial: KernelTrial, answer: Answer) -> None:
    """Ask what a backward owes, and note its breaches."""
    inputs = trial.inputs
    every: list[Any] = [None] * len(inputs.leaves)
    for k, i in enumerate(inputs.judged):
        every[i] = answer.gradients[k]
    names = [name for name, _ in answer.outputs]

    def cotangents(outputs: Sequence[Any]) -> list[Any]:
        return trial.drawn.given()(list(zip(names, outputs, strict=True)))

    asked = Asked(
        run=_run(trial.kernel, inputs, trial.form),
        leaves=[arrays.copied(x) for x in inputs.leaves],
        names=inputs.names,
        judged=frozenset(inputs.judged),
        cotangents=cotangents,
        outputs=[y for _, y in answer.outputs],
        gradients=every,
        units=[UNITS[arrays.dtype_name(x)] for x in inputs.leaves],
        terms=trial.options.terms,
    )
    if trial.options.inplace_cotangent or not any("changes its input" in b for b in trial.breaches):
        found = backward_contract.judge(asked, repeated=not trial.at_once)
        trial.breaches += found.breaches
        trial.notes += found.notes
        trial.contract_calls += found.calls
    if trial.options.batch_axis is not None:
        _batch(trial, asked, names)


def _batch(trial: KernelTrial, asked: Asked, names: list[str]) -> None:
    """Ask rows alone, of the kernel and, where it is another then, of the reference."""
    inputs, axis = trial.inputs, trial.options.batch_axis
    found = batch.compare(asked, names, axis, lambda change: _run(trial.kernel, inputs, change=change))
    trial.contract_calls += found.calls
    if found.fine:
        trial.notes.append(found.sentence)
        return
    reference: Any = trial.reference.function
    if trial.reference.library == "torch" and callable(reference):
        with contextlib.suppress(Exception):
            own = TorchProgram(reference, "reference")
            outputs, gradients = _run(own, inputs)(asked.leaves, asked.judged, asked.cotangents)
            theirs = replace(asked, outputs=outputs, gradients=gradients, sizes={})
            if not batch.compare(theirs, names, axis, lambda change: _run(own, inputs, change=change)).fine:
                trial.notes.append(f"{found.sentence}, and so is the reference's")
                return
    trial.breaches.append(found.sentence)


def _run(program: Program, inputs: Inputs, before: Form | None = None, change: Callable[[Any], Any] = unchanged) -> Run:
    """Return a program as the contract asks it; the arrays that are no leaves go through `change`."""

    def run(leaves: Sequence[Any], needed: frozenset[int], given: Any) -> tuple[list[Any], list[Any]]:
        template = filled(inputs.template, iter(leaves), change)
        kwargs = {key: filled(x, iter([a for _, a in flat(x)]), change) for key, x in inputs.kwargs.items()}
        part = replace(inputs, template=template, kwargs=kwargs, leaves=tuple(leaves), judged=tuple(sorted(needed)))
        same = all(arrays.shape_of(x) == arrays.shape_of(y) for x, y in zip(leaves, inputs.leaves, strict=True))
        found = ask(program, part, lambda outputs: given([y for _, y in outputs]), before if same else None)
        gradients: list[Any] = [None] * len(leaves)
        for i, g in zip(part.judged, found.gradients, strict=True):
            gradients[i] = g
        return [y for _, y in found.outputs], gradients

    return run


def _report(
    trial: KernelTrial, found: Sequence[ArgumentReport], certificate: Certificate | None, *, complaint: str = ""
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
    notes.append("not judged: " + ", ".join([DOUBLE] * (options.order == 1) + [OFFSETS]))
    if options.factor != 1 and arguments:
        hidden = max(a.smallest_error for a in arguments)
        notes.append(f"factor={options.factor:g}: a result {hidden:.1e} too large or too small as a whole could hide")
    breaches = [*([complaint] if complaint else []), *trial.breaches]
    if options.order == 2 and any("gives no gradient" in b for b in breaches):
        breaches.append("the backward is marked once_differentiable, or computes where autograd does not follow")
    return Report(
        title=trial.kernel.title + (" (double backward)" if options.order == 2 else ""),
        arguments=arguments,
        evaluations=trial.reference.evaluations,
        gradient_evaluations=trial.calls,
        contract_evaluations=trial.contract_calls,
        seed=int(options.seed),
        confidence=CONFIDENCE,
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
