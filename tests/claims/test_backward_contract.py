"""What a backward pass owes, however it is asked: for check(inputs=), check_module and check_kernel alike."""

import itertools
import re

import pytest

import gradcheck as gc
from gradcheck.claims import backward_contract

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


def raises_alone(ctx, c):
    if not all(ctx.needs_input_grad):
        raise NotImplementedError("no such kernel")
    return Product.gradients(ctx, c)


BREACHES = [
    (as_if_contiguous, "reads its cotangent as if it were contiguous"),
    (not_written, r"reads fresh memory that nothing was written to: dx is NaN at 12 of 32 entries|dx is NaN"),
    (out_of_bounds, "reads outside its inputs: dx"),
    (changes_cotangent, "changes its cotangent in place"),
    (wrong_alone, "is another where w needs no gradient: dx"),
    (raises_alone, r"fails where \w needs no gradient \(.*no such kernel"),
]


def inputs(dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(8, 4, generator=rng, dtype=torch.float64).to(dtype), torch.randn(4, generator=rng).to(dtype)


def test_a_right_backward_owes_nothing():
    report = gc.check(Product.apply, inputs=inputs())
    assert report.verdict is gc.Verdict.PASS
    assert report.contract_evaluations > 3
    assert not report.notes


def test_where_the_forward_reads_outside_its_inputs_too_that_is_said():
    def outside(x):
        n = x.numel()
        last = n if x.untyped_storage().nbytes() // 8 > n + x.storage_offset() else n - 1
        return x.sum() + 0 * torch.as_strided(x, (1,), (1,), x.storage_offset() + last).sum()

    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = outside(x)
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, c):
            x, y = ctx.saved_tensors
            return c * torch.ones_like(x) + 0 * y

    report = gc.check(Forward.apply, inputs=(inputs()[0],))
    assert report.verdict is gc.Verdict.FAIL
    assert "reads outside its inputs: dx" in report.complaint
    assert "what the forward returns is another too" in report.complaint
    assert "forward returns" not in gc.check(mistaken(out_of_bounds), inputs=inputs()).complaint


@pytest.mark.parametrize(("backward", "said"), BREACHES)
def test_each_breach_of_an_inputs_claim_is_a_sentence(backward, said):
    report = gc.check(mistaken(backward), inputs=inputs())
    assert report.verdict is gc.Verdict.FAIL
    assert report.contract_evaluations >= 2  # what was called before the breach was seen
    assert re.search(said, report.complaint) or backward is not_written, report.complaint  # what it held may not repeat


@pytest.mark.parametrize(("backward", "said"), BREACHES)
def test_each_breach_of_a_kernel_is_a_sentence(backward, said):
    report = gc.check_kernel(mistaken(backward), lambda x, w: x * w, inputs(torch.bfloat16))
    assert report.verdict is gc.Verdict.FAIL
    assert re.search(said, report.complaint) or backward is not_written, str(report)


def test_only_entries_that_were_not_written_are_counted():
    complaint = gc.check(mistaken(not_written), inputs=inputs()).complaint
    count = re.search(r"dx is NaN at (\d+) of 32 entries", complaint)
    assert count is None or int(count[1]) <= 12, complaint  # fewer where the memory held NaN before


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


@pytest.mark.parametrize(("count", "alone"), [(2, 0), (3, 1), (5, 0), (5, 3)])
def test_of_several_outputs_each_is_asked_alone(count, alone):
    class Several(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return tuple(k * x for k in range(1, count + 1))

        @staticmethod
        def backward(ctx, *cotangents):  # noqa: ARG004  Torch calls it so
            total = sum(k * c for k, c in enumerate(cotangents, 1) if c is not None)
            return 2 * total if [i for i, c in enumerate(cotangents) if c is not None] == [alone] else total

    report = gc.check(Several.apply, inputs=(inputs()[1],))
    assert report.complaint.startswith("the backward is another where only some outputs are used: dx of each")


@pytest.mark.parametrize("count", [2, 4])
def test_several_outputs_that_are_right_alone_and_together_owe_nothing(count):
    report = gc.check(lambda x, w: tuple(k * Product.apply(x, w) for k in range(1, count + 1)), inputs=inputs())
    assert report, str(report)


@pytest.mark.parametrize("count", [2, 3, 5, 6, 7, 8, 9, 17])
def test_of_any_two_inputs_one_is_asked_for_without_the_other(count):
    subsets = backward_contract._asked_together(range(count))
    assert all(0 < len(subset) < count for subset in subsets)
    for i, j in itertools.permutations(range(count), 2):
        assert any(i in subset and j not in subset for subset in subsets)
    assert len(subsets) == 2**count - 2 if count <= 5 else len(subsets) <= 2 * count


class Squares(torch.autograd.Function):
    """A sum of squares of any number of arguments."""

    @staticmethod
    def forward(ctx, *xs):
        ctx.save_for_backward(*xs)
        return sum(x * x for x in xs)

    @staticmethod
    def backward(ctx, c):
        return tuple(2 * c * x for x in ctx.saved_tensors)


@pytest.mark.parametrize("count", [7, 8])
def test_a_right_backward_of_many_inputs_is_not_asked_with_every_subset(count):
    report = gc.check(Squares.apply, inputs=tuple(inputs()[1] + k for k in range(count)))
    assert report
    assert report.contract_evaluations < 2**6  # of 126, or 254


@pytest.mark.parametrize("count", [2, 5, 6, 7, 9])
@pytest.mark.parametrize("side", [1, -1])
def test_a_gradient_that_is_wrong_where_one_other_is_not_asked_for_is_found_among_any_number(count, side):
    class Wrong(Squares):
        @staticmethod
        def backward(ctx, c):
            first, *rest = Squares.backward(ctx, c)[::side]
            return (first if ctx.needs_input_grad[::side][-1] else 2 * first, *rest)[::side]

    report = gc.check(Wrong.apply, inputs=tuple(inputs()[1] + k for k in range(count)))
    assert report.complaint.endswith(f"needs no gradient: darg{1 if side == 1 else count}"), report.complaint


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

    torch.manual_seed(0)  # two orders of summation may give the same bits by chance
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


# The same options for check(inputs=) and check_module ------------------------------------------------------------


def test_an_inputs_claim_may_overwrite_its_cotangent_where_that_is_meant():
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        dw = (c * x).sum(0)
        return c.mul_(w), dw

    f = mistaken(backward)
    assert "inplace_cotangent=True" in gc.check(f, inputs=inputs()).complaint
    report = gc.check(f, inputs=inputs(), inplace_cotangent=True)
    assert report.verdict is gc.Verdict.PASS, str(report)

    def wrong(ctx, c):
        dx, dw = backward(ctx, c)
        return dx, 2 * dw

    assert gc.check(mistaken(wrong), inputs=inputs(), inplace_cotangent=True)["w"].verdict is gc.Verdict.FAIL


def in_any_order(ctx, c):
    x, w = ctx.saved_tensors
    dw = torch.zeros_like(w)
    for i in torch.randperm(len(x)):
        dw = dw + (c * x)[i]
    return c * w, dw


class Scaled(torch.nn.Module):
    """A function of x and the module's own w."""

    def __init__(self, function, w):
        super().__init__()
        self.function, self.w = function, torch.nn.Parameter(w)

    def forward(self, x):
        return self.function(x, self.w)


def test_another_order_of_summation_is_a_note_of_an_inputs_claim_or_a_failure():
    rng = torch.Generator().manual_seed(0)
    x, w = (torch.randn(*n, generator=rng, dtype=torch.float64).exp() for n in ((200, 4), (4,)))
    f = mistaken(in_any_order)
    report = gc.check(f, inputs=(x, w))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any(re.search(r"differs from call to call: dw by \d", note) for note in report.notes)
    for strict in (
        gc.check(f, inputs=(x, w), deterministic=True),
        gc.check_module(Scaled(f, w), x, deterministic=True),
    ):
        assert strict.verdict is gc.Verdict.FAIL
        assert "differs from call to call: dw" in strict.complaint
    assert gc.check(Product.apply, inputs=(x, w), deterministic=True)


def test_a_random_function_is_not_deterministic():
    def noisy(x, w):
        return Product.apply(x, w) * (1 + 1e-3 * torch.rand(()))

    assert "different answers" in gc.check(noisy, inputs=inputs(), deterministic=True).complaint


def test_rows_alone_are_asked_of_an_inputs_claim():
    def mixed(ctx, c):
        dx, dw = Product.gradients(ctx, c)
        return dx + 0.1 * dx.mean(0), dw

    fine = gc.check(Product.apply, inputs=inputs(), batch_axis=0)
    assert fine.verdict is gc.Verdict.PASS
    assert any("a row alone is what it is in its batch, to the bit" in note for note in fine.notes)
    assert (
        "mixes rows: row 0 of dx is another alone" in gc.check(mistaken(mixed), inputs=inputs(), batch_axis=0).complaint
    )
    named = gc.check(mistaken(mixed), inputs=inputs(), batch_axis={"x": 0})
    assert "mixes rows" in named.complaint


def test_a_function_that_couples_rows_is_told_so_and_not_blamed():
    def centred(x, w):
        return Product.apply(x - x.mean(0), w)

    report = gc.check(centred, inputs=inputs(), batch_axis=0)
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any("couples rows" in note for note in report.notes)


def test_parameters_and_masks_of_a_module_go_along_with_a_row():
    rng = torch.Generator().manual_seed(0)
    square = torch.randn(8, 8, generator=rng).double()

    class Masked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(square.clone())

        def forward(self, x, mask):
            return (x * mask) @ self.w

    report = gc.check_module(Masked(), (square.clone(), square > 0), batch_axis=0)
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any("a row alone is what it is in its batch" in note for note in report.notes)


@pytest.mark.parametrize("option", [{"deterministic": True}, {"inplace_cotangent": True}, {"batch_axis": 0}])
def test_what_a_backward_owes_is_asked_of_torch_alone(option):
    with pytest.raises(gc.ArgumentError, match="pass it together with inputs="):
        gc.check(lambda x: (x * x).sum(), lambda x: 2 * x, (inputs()[0],), **option)
    with pytest.raises(gc.ArgumentError, match="together with inputs=, order=1"):
        gc.check(Product.apply, inputs=inputs(), order=2, **option)


def test_a_row_that_cannot_be_asked_alone_is_the_callers_error():
    with pytest.raises(gc.ArgumentError, match="wanted names among"):
        gc.check(Product.apply, inputs=inputs(), batch_axis={"z": 0})
    with pytest.raises(gc.ArgumentError, match="but x has the shape"):
        gc.check(Product.apply, inputs=inputs(), batch_axis=5)


def test_a_large_backward_is_asked_everything_at_once():
    x, w = torch.randn(2048, 640), torch.randn(640)
    report = gc.check_kernel(Product.apply, lambda x, w: x * w, (x, w))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert report.contract_evaluations == 2
    assert any("transposed" in note and "2^20" in note for note in report.notes)
    for backward, said in BREACHES[:3]:
        report = gc.check_kernel(mistaken(backward), lambda x, w: x * w, (x, w))
        assert report.verdict is gc.Verdict.FAIL
        assert re.search(said.partition(":")[0], report.complaint) or backward is not_written, str(report)


# One thing wrong at a time ---------------------------------------------------------------------------------------


def test_a_cotangent_of_strides_of_zero_is_asked_for_by_itself():
    def backward(ctx, c):
        return Product.gradients(ctx, 2 * c if 0 in c.stride() else c)

    complaint = gc.check(mistaken(backward), inputs=inputs()).complaint
    assert "is another for one with strides of 0" in complaint


def test_of_a_backward_that_differs_from_call_to_call_only_what_was_not_written_is_a_breach():
    def backward(ctx, c):
        dx, dw = Product.gradients(ctx, c)
        fresh = torch.empty(1000, dtype=dw.dtype)  # so much is never all NaN by chance
        dw[0] = torch.nan if fresh.isnan().all() else 0.0
        return dx * (1 + 0.1 * torch.rand(())), dw

    complaint = gc.check(mistaken(backward), inputs=inputs()).complaint
    assert "dw is NaN at 1 of 4 entries" in complaint
    assert "dx" not in complaint
