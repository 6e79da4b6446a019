"""Training: the losses of hand-sized problems, options refused by name, divergence said once."""

import pickle
import sys

import numpy as np
import pytest

from gradcheck import errors, two_layer_relu
from gradcheck.two_layer_relu.problem import Problem, Shape, draw
from gradcheck.two_layer_relu.training import descend, prepare, train

BACKENDS = ["numpy", "torch"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    if request.param == "torch":
        pytest.importorskip("torch")
    return request.param


def one_number_each():
    # loss = (relu(w1)·w2 − 4)², all of it by hand: x = 1, y = 4, w1 = 1, w2 = 2.
    return Problem(*(np.array([[number]]) for number in (1.0, 4.0, 1.0, 2.0)))


def test_two_steps_worked_out_on_paper(backend):
    # t=0: y_pred = 2, loss 4, grad_w1 = 2·(−2)·2 = −8, grad_w2 = −4; with lr = 1/16: w1 = 3/2, w2 = 9/4.
    # t=1: y_pred = 27/8, loss 25/64.
    losses, trained = train(one_number_each(), steps=2, lr=1 / 16, backend=backend)
    assert losses == [4, 25 / 64]
    # grad_w1 = 2·(−5/8)·9/4 = −45/16, grad_w2 = 2·(−5/8)·3/2 = −15/8.
    assert trained.w1.item() == 3 / 2 + 45 / 256
    assert trained.w2.item() == 9 / 4 + 15 / 128


def test_the_callers_weights_are_not_changed(backend):
    problem = one_number_each()
    train(problem, steps=2, lr=1 / 16, backend=backend)
    assert [array.item() for array in problem] == [1, 4, 1, 2]


def test_descend_yields_each_loss_as_it_comes():
    problem = one_number_each()
    losses = descend(problem, steps=500, lr=1 / 16)
    assert next(losses) == 4
    assert problem.w1.item() == 3 / 2
    assert next(losses) == 25 / 64


def test_the_full_size_network_learns_its_data(backend):
    losses, _ = train(draw(), backend=backend)
    assert len(losses) == 500
    assert losses[-1] < 1e-9 * losses[0]  # each of the printed runs falls by a factor of 1e12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_of_the_problem_is_that_of_the_training(backend, dtype):
    _, trained = train(draw(Shape(2, 3, 4, 1), dtype=dtype), steps=3, backend=backend)
    assert all(str(array.dtype).endswith(dtype) for array in trained)


@pytest.mark.parametrize("empty", Shape._fields)
def test_empty_problems_train_on_an_empty_sum(backend, empty):
    losses, _ = train(draw(Shape(2, 3, 4, 1)._replace(**{empty: 0})), steps=3, backend=backend)
    assert losses == [losses[0]] * 3


def test_no_steps_give_no_losses(backend):
    assert train(one_number_each(), steps=0, backend=backend).losses == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_divergence_names_the_step_and_keeps_the_losses(backend, dtype):
    with pytest.raises(
        errors.DivergenceError, match=r"with lr=0.001: the loss of step \d+ is .* pass a smaller"
    ) as caught:
        train(draw(dtype=dtype), lr=1e-3, backend=backend)
    error = caught.value
    assert f"step {error.step} " in str(error)
    assert len(error.losses) == error.step > 0
    assert np.isfinite(error.losses).all()
    assert pickle.loads(pickle.dumps(error)).losses == error.losses  # noqa: S301


UNUSABLE = {
    "steps negative": ({"steps": -1}, "steps is -1, wanted an integer of at least 0"),
    "steps a float": ({"steps": 5.0}, "steps is 5.0, wanted an integer"),
    "steps a truth value": ({"steps": True}, "steps is True, wanted an integer"),
    "lr zero": ({"lr": 0}, "lr is 0, wanted a positive finite number"),
    "lr NaN": ({"lr": float("nan")}, "lr is nan, wanted a positive finite number"),
    "lr infinite": ({"lr": float("inf")}, "lr is inf, wanted a positive finite number"),
    "lr a word": ({"lr": "fast"}, "lr is 'fast', wanted a positive finite number"),
    "backend unknown": ({"backend": "jax"}, "backend is 'jax', wanted one of numpy, torch"),
    "NumPy elsewhere": ({"device": "cuda"}, "device is 'cuda', but NumPy computes on 'cpu'"),
}


@pytest.mark.parametrize(("options", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(errors.ArgumentError, match=message):
        train(one_number_each(), **options)


def test_descend_refuses_at_once_and_not_at_the_first_loss():
    with pytest.raises(errors.ArgumentError, match="steps is -1"):
        descend(one_number_each(), steps=-1)


def test_nan_in_the_data_is_refused_before_the_first_step(backend):
    problem = one_number_each()
    with pytest.raises(errors.ArgumentError, match="y holds NaN or infinite numbers"):
        prepare(problem._replace(y=problem.y * np.nan), backend=backend)


def test_without_torch_its_backend_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "gradcheck.two_layer_relu.torch_core", raising=False)
    monkeypatch.delattr(two_layer_relu, "torch_core", raising=False)
    with pytest.raises(errors.UnsupportedError, match=r"pip install 'gradcheck\[torch\]'"):
        train(one_number_each(), backend="torch")
