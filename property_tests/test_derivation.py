"""Laws of derivations, over random forward passes whose right gradient lines are written by rule.

A forward pass here is a list of lines on arrays of one shape, each made of one or two variables above it by
`+`, `*`, `tanh` or a matrix product; its loss weighs and sums the last one. The gradient of a variable adds
one term for every use of it: the text of the term is the textbook derivative of the operation.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from gradcheck.lines.derivation import Derivation
from gradcheck.verdicts.certificate import Verdict

SIDE = 3


@dataclass(frozen=True)
class Use:
    """One use of a variable, by the line `user`: the text of its gradient term, and what that reads."""

    variable: str
    user: str
    term: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """A random derivation as text: forward lines, and the uses that gradients are made of."""

    forward: tuple[tuple[str, str, tuple[str, ...]], ...]  # name, expression, parameters
    uses: tuple[Use, ...]

    def derivation(self, *, forgotten=None):
        """Return the derivation; `forgotten` is a use that its gradient line leaves out."""
        forward = {name: _line(text, reads) for name, text, reads in self.forward}
        gradient = {}
        for name in self.variables():
            terms = [use for use in self.uses if use.variable == name and use is not forgotten]
            text = " + ".join(use.term for use in terms) or f"0 * {name}"
            gradient[name] = _line(text, {read for use in terms for read in use.reads} | {name})
        return Derivation(forward, gradient)

    def variables(self):
        """The variables that have a gradient line, the loss's neighbours first."""
        computed = [name for name, _, _ in self.forward[:-1]]
        return [*reversed(computed), "x0", "x1"]


def _line(text, reads):
    return eval(f"lambda {', '.join(sorted(reads))}: {text}")  # noqa: S307  # text made in this file


@st.composite
def written(draw):
    names, lines, uses = ["x0", "x1"], [], []
    for count in range(draw(st.integers(1, 5), label="lines")):
        name = f"v{count}"
        one = draw(st.sampled_from(names), label=f"{name} uses")
        other = draw(st.sampled_from(names), label=f"{name} uses also")
        grad = f"grad_{name}"
        match draw(st.sampled_from("+*@t"), label=f"{name} is made by"):
            case "+":
                lines.append((name, f"{one} + {other}", (one, other)))
                uses += [Use(one, name, grad, (grad,)), Use(other, name, grad, (grad,))]
            case "*":
                lines.append((name, f"{one} * {other}", (one, other)))
                uses.append(Use(one, name, f"{grad} * {other}", (grad, other)))
                uses.append(Use(other, name, f"{grad} * {one}", (grad, one)))
            case "@":
                lines.append((name, f"{one} @ {other} / {SIDE}", (one, other)))
                uses.append(Use(one, name, f"{grad} @ {other}.T / {SIDE}", (grad, other)))
                uses.append(Use(other, name, f"{one}.T @ {grad} / {SIDE}", (grad, one)))
            case "t":
                lines.append((name, f"xp.tanh({one})", ("xp", one)))
                uses.append(Use(one, name, f"{grad} * (1 - {name}**2)", (grad, name)))
        names.append(name)
    last = names[-1]
    # x0 and x1 enter the loss on their own as well, so that each is an input and each has a path to it
    lines.append(("loss", f"xp.sum(c * {last} + x0 * x1)", ("xp", "c", last, "x0", "x1")))
    uses.append(Use(last, "loss", "c", ("c",)))
    uses += [Use("x0", "loss", "x1", ("x1",)), Use("x1", "loss", "x0", ("x0",))]
    forward = tuple((name, text, tuple(dict.fromkeys(reads))) for name, text, reads in lines)
    return Written(forward, tuple(uses))


def inputs_of(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((SIDE, SIDE)) for name in ("x0", "x1", "c")}


def wrong_lines(report):
    return [line.name for line in report.lines if line.verdict is not Verdict.PASS]


SEEDS = st.integers(0, 2**16)


@given(written(), SEEDS)
def test_a_right_derivation_passes_line_by_line_and_as_a_whole(text, seed):
    derivation = text.derivation()
    note(str(derivation.lines))
    report = derivation.check(inputs_of(seed))
    assert report.verdict is Verdict.PASS, str(report)


@given(written(), SEEDS, st.data())
def test_of_lines_wrong_by_a_factor_exactly_those_are_named(text, seed, data):
    derivation = text.derivation()
    wrong = data.draw(st.sets(st.sampled_from(text.variables()), min_size=1), label="wrong")
    values = derivation.backward(inputs_of(seed))
    spoiled = derivation
    for name in wrong:
        spoiled = spoiled.plant(name, lambda gradient: 1.5 * gradient)
    report = spoiled.check(inputs_of(seed))
    shows = [name for name in values if name in wrong and np.any(values[name])]  # 1.5 * 0 is no mistake
    assert wrong_lines(report) == shows
    assert report.first_wrong == (shows[0] if shows else None)


@given(written(), SEEDS, st.data())
def test_a_line_that_forgets_one_use_is_the_one_named(text, seed, data):
    use = data.draw(st.sampled_from(text.uses), label="forgotten")
    right, inputs = text.derivation(), inputs_of(seed)
    known = right.values(inputs) | {f"grad_{name}": value for name, value in right.backward(inputs).items()}
    term = _line(use.term, use.reads)(**{name: known[name] for name in use.reads})
    report = text.derivation(forgotten=use).check(inputs)
    assert wrong_lines(report) == ([use.variable] if np.any(term) else [])


@given(written(), SEEDS)
def test_the_gradient_is_that_of_torch_autograd(text, seed):
    torch = pytest.importorskip("torch")
    derivation, drawn = text.derivation(), inputs_of(seed)
    inputs = {name: torch.tensor(value, requires_grad=name != "c") for name, value in drawn.items()}
    derivation.loss(inputs).backward()
    for name, by_hand in derivation.gradient(drawn).items():
        by_autograd = inputs[name].grad.numpy()
        np.testing.assert_allclose(by_hand, by_autograd, rtol=1e-12, atol=1e-12 * np.abs(by_autograd).max())
