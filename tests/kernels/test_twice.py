"""Double backward of kernels: the backward as a kernel of its own."""

import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")


class Cube(torch.autograd.Function):
    """y = x³·w, in float32 inside."""

    @staticmethod
    def forward(ctx, x, w, mistake):
        ctx.save_for_backward(x, w)
        ctx.mistake = mistake
        return (x.float() ** 3 * w.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        return *CubeBackward.apply(c, x, w, ctx.mistake), None


class CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, c, x, w, mistake):
        ctx.save_for_backward(c, x, w)
        ctx.mistake = mistake
        dtypes = x.dtype, w.dtype
        c, x, w = (t.float() for t in (c, x, w))
        return (3 * c * x**2 * w).to(dtypes[0]), (c * x**3).sum(0).to(dtypes[1])

    @staticmethod
    def backward(ctx, a, b):
        kept = ctx.saved_tensors
        c, x, w, a, b = (t.float() for t in (*kept, a, b))
        dc = 3 * a * x**2 * w + (0 if ctx.mistake == "grad_output" else b * x**3)
        dx = 6 * c * a * x * w + (0 if ctx.mistake == "x" else 3 * b * c * x**2)
        dw = (3 * a * c * x**2).sum(0)
        return *(g.to(t.dtype) for g, t in zip((dc, dx, dw), kept, strict=True)), None


def reference(x, w):
    return x**3 * w


def inputs(dtype):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(24, 40, generator=rng).to(dtype), torch.randn(40, generator=rng).to(dtype)


def kernel(mistake=""):
    return lambda x, w: Cube.apply(x, w, mistake)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mistake", ["", "grad_output", "x"])
def test_a_double_backward_is_judged_in_the_inputs_and_in_grad_output(dtype, mistake):
    report = gc.check_kernel(kernel(mistake), reference, inputs(dtype), order=2)
    assert [a.name for a in report] == ["output dx", "output dw", "x", "w", "grad_output"]
    wrong = [a.name for a in report if a.verdict is not gc.Verdict.PASS]
    assert wrong == ([mistake] if mistake else [])
    assert gc.check_kernel(kernel(mistake), reference, inputs(dtype)).verdict is gc.Verdict.PASS


def test_what_is_not_judged_is_named():
    once = gc.check_kernel(kernel(), reference, inputs(torch.bfloat16))
    assert any("not judged: double backward (order=2 does), offsets beyond 2^31" in note for note in once.notes)
    twice = gc.check_kernel(kernel(), reference, inputs(torch.bfloat16), order=2)
    assert not any("double backward" in note for note in twice.notes)
    assert twice.title.endswith("(double backward)")


def test_a_module_is_asked_twice_too():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(inputs(torch.float32)[1])

        def forward(self, x):
            return Cube.apply(x, self.w, "x")

    report = gc.check_kernel(Layer(), reference, (inputs(torch.float32)[0],), order=2)
    assert report["x"].verdict is gc.Verdict.FAIL
    assert report["w"].verdict is report["grad_output"].verdict is gc.Verdict.PASS


def test_a_backward_that_cannot_be_differentiated_fails():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, c):
            return 2 * ctx.saved_tensors[0] * c

    report = gc.check_kernel(Once.apply, lambda x: x * x, inputs(torch.float32)[:1], order=2)
    assert report.verdict is gc.Verdict.FAIL
    assert "once_differentiable" in report.complaint


@pytest.mark.parametrize(("given", "words"), [({"order": 3}, "order=3"), ({"order": True}, "order=True")])
def test_another_order_is_refused(given, words):
    with pytest.raises(gc.ArgumentError, match=words):
        gc.check_kernel(kernel(), reference, inputs(torch.float32), **given)


def test_a_pair_has_no_double_backward():
    with pytest.raises(gc.ArgumentError, match="wanted callables of Torch"):
        gc.check_kernel((lambda x: x, lambda c, x: c), lambda x: x, inputs(torch.float32)[:1], order=2)  # noqa: ARG005
