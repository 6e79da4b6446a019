"""Whatever a kernel, its backward or a reference returns, the first time or later: a Report or a sentence."""

import warnings

import numpy as np
import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")

PUBLIC = (gc.Report, gc.ArgumentError, gc.UnsupportedError)


async def asynchronous(*_):
    return 1.0


def cyclic(*_):
    loop = [torch.ones(2)]
    loop.append(loop)
    return loop


TENSORS = {
    "complex": lambda x: torch.tanh(x) * (1 + 1j),
    "two": lambda x: (torch.tanh(x), x),
    "another shape": lambda x: torch.tanh(x)[:1],
    "empty": lambda x: torch.tanh(x)[:0],
    "a scalar": lambda x: torch.tanh(x).sum(),
    "no data": lambda x: torch.tanh(x).to("meta"),
    "sparse": lambda x: torch.tanh(x).to_sparse(),
    "nested": lambda x: torch.nested.as_nested_tensor(list(torch.tanh(x))),
    "no tensor": lambda _: np.ones((2, 3)),
    "no gradient": lambda x: torch.tanh(x).detach(),
    "another dtype": lambda x: torch.tanh(x).half(),
    "integers": lambda _: torch.ones(2, 3, dtype=torch.int64),
    "a dict": lambda x: {"a": torch.tanh(x)},
    "None": lambda _: None,
    "asynchronous": asynchronous,
    "a cycle": cyclic,
    "an error": lambda _: 1 / 0,
}
ARRAYS = {
    "None": lambda *_: None,
    "a float": lambda *_: 1.0,
    "an object": lambda *_: object(),
    "a string": lambda *_: "ab",
    "another shape": lambda *_: np.ones(2),
    "two": lambda c, x: (c, x),
    "a name": lambda c, _: {"no": c},
    "a tensor": lambda *_: torch.ones(2, 3),
    "complex": lambda c, x: 2 * c * x * (1 + 0j),
    "integers": lambda *_: np.ones((2, 3), int),
    "objects": lambda *_: np.full((2, 3), None),
    "a list": lambda *_: [[1.0]],
    "asynchronous": asynchronous,
    "an error": lambda *_: 1 / 0,
}


def from_call(number, other, usual):
    """Return a function that is `usual`, and `other` from a call of that number on."""
    calls = [0]

    def function(*args):
        calls[0] += 1
        return usual(*args) if calls[0] <= number else other(*args)

    return function


def answered(*args):
    """Return the report, or the sentence of a public error; fails on any other."""
    try:
        report = gc.check_kernel(*args)
    except gc.GradcheckError as error:
        assert type(error) in PUBLIC  # noqa: PT017  or it is a report
        return str(error)
    str(report)
    report.to_json()
    return report


@pytest.fixture
def point():
    return torch.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()


@pytest.fixture
def numpy_point():
    return np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_torch_function_that_returns_anything_from_some_call_on(name, number, point):
    kernel = answered(from_call(number, TENSORS[name], torch.tanh), torch.tanh, (point,))
    if name not in {"another dtype", "a dict", "no gradient"} and number < 2:
        assert isinstance(kernel, str) or kernel.verdict is gc.Verdict.FAIL or name == "two"
    reference = answered(torch.tanh, from_call(number, TENSORS[name], torch.tanh), (point,))
    assert isinstance(reference, str) or reference.verdict is not gc.Verdict.FAIL or number == 0


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.filterwarnings("ignore:__array")  # NumPy's operations on a tensor
def test_a_pair_that_returns_anything_from_some_call_on(name, number, numpy_point):
    def forward(x):
        return x**2

    def backward(c, x):
        return 2 * c * x

    def both(x):
        return x**2, x

    other = ARRAYS[name]
    once = lambda x: other(x, x)  # noqa: E731  the same for a forward
    for kernel in (
        (forward, from_call(number, other, backward)),
        (from_call(number, once, forward), backward),
        (from_call(number, once, both), lambda c, cache: 2 * c * cache),
    ):
        answered(kernel, forward, (numpy_point,))
    answered((forward, backward), (forward, from_call(number, other, backward)), (numpy_point,))
    answered((forward, backward), (from_call(number, once, forward), backward), (numpy_point,))
    answered((forward, backward), from_call(number, once, lambda x: np.array(x) ** 2), (numpy_point,))


def test_what_differs_from_call_to_call_is_told(point):
    report = answered(from_call(1, lambda x: torch.tanh(x)[:1], torch.tanh), torch.tanh, (point,))
    assert "returns output of shape (1, 3), and of shape (2, 3) in another call" in report.complaint
    report = answered(from_call(1, lambda x: torch.tanh(x).detach(), torch.tanh), torch.tanh, (point,))
    assert "gives darg0 in one call and None in another" in report.complaint
    sentence = answered(torch.tanh, from_call(1, lambda x: (torch.tanh(x), x), torch.tanh), (point,))
    assert "in the reference function: returns 2 outputs, and 1 in another call" in sentence


def test_a_complex_output_is_held_against_a_complex_one(point):
    report = answered(lambda x: torch.tanh(x) * (1 + 0j), torch.tanh, (point,))
    assert report.complaint == "output is complex, the reference gives a real one"


def test_a_sparse_gradient_is_judged():
    def embedded(weight):
        return torch.nn.functional.embedding(torch.tensor([0, 2]), weight, sparse=True)

    weight = torch.linspace(-1, 1, 6).reshape(3, 2).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Torch's own
        report = answered(embedded, lambda weight: weight[[0, 2]], (weight,))
    assert report.verdict is gc.Verdict.PASS


def test_gradients_of_nested_arguments_are_found_by_their_place(numpy_point):
    def forward(parts):
        return parts["a"] * parts["b"][0]

    def backward(c, parts):
        return {"b": [c * parts["a"]], "a": c * parts["b"][0]}  # in another order

    parts = {"a": numpy_point, "b": [numpy_point + 1]}
    report = gc.check_kernel((forward, lambda c, parts: (backward(c, parts),)), forward, (parts,))
    assert report.verdict is gc.Verdict.PASS
    wrong = gc.check_kernel((forward, lambda c, _: ([c],)), forward, (parts,))
    assert "a list for an argument that holds 2 arrays" in wrong.complaint
