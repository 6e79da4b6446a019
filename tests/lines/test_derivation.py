"""A derivation as a reference: forward values, the loss, gradients, and copies with a mistake."""

import doctest
from fractions import Fraction

import numpy as np
import pytest

from gradcheck.errors import ArgumentError
from gradcheck.lines import derivation as derivation_module
from gradcheck.lines.derivation import Derivation

# L = sum (x w - y)^2 with x, w, y as below: x w = (3, 1), residual (1, -3), L = 10,
# dL/dy_pred = (2, -6), dL/dw = x^T (2, -6) = (2 * 1 - 6 * 0, 2 * 2 - 6 * 1) = (2, -2).
LEAST_SQUARES = Derivation(
    forward={
        "y_pred": lambda x, w: x @ w,
        "loss": lambda xp, y_pred, y: xp.sum((y_pred - y) ** 2),
    },
    gradient={
        "y_pred": lambda y_pred, y: 2 * (y_pred - y),
        "w": lambda x, grad_y_pred: x.T @ grad_y_pred,
    },
    name="least squares",
)
X, W, Y = [[1, 2], [0, 1]], [[1], [1]], [[2], [4]]


def numpy_inputs(dtype="float64"):
    return {"x": np.array(X, dtype), "w": np.array(W, dtype), "y": np.array(Y, dtype)}


def torch_inputs():
    torch = pytest.importorskip("torch")
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in (("x", X), ("w", W), ("y", Y))}


def exact_inputs():
    third = Fraction(1, 3)
    return {name: np.array(value, dtype=object) * third for name, value in (("x", X), ("w", W), ("y", Y))}


LIBRARIES = pytest.mark.parametrize("draw", [numpy_inputs, torch_inputs], ids=["numpy", "torch"])


@LIBRARIES
def test_forward_returns_every_line_by_name(draw):
    values = LEAST_SQUARES.forward(draw())
    assert list(values) == ["y_pred", "loss"]
    assert values["y_pred"].tolist() == [[3], [1]]
    assert float(values["loss"]) == 10
    assert float(LEAST_SQUARES.loss(draw())) == 10


@LIBRARIES
def test_gradient_returns_the_claimed_inputs_and_backward_every_line(draw):
    inputs = draw()
    assert list(LEAST_SQUARES.gradient(inputs)) == ["w"]
    assert LEAST_SQUARES.gradient(inputs)["w"].tolist() == [[2], [-2]]
    assert LEAST_SQUARES.backward(inputs)["y_pred"].tolist() == [[2], [-6]]
    assert type(LEAST_SQUARES.gradient(inputs)["w"]) is type(inputs["w"])


def test_float32_stays_float32():
    assert LEAST_SQUARES.gradient(numpy_inputs("float32"))["w"].dtype == np.float32


def test_exact_fractions_stay_exact():
    # all are a third of the above: x w = (1/3, 1/9), the residual (1/3 - 2/3, 1/9 - 4/3) = (-1/3, -11/9)
    inputs = exact_inputs()
    assert LEAST_SQUARES.loss(inputs) == Fraction(1, 9) + Fraction(121, 81)
    got = LEAST_SQUARES.gradient(inputs)["w"].ravel().tolist()
    assert got == [
        Fraction(1, 3) * Fraction(-2, 3),
        Fraction(2, 3) * Fraction(-2, 3) + Fraction(1, 3) * Fraction(-22, 9),
    ]
    assert all(type(entry) is Fraction for entry in got)


def test_lines_and_text_read_like_the_mathematics():
    assert LEAST_SQUARES.lines == (
        ("y_pred", "x @ w"),
        ("loss", "xp.sum((y_pred - y) ** 2)"),
        ("grad_y_pred", "2 * (y_pred - y)"),
        ("grad_w", "x.T @ grad_y_pred"),
    )
    assert str(LEAST_SQUARES) == (
        "y_pred      = x @ w\n"
        "loss        = xp.sum((y_pred - y) ** 2)\n"
        "grad_y_pred = 2 * (y_pred - y)\n"
        "grad_w      = x.T @ grad_y_pred"
    )
    assert repr(LEAST_SQUARES) == "<Derivation least squares: 2 forward, 2 gradient lines>"


def test_as_functions_takes_the_claimed_inputs_and_holds_the_others():
    inputs = numpy_inputs()
    loss, gradient = LEAST_SQUARES.as_functions({"x": inputs["x"], "y": inputs["y"]})
    assert loss(inputs["w"]) == 10
    (w,) = gradient(inputs["w"])
    assert w.tolist() == [[2], [-2]]


def test_what_is_held_in_float32_follows_arguments_in_float64():
    held = {name: value for name, value in numpy_inputs("float32").items() if name != "w"}
    loss, gradient = LEAST_SQUARES.as_functions(held)
    assert gradient(np.array(W, "float32"))[0].dtype == np.float32
    assert gradient(np.array(W, "float64"))[0].dtype == np.float64
    torch = pytest.importorskip("torch")
    loss, _ = LEAST_SQUARES.as_functions({name: torch.tensor(value) for name, value in held.items()})
    assert loss(torch.tensor(W, dtype=torch.float64)).dtype == torch.float64


def test_as_functions_asks_for_what_is_not_held():
    with pytest.raises(ArgumentError, match=r"input 'y' has no gradient line: give its value in held=\{'y': ...\}"):
        LEAST_SQUARES.as_functions({"x": np.eye(2)})
    with pytest.raises(ArgumentError, match="held names 'z', which is no input of least squares: choose among x, w, y"):
        LEAST_SQUARES.as_functions({"z": 1})


def test_replace_changes_one_line_and_leaves_the_original():
    wrong = LEAST_SQUARES.replace(y_pred=lambda y_pred, y: y_pred - y)
    assert wrong.gradient(numpy_inputs())["w"].tolist() == [[1], [-1]]
    assert [name for name, _ in wrong.lines] == [name for name, _ in LEAST_SQUARES.lines]
    assert LEAST_SQUARES.gradient(numpy_inputs())["w"].tolist() == [[2], [-2]]
    with pytest.raises(ArgumentError, match="there is no gradient line 'x' to replace: choose among y_pred, w"):
        LEAST_SQUARES.replace(x=lambda x: x)


def test_plant_changes_what_a_line_gives_and_says_so():
    wrong = LEAST_SQUARES.plant("w", np.negative)
    assert wrong.gradient(numpy_inputs())["w"].tolist() == [[-2], [2]]
    assert dict(wrong.lines)["grad_w"] == "negative(x.T @ grad_y_pred)"
    with pytest.raises(
        ArgumentError, match="there is no gradient line 'x' to plant a mistake in: choose among y_pred, w"
    ):
        LEAST_SQUARES.plant("x", np.negative)


def test_recompute_runs_only_what_the_variable_feeds():
    known = LEAST_SQUARES.values(numpy_inputs())
    assert list(LEAST_SQUARES.recompute(known, "y", known["y"])) == ["y", "loss"]
    assert list(LEAST_SQUARES.recompute(known, "w", known["w"])) == ["w", "y_pred", "loss"]
    assert list(LEAST_SQUARES.recompute(known, "w", known["w"], held=("y_pred",))) == ["w", "y_pred"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": None}, "least squares takes the inputs x, w, y: w missing"),
        ({"b": 1}, "least squares takes the inputs x, w, y: b unknown"),
        ({"w": None, "W": 1}, "least squares takes the inputs x, w, y: w missing; W unknown"),
    ],
    ids=["missing", "unknown", "misspelt"],
)
def test_inputs_that_do_not_fit_are_refused(change, message):
    inputs = {name: value for name, value in (numpy_inputs() | change).items() if value is not None}
    with pytest.raises(ArgumentError) as raised:
        LEAST_SQUARES.loss(inputs)
    assert str(raised.value) == message


def test_two_libraries_at_once_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(ArgumentError, match="the inputs of least squares are arrays of numpy and torch: pass arrays"):
        LEAST_SQUARES.loss(numpy_inputs() | {"w": torch.ones(2, 1)})


def test_inputs_that_are_no_arrays_are_refused():
    with pytest.raises(ArgumentError, match="the inputs of least squares are arrays of no known library: pass arrays"):
        LEAST_SQUARES.loss({"x": X, "w": W, "y": Y})


def test_a_loss_that_is_no_scalar_is_refused():
    derivation = Derivation({"s": lambda x: x * x}, {})
    with pytest.raises(
        ArgumentError, match=r"the last forward line, 's', has shape \(2,\); it is the loss and must be"
    ):
        derivation.loss({"x": np.ones(2)})


def test_the_example_in_the_documentation_runs():
    results = doctest.testmod(derivation_module)
    assert results.attempted > 0
    assert results.failed == 0
