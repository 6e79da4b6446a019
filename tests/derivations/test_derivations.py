"""The hand derivations: right by autograd, differences and exact arithmetic; a spoiled line is named."""

from fractions import Fraction

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.derivations import ALL
from gradcheck.verdicts.certificate import Verdict

LINES = [(name, line.name) for name, module in ALL.items() for line in module.derivation.gradient_lines]
EVERY_ONE = pytest.mark.parametrize("name", list(ALL))


def as_torch(inputs):
    torch = pytest.importorskip("torch")
    return {name: torch.tensor(value) for name, value in inputs.items()}


def wrong_lines(report):
    return [line.name for line in report.lines if line.verdict is not Verdict.PASS]


def test_there_are_twelve_and_they_are_found_by_name():
    assert len(ALL) == 12
    assert all(module.derivation.name == name for name, module in ALL.items())
    with pytest.raises(KeyError):
        ALL["no_such_derivation"]


@EVERY_ONE
def test_drawn_inputs_fit_repeat_and_have_the_dtype_asked_for(name):
    module = ALL[name]
    inputs, again, other = module.draw(3), module.draw(3), module.draw(4)
    assert set(inputs) == set(module.derivation.inputs)
    assert all(np.array_equal(inputs[key], again[key]) for key in inputs)
    assert any(not np.array_equal(inputs[key], other[key]) for key in inputs)
    for key, value in module.draw(3, "float32").items():
        assert value.dtype == (np.float32 if inputs[key].dtype.kind == "f" else inputs[key].dtype)


@EVERY_ONE
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_have_shape_and_dtype_of_their_variables(name, dtype):
    module = ALL[name]
    inputs = module.draw(0, dtype)
    known = inputs | module.derivation.forward(inputs)
    for variable, gradient in module.derivation.backward(inputs).items():
        assert (gradient.shape, gradient.dtype) == (known[variable].shape, np.dtype(dtype)), variable


@EVERY_ONE
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gradients_are_those_of_torch_autograd(name, seed):
    torch = pytest.importorskip("torch")
    module = ALL[name]
    derivation, drawn = module.derivation, module.draw(seed)
    inputs = as_torch(drawn)
    wanted = [inputs[key].requires_grad_() for key in derivation.claimed]
    known = derivation.values(inputs)
    inner = [line.name for line in derivation.gradient_lines if line.name not in derivation.inputs]
    for key in inner:
        known[key].retain_grad()
    known[derivation.loss_name].backward()
    with torch.no_grad():
        by_hand = derivation.backward(inputs)
    by_numpy = derivation.backward(drawn)
    assert len(wanted) + len(inner) == len(derivation.gradient_lines)
    for key in by_hand:
        # a few dozen roundings of numbers of the gradient's own size
        allowed = 64 * np.finfo(float).eps * max(1.0, float(known[key].grad.abs().max()))
        assert float((by_hand[key].detach() - known[key].grad).abs().max()) <= allowed, key
        assert np.abs(by_numpy[key] - known[key].grad.numpy()).max() <= allowed, key


@EVERY_ONE
def test_gradients_equal_the_exact_slopes(name):
    pytest.importorskip("flint")
    module = ALL[name]
    derivation, inputs = module.derivation, module.draw(0)
    held = {key: value for key, value in inputs.items() if key not in derivation.claimed}
    loss, gradient = derivation.as_functions(held)
    point = [inputs[key] for key in derivation.claimed]
    report = gc.check(loss, gradient, tuple(point), names=derivation.claimed, oracle="exact")
    assert report.verdict is gc.Verdict.PASS
    for row in report:
        assert row.kink is None, row.name
        assert row.exact.equal, row.name
        assert row.exact.digits >= 30, row.name


RATIONAL = ["two_layer_relu", "linear", "convolution", "embedding_lookup"]


@pytest.mark.parametrize("name", RATIONAL)
def test_where_the_mathematics_is_rational_so_is_the_gradient(name):
    module = ALL[name]
    inputs = {
        key: np.vectorize(Fraction, otypes=[object])(value) if value.dtype.kind == "f" else value
        for key, value in module.draw(0).items()
    }
    exact, rounded = module.derivation.gradient(inputs), module.derivation.gradient(module.draw(0))
    for key, gradient in exact.items():
        assert {type(entry) for entry in gradient.ravel()} <= {Fraction, int}, key
        np.testing.assert_allclose(gradient.astype(float), rounded[key], rtol=1e-12, atol=1e-14)


@EVERY_ONE
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_line_and_the_whole_pass_by_finite_differences(name, library, dtype):
    module = ALL[name]
    drawn = module.draw(1, dtype)
    report = module.derivation.check(drawn if library == "numpy" else as_torch(drawn))
    assert report.verdict is Verdict.PASS, str(report)
    judged_in = [found.accuracy.dtype for found in report.whole if found.accuracy is not None]
    assert judged_in == (["float32"] * len(module.derivation.claimed) if dtype == "float32" else [])


def doubled(gradient):
    return 2 * gradient


def largest_entry_off(gradient):
    wrong = gradient + 0  # a copy, in either library
    wrong[np.unravel_index(int(abs(gradient).argmax()), tuple(gradient.shape))] *= 1.01
    return wrong


def transposed(gradient):
    return gradient.T


def is_square(name, line):
    shape = ALL[name].derivation.backward(ALL[name].draw(0))[line].shape
    return len(shape) == 2 and shape[0] == shape[1]


PLANTED = [(name, line, mistake) for name, line in LINES for mistake in (doubled, largest_entry_off)]
PLANTED += [(name, line, transposed) for name, line in LINES if is_square(name, line)]


@pytest.mark.parametrize(
    ("name", "line", "mistake"),
    PLANTED,
    ids=[f"{name}.{line}-{mistake.__name__}" for name, line, mistake in PLANTED],
)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_spoiled_line_is_the_only_one_named(name, line, mistake, library):
    module = ALL[name]
    inputs = module.draw(0) if library == "numpy" else as_torch(module.draw(0))
    report = module.derivation.plant(line, mistake).check(inputs)
    assert report.first_wrong == line
    assert wrong_lines(report) == [line]


DROPPED = [
    ("linear", "b", lambda grad_y_pred: grad_y_pred[0]),
    ("linear", "residual", lambda residual: 2 * residual),
    ("softmax_cross_entropy", "z", lambda p, y: p / y.shape[0]),
    ("softmax_cross_entropy", "z", lambda p, y: p - y),
    ("two_layer_relu", "h", lambda grad_h_relu: grad_h_relu),
    ("two_layer_relu", "h", lambda xp, grad_h_relu, h: xp.where(h < 0, grad_h_relu, 0)),
    ("layer_norm", "gamma", lambda xp, grad_y: xp.sum(grad_y, axis=0)),
    ("layer_norm", "x", lambda grad_x_hat, inv_std: inv_std * grad_x_hat),
    (
        "layer_norm",
        "x",
        lambda xp, grad_x_hat, inv_std: inv_std * (grad_x_hat - xp.sum(grad_x_hat, axis=1, keepdims=True) / 5),
    ),
    (
        "layer_norm",
        "x",
        lambda xp, grad_x_hat, x_hat, inv_std: (
            inv_std * (grad_x_hat - x_hat * xp.sum(grad_x_hat * x_hat, axis=1, keepdims=True) / 5)
        ),
    ),
    ("batch_norm", "x", lambda xp, grad_x_hat, var, eps: grad_x_hat / xp.sqrt(var + eps)),
    (
        "batch_norm",
        "x",
        lambda xp, grad_x_hat, grad_var, x, mu, var, eps: (
            grad_x_hat / xp.sqrt(var + eps) + grad_var * 2 * (x - mu) / x.shape[0]
        ),
    ),
    (
        "batch_norm",
        "x",
        lambda xp, grad_x_hat, grad_mu, x, var, eps: grad_x_hat / xp.sqrt(var + eps) + grad_mu / x.shape[0],
    ),
    ("attention", "scores", lambda p, grad_p: p * grad_p),
    ("attention", "q", lambda grad_scores, k: grad_scores @ k),
    ("attention", "k", lambda grad_scores, q: grad_scores @ q / 2),
    ("attention", "x", lambda grad_q, wq, grad_k, wk: grad_q @ wq.T + grad_k @ wk.T),
    ("convolution", "b", lambda xp, grad_y: xp.sum(grad_y[:, :, 1:], axis=(0, 2, 3))),
    ("rnn_step", "a1", lambda grad_h1: grad_h1),
    ("rnn_step", "wh", lambda h1, grad_a2: h1.T @ grad_a2),
    ("rnn_step", "wx", lambda x1, grad_a1: x1.T @ grad_a1),
    ("rnn_step", "b", lambda xp, grad_a2: xp.sum(grad_a2, axis=0)),
    ("gelu", "h", lambda grad_y, t: grad_y * (1 + t) / 2),
    ("norm", "x", lambda grad_unit, length: grad_unit / length),
    ("log_sum_exp", "x", lambda xp, grad_lse, x: grad_lse[:, None] * xp.exp(x)),
    (
        "embedding_lookup",
        "table",
        lambda xp, table, index, grad_e: xp.stack(
            [grad_e[[*(index == r)].index(True)] if (index == r).any() else 0 * grad_e[0] for r in range(len(table))]
        ),
    ),
]


@pytest.mark.parametrize(("name", "line", "wrong"), DROPPED, ids=[f"{name}.{line}" for name, line, _ in DROPPED])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_dropped_term_mask_or_path_is_named(name, line, wrong, library):
    module = ALL[name]
    inputs = module.draw(0) if library == "numpy" else as_torch(module.draw(0))
    report = module.derivation.replace(**{line: wrong}).check(inputs)
    assert report.first_wrong == line
    assert wrong_lines(report) == [line]
