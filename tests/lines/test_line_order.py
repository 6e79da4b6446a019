"""Which names a line may read: one table of derivations that are refused, with the words."""

import pytest

from gradcheck.errors import ArgumentError
from gradcheck.lines.derivation import Derivation

FORWARD = {
    "h": lambda x, w: x @ w,
    "s": lambda h: h * h,
    "loss": lambda xp, s: xp.sum(s),
}
VARIABLES = "choose among x, w, h, s, loss"


def test_inputs_are_the_names_that_no_line_computes_in_the_order_read():
    assert Derivation(FORWARD, {}).inputs == ("x", "w")


def test_declared_inputs_give_the_order():
    assert Derivation(FORWARD, {}, inputs=("w", "x")).inputs == ("w", "x")


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        ({}, "the forward pass has no line: write at least the loss"),
        (
            {"s": lambda h: h, "h": lambda x: x, "loss": lambda s: s},
            "the forward line 's' reads 'h', written below it: move 'h' above",
        ),
        ({"h": lambda h: h}, "forward lines read each other in a cycle: h <- h"),
        (
            {"a": lambda c: c, "b": lambda a: a, "c": lambda b: b, "loss": lambda a: a},
            "forward lines read each other in a cycle: a <- c <- b <- a",
        ),
        (
            {"loss": lambda x, grad_x: x * grad_x},
            "the forward pass uses the name 'grad_x', which is kept for gradient lines: rename it",
        ),
        (
            {"xp": lambda x: x, "loss": lambda xp: xp},
            "the forward pass uses the name 'xp', which is kept for gradient lines: rename it",
        ),
    ],
    ids=["empty", "out of order", "reads itself", "cycle", "grad_ name", "xp"],
)
def test_a_forward_pass_out_of_order_is_refused(forward, message):
    with pytest.raises(ArgumentError) as raised:
        Derivation(forward, {})
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ({"v": lambda h: h}, f"the gradient line 'v' is of no variable here: {VARIABLES}"),
        (
            {"loss": lambda: 1},
            "the gradient line 'loss' is the loss's own gradient, which is 1: leave it out",
        ),
        ({"h": lambda g: g}, f"the gradient line 'h' reads 'g', which is no variable: {VARIABLES}"),
        (
            {"h": lambda grad_h: grad_h},
            "the gradient line 'h' reads 'grad_h', the very gradient it is to give",
        ),
        (
            {"h": lambda grad_s, h: 2 * h * grad_s, "s": lambda s: s},
            "the gradient line 'h' reads 'grad_s', which is written below it: move gradient line 's' above",
        ),
        (
            {"h": lambda grad_s, h: 2 * h * grad_s},
            "the gradient line 'h' reads 'grad_s', but no gradient line 's' is written",
        ),
        (
            {"h": lambda grad_q: grad_q},
            "the gradient line 'h' reads 'grad_q', but no gradient line 'q' is written",
        ),
    ],
    ids=[
        "no variable",
        "of the loss",
        "reads no variable",
        "itself",
        "below",
        "not written",
        "no such variable",
    ],
)
def test_a_gradient_line_that_reads_what_it_may_not_is_refused(gradient, message):
    with pytest.raises(ArgumentError) as raised:
        Derivation(FORWARD, gradient)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ("x",)}, "the forward line 'h' reads 'w', which is neither an input nor a forward line"),
        ({"inputs": ("x", "w", "b")}, "inputs names 'b', which no forward line reads: take it out of inputs"),
        ({"kinks": ("r",)}, f"kinks names 'r', which is no variable here: {VARIABLES}"),
    ],
    ids=["undeclared", "unread", "kink"],
)
def test_options_that_do_not_fit_the_lines_are_refused(options, message):
    with pytest.raises(ArgumentError) as raised:
        Derivation(FORWARD, {}, **options)
    assert str(raised.value) == message
