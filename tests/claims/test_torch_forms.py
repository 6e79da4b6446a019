import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import ArgumentError, UnsupportedError

torch = pytest.importorskip("torch")

from gradcheck.claims import torch_module  # noqa: E402  after the skip

F = torch.nn.functional


def tensor(*values, grad=True, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype).requires_grad_(grad)


class Cube(torch.autograd.Function):
    """x³, with what is saved and returned under control of the tests."""

    factor = 3.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @classmethod
    def slope(cls, x):
        return cls.factor * x**2

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * 3 * x**2


class HalfCube(Cube):
    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * 1.5 * x**2


class OnceCube(Cube):
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * 3 * x**2


class Scaled(torch.autograd.Function):
    """a·x; the gradient of a is computed only if it is wanted."""

    @staticmethod
    def forward(ctx, a, x):
        ctx.save_for_backward(a, x)
        return a * x

    @staticmethod
    def backward(ctx, dy):
        a, x = ctx.saved_tensors
        return (dy * x).sum() if ctx.needs_input_grad[0] else None, a * dy


X = tensor(0.5, -1.5, 2.0)


def verdict(*args, **options):
    return str(gc.check(*args, **options).verdict)


# Functions -----------------------------------------------------------------------------------------------------


def test_a_right_backward_of_ones_own_passes_and_a_wrong_one_is_told():
    assert verdict(Cube.apply, inputs=(X,)) == "PASS"
    report = gc.check(HalfCube.apply, inputs=(X,))
    assert str(report.verdict) == "FAIL"
    assert report.title == "HalfCube"
    assert "0.5 x" in str(report) or "factor 2" in str(report)


def test_a_tensor_alone_stands_for_a_tuple_of_one():
    assert verdict(Cube.apply, inputs=X) == "PASS"


def test_inputs_that_require_a_gradient_are_judged_and_all_where_none_does():
    frozen, plain = tensor(2.0, grad=False), tensor(1.0, 2.0, grad=False)
    one = gc.check(lambda a, x: a * x, inputs=(frozen, X))
    assert [argument.name for argument in one] == ["x"]
    both = gc.check(lambda a, x: a * x, inputs=(frozen, plain))
    assert [argument.name for argument in both] == ["a", "x"]
    assert str(both.verdict) == "PASS"


def test_a_backward_that_skips_what_is_not_needed_passes():
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert verdict(Scaled.apply, inputs=(a, X)) == "PASS"
    assert verdict(Scaled.apply, inputs=(a.detach(), X)) == "PASS"


def test_inputs_by_name_are_passed_by_name_with_others_beside():
    def f(x, power, *, shift):
        return (x + shift) ** power

    report = gc.check(f, inputs={"x": X, "power": 3}, kwargs={"shift": 0.25})
    assert str(report.verdict) == "PASS"
    assert report["x"].shape == (3,)


def test_functions_of_several_outputs_are_judged_whole():
    assert verdict(lambda x: (x**2, x.sum(), 7), inputs=(X,)) == "PASS"
    assert verdict(lambda x: {"a": x**2, "b": torch.sin(x)}, inputs=(X,)) == "PASS"


def test_an_output_that_depends_on_no_input_has_gradient_zero():
    report = gc.check(lambda x: torch.ones(3, dtype=x.dtype) * 2, inputs=(X,))
    assert str(report.verdict) == "PASS"
    assert not report[0].error.relative


def test_an_input_that_is_not_used_has_gradient_zero():
    report = gc.check(lambda x, y: x**2, inputs=(X, X.detach().clone().requires_grad_()))  # noqa: ARG005
    assert str(report.verdict) == "PASS"
    assert not report["y"].error.relative


def test_a_detached_path_is_a_wrong_gradient():
    report = gc.check(lambda x: x * x.detach(), inputs=(X,))
    assert str(report.verdict) == "FAIL"


def test_a_function_that_works_in_place_on_its_copy_is_judged():
    def f(x):
        y = x.clone()
        y.mul_(2)
        return y

    assert verdict(f, inputs=(X,)) == "PASS"


def test_grad_mode_of_the_caller_does_not_matter():
    with torch.no_grad():
        assert verdict(Cube.apply, inputs=(X,)) == "PASS"


def test_inference_mode_of_the_caller_does_not_matter():
    with torch.inference_mode():
        x = tensor(1.0, -2.0, grad=False)
        assert gc.check(lambda x: (x**3).sum(), inputs=(x,))
    assert gc.check(lambda x: (x**3).sum(), inputs=(x,))


def test_a_gradient_may_run_autograd_where_its_argument_requires_a_gradient():
    def loss(x):
        return (x**3).sum()

    def backward(x):
        loss(x).backward()
        return x.grad

    x = tensor(1.0, -2.0, 0.5)
    assert gc.check(loss, lambda x: torch.autograd.grad(loss(x), x)[0], (x,))
    assert gc.check(loss, backward, (x,))
    assert gc.check(lambda x: (loss(x), torch.autograd.grad(loss(x), x)[0]), args=(x,))
    assert gc.check(loss, lambda x: 2 * torch.autograd.grad(loss(x), x)[0], (x,)).verdict is gc.Verdict.FAIL
    assert x.grad is None


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.ones(3, device="meta"), "x is on meta, wanted a dense tensor"),
        (torch.eye(3).to_sparse(), "x is of layout torch.sparse_coo, wanted a dense tensor"),
    ],
)
def test_tensors_whose_entries_cannot_move_one_by_one_are_refused(x, words):
    with pytest.raises(ArgumentError, match=words):
        gc.check(lambda x: (x.to_dense() ** 2).sum(), lambda x: 2 * x, (x,))
    with pytest.raises(ArgumentError, match=words):
        gc.check(lambda x: (x.to_dense() ** 2).sum(), inputs=(x,), names=["x"])


def test_a_function_that_leaves_torch_has_no_backward_to_judge():
    with pytest.raises(ArgumentError, match="f returned float, wanted a tensor: inputs= judges Torch's own backward"):
        gc.check(lambda x: (x**2).sum().item(), inputs=(tensor(1.0),))


def test_complex_inputs_follow_torchs_convention():
    z = torch.tensor([1 + 2j, -0.5 + 0.25j], dtype=torch.complex128, requires_grad=True)
    assert verdict(lambda z: (z**2).abs() ** 2, inputs=(z,)) == "PASS"
    assert verdict(lambda z: z**2, inputs=(z,)) == "PASS"


def test_inputs_without_a_tensor_are_refused():
    with pytest.raises(ArgumentError, match="inputs= has no Torch tensor: pass args= and gradient= for functions of"):
        gc.check(lambda x: x, inputs=(np.array([1.0]),))


# Double backward -----------------------------------------------------------------------------------------------


def test_the_backward_of_the_backward_is_judged_with_order_two():
    report = gc.check(Cube.apply, inputs=(X,), order=2)
    assert str(report.verdict) == "PASS"
    assert "(double backward)" in report.title


def test_order_two_by_name_and_with_constants_beside():
    report = gc.check(lambda x, n: (x**n).sum(), inputs={"x": X, "n": 3}, order=2)
    assert str(report.verdict) == "PASS"
    unused = gc.check(lambda x, y: (x**3, y), inputs=(X, tensor(1.0, 2.0)), order=2)
    assert str(unused["x"].verdict) == "PASS"


def test_a_backward_that_is_wrong_when_differentiated_is_told():
    class Stale(Cube):
        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return dy * 3 * x * x.detach()

    assert verdict(Stale.apply, inputs=(X,)) == "PASS"
    assert verdict(Stale.apply, inputs=(X,), order=2) == "FAIL"


def test_a_once_differentiable_backward_is_judged_once_and_refused_twice_in_a_sentence():
    assert verdict(OnceCube.apply, inputs=(X,)) == "PASS"
    for f in (OnceCube.apply, lambda x: 2 * OnceCube.apply(torch.sin(x)) + x**2):
        with pytest.raises(UnsupportedError, match=r"has a backward marked once_differentiable, .* order=1") as caught:
            gc.check(f, inputs=(X,), order=2)
        assert "\n" not in str(caught.value)


# Modules -------------------------------------------------------------------------------------------------------


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()


def test_modules_are_told_from_functions():
    assert torch_module.is_module(network())
    assert not torch_module.is_module(network)


def test_a_module_is_judged_in_its_input_and_every_parameter():
    report = gc.check_module(network(), tensor(0.5, -1.5, 2.0, grad=False))
    assert str(report.verdict) == "PASS"
    assert {argument.name for argument in report} == {"input", "0_weight", "0_bias", "2_weight", "2_bias"}
    assert report.title == "Sequential"


def test_frozen_parameters_are_constants():
    module = network()
    module[0].requires_grad_(requires_grad=False)
    report = gc.check_module(module, tensor(0.5, -1.5, 2.0))
    assert str(report.verdict) == "PASS"
    assert {argument.name for argument in report} == {"input", "2_weight", "2_bias"}


def test_a_modules_own_buffers_stay_as_they_are():
    module = torch.nn.BatchNorm1d(3).double()
    before = module.running_mean.clone()
    report = gc.check_module(module, torch.tensor([[0.5, 1.0, -2.0], [1.5, -0.25, 1.0], [0.1, 0.2, 0.3]]).double())
    assert str(report.verdict) == "PASS"
    assert torch.equal(module.running_mean, before)


def test_modules_of_several_inputs_and_of_integer_inputs():
    assert verdict(torch.nn.Bilinear(2, 3, 2).double(), inputs=(tensor(1.0, -0.5), tensor(0.5, 1.5, -2.0))) == "PASS"
    embedding = torch.nn.Embedding(5, 2).double()
    report = gc.check_module(embedding, torch.tensor([1, 3, 3]))
    assert str(report.verdict) == "PASS"
    assert [argument.name for argument in report] == ["weight"]


def test_a_parameter_called_like_an_input_is_told_apart():
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.input = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))

        def forward(self, x):
            return self.input * x

    report = gc.check_module(Odd(), tensor(1.0, 3.0))
    assert {argument.name for argument in report} == {"input", "parameter_input"}
    assert str(report.verdict) == "PASS"


def test_a_float32_module_is_judged_in_float64_and_its_accuracy_apart():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, affine=False)).eval()
    module[0].weight.requires_grad_(requires_grad=False)
    report = gc.check_module(module, torch.tensor([[0.5, 1.0, -2.0], [1.5, -0.25, 1.0]]))
    assert str(report.verdict) == "PASS"
    assert report["input"].dtype == "float32"
    assert report["input"].accuracy.dtype == "float32"
    assert report["input"].error.high < 1e-6


def test_an_output_that_carries_no_gradient_beside_others_is_left_out_and_said():
    report = gc.check(lambda x: (x**2, x.detach() ** 3), inputs=(tensor(1.0, -0.5),))
    assert str(report.verdict) == "PASS"
    note = "not checked: output.1 carries no gradient (detached, or marked as not differentiable)"
    assert report.notes == (note,)
    assert verdict(lambda x: (x.detach() ** 2, x.detach()), inputs=(tensor(1.0, -0.5),)) == "FAIL"


def test_layer_norm_returns_its_statistics_without_a_gradient():
    report = gc.check(lambda x: torch.native_layer_norm(x, [3], None, None, 1e-5), inputs=(tensor(1.0, -0.5, 3.0),))
    assert str(report.verdict) == "PASS"
    assert "output.1, output.2" in report.notes[0]


# Structures ----------------------------------------------------------------------------------------------------


class WrongState(torch.autograd.Function):
    """The identity, whose backward is off by 1 %."""

    @staticmethod
    def forward(ctx, x):  # noqa: ARG004  nothing to keep
        return x.clone()

    @staticmethod
    def backward(ctx, dy):  # noqa: ARG004
        return 1.01 * dy


@pytest.mark.parametrize("where", ["out", "h", "c", None])
def test_an_lstm_is_judged_in_its_states_too(where):
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, 4)

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = lstm

        def forward(self, x):
            out, (h, c) = self.lstm(x)
            parts = {"out": out, "h": h, "c": c}
            if where is not None:
                parts[where] = WrongState.apply(parts[where])
            return parts["out"], (parts["h"], parts["c"])

    report = gc.check_module(Wrapped(), torch.randn(5, 3))
    assert str(report.verdict) == ("PASS" if where is None else "FAIL")


def test_lists_and_dicts_of_tensors_are_one_input():
    parts = [tensor(1.0, -0.5), tensor(2.0, 0.25)]
    report = gc.check(lambda parts: (parts[0] * parts[1]).sum(), inputs=(parts,))
    assert report
    assert [a.name for a in report] == ["parts.0", "parts.1"]
    assert gc.check(lambda p: p["a"] ** 3, inputs=({"a": tensor(1.0)},))

    class Joined(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))

        def forward(self, parts, scale=1.0):
            return torch.cat([WrongState.apply(p) * self.w for p in parts]) * scale

    report = gc.check_module(Joined(), ([torch.randn(2), torch.randn(2)],))
    assert [a.name for a in report if str(a.verdict) == "FAIL"] == ["input.0", "input.1"]
    report = gc.check_module(Joined(), {"parts": [torch.randn(2)], "scale": torch.tensor(2.0)})
    assert [str(report[n].verdict) for n in ("parts.0", "scale", "w")] == ["FAIL", "PASS", "PASS"]


def test_inputs_of_a_module_without_requires_grad_are_left_alone_where_others_have_it():
    layer = torch.nn.Bilinear(2, 2, 3)
    report = gc.check_module(layer, (torch.randn(4, 2, requires_grad=True), torch.randn(4, 2)))
    assert report.unchecked == ("input1 (requires_grad=False)",)
    assert gc.check_module(layer, (torch.randn(4, 2), torch.randn(4, 2))).unchecked == ()


def test_a_module_that_cannot_be_copied_is_judged_as_it_is():
    class Locked(torch.nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle '_thread.lock' object")

    assert gc.check_module(Locked(2, 3), torch.randn(4, 2))


class OnlyInputs(torch.autograd.Function):
    """x³, whose double backward drops the part of grad_output."""

    @staticmethod
    def forward(ctx, x, right):
        ctx.save_for_backward(x)
        ctx.right = right
        return x**3

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return CubeBackward.apply(x, dy, ctx.right), None


class CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dy, right):
        ctx.save_for_backward(x, dy)
        ctx.right = right
        return 3 * x**2 * dy

    @staticmethod
    def backward(ctx, dg):
        x, dy = ctx.saved_tensors
        return 6 * x * dy * dg, 3 * x**2 * dg if ctx.right else None, None


@pytest.mark.parametrize("right", [True, False])
def test_a_double_backward_is_judged_in_grad_output_too(right):
    report = gc.check(lambda x: OnlyInputs.apply(x, right), inputs=(X,), order=2)
    assert [str(a.verdict) for a in report] == ["PASS", "PASS" if right else "FAIL"]
    assert [a.name for a in report] == ["x", "grad_output"]
