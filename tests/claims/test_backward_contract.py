"""What a backward pass owes, however it is asked: for check(inputs=), check_module and check_kernel alike."""

import re

import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")


class Product(torch.autograd.Function):
    """x·w, and x + w; w one row. Each mistake below changes the backward only."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @classmethod
    def gradients(cls, ctx, c):
        x, w = ctx.saved_tensors
        return c * w, (c * x).sum(0)

    @staticmethod
    def backward(ctx, c):
        return Product.gradients(ctx, c)


def mistaken(backward, forward=Product.forward):
    made = type(
        "Mistaken", (torch.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )
    return made.apply


def as_if_contiguous(ctx, c):
    storage = c.untyped_storage().nbytes() // c.element_size() - c.storage_offset()
    flat = torch.as_strided(c, (min(c.numel(), storage),), (1,))
    c = torch.cat([flat, torch.zeros(c.numel() - len(flat), dtype=c.dtype)]).reshape(c.shape)
    return Product.gradients(ctx, c)


def not_written(ctx, c):
    dx, dw = Product.gradients(ctx, c)
    out = torch.empty_like(dx)
    out[:5] = dx[:5]
    return out, dw


def out_of_bounds(ctx, c):
    x, w = ctx.saved_tensors
    storage = x.untyped_storage().nbytes() // x.element_size() - x.storage_offset()
    past = (
        torch.as_strided(x, (1,), (1,), x.storage_offset() + x.numel())
        if storage > x.numel()
        else torch.zeros(1, dtype=x.dtype)
    )
    return c * w + 0 * past, (c * x).sum(0)


def changes_cotangent(ctx, c):
    dx, dw = Product.gradients(ctx, c)
    c.zero_()
    return dx, dw


def wrong_alone(ctx, c):
    dx, dw = Product.gradients(ctx, c)
    return (dx if ctx.needs_input_grad[1] else 2 * dx), dw


BREACHES = [
    (as_if_contiguous, "reads its cotangent as if it were contiguous"),
    (not_written, r"reads fresh memory that nothing was written to: dx is NaN at 12 of 32 entries|dx is NaN"),
    (out_of_bounds, "reads outside its inputs: dx"),
    (changes_cotangent, "changes its cotangent in place"),
    (wrong_alone, "is another where w needs no gradient: dx"),
]


def inputs(dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(8, 4, generator=rng, dtype=torch.float64).to(dtype), torch.randn(4, generator=rng).to(dtype)


def test_a_right_backward_owes_nothing():
    report = gc.check(Product.apply, inputs=inputs())
    assert report.verdict is gc.Verdict.PASS
    assert report.contract_evaluations > 3


@pytest.mark.parametrize(("backward", "said"), BREACHES)
def test_each_breach_of_an_inputs_claim_is_a_sentence(backward, said):
    report = gc.check(mistaken(backward), inputs=inputs())
    assert report.verdict is gc.Verdict.FAIL
    assert re.search(said, report.complaint) or backward is not_written, report.complaint  # what it held may not repeat


@pytest.mark.parametrize(("backward", "said"), BREACHES)
def test_each_breach_of_a_kernel_is_a_sentence(backward, said):
    report = gc.check_kernel(mistaken(backward), lambda x, w: x * w, inputs(torch.bfloat16))
    assert report.verdict is gc.Verdict.FAIL
    assert re.search(said, report.complaint) or backward is not_written, str(report)


def test_a_module_is_asked_too():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(inputs()[1])

        def forward(self, x):
            return mistaken(as_if_contiguous)(x, self.w)

    report = gc.check_module(Layer(), inputs()[0])
    assert "as if it were contiguous" in report.complaint


def two_outputs(ctx, x, w):
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, w)
    return x * w, x + w


def needs_both(ctx, c, d):
    x, w = ctx.saved_tensors
    return c * w + d, (c * x + d).sum(0)


@pytest.mark.parametrize("check", ["inputs", "kernel"])
def test_an_output_that_is_not_used_has_no_cotangent(check):
    f = mistaken(needs_both, two_outputs)
    report = (
        gc.check(f, inputs=inputs()) if check == "inputs" else gc.check_kernel(f, lambda x, w: (x * w, x + w), inputs())
    )
    assert "fails where only some outputs are used" in report.complaint


def test_a_cotangent_that_is_refused_loudly_is_a_note():
    def backward(ctx, c):
        return Product.gradients(ctx, c.view(-1).view(c.shape))

    report = gc.check_kernel(mistaken(backward), lambda x, w: x * w, inputs(torch.bfloat16))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any("refuses" in note and ".contiguous()" in note for note in report.notes)


def test_a_cotangent_may_be_overwritten_where_that_is_meant():
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        dw = (c * x).sum(0)
        return c.mul_(w), dw

    given = mistaken(backward), (lambda x, w: x * w), inputs(torch.bfloat16)
    assert "changes its cotangent" in gc.check_kernel(*given).complaint
    assert gc.check_kernel(*given, inplace_cotangent=True)


def test_what_differs_from_call_to_call_is_a_note_or_a_failure():
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        dw = torch.zeros_like(w)
        for i in torch.randperm(len(x)):
            dw = dw + (c * x)[i]
        return c * w, dw

    given = mistaken(backward), (lambda x, w: x * w), inputs(torch.float32)
    report = gc.check_kernel(*given)
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any(re.search(r"differs from call to call: dw by \d", note) for note in report.notes)
    assert "differs from call to call" in gc.check_kernel(*given, deterministic=True).complaint


def test_a_row_alone_is_what_it_is_in_its_batch():
    def mixed(ctx, c):
        dx, dw = Product.gradients(ctx, c)
        return dx + 0.1 * dx.mean(0), dw

    def reference(x, w):
        return x * w

    fine = gc.check_kernel(Product.apply, reference, inputs(torch.bfloat16), batch_axis=0)
    assert any("a row alone is what it is in its batch, to the bit" in note for note in fine.notes)
    report = gc.check_kernel(mistaken(mixed), reference, inputs(torch.bfloat16), batch_axis=0)
    assert "another alone than in its batch" in report.complaint
