"""check_kernel: right kernels of every form pass, wrong ones fail with the right words."""

import re

import numpy as np
import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")
BF16 = torch.bfloat16


class RMSNorm(torch.autograd.Function):
    """x of any dtype, w of another, float32 inside."""

    @staticmethod
    def forward(ctx, x, w, eps, mistake=""):
        wide = x.float()
        r = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, w, r)
        ctx.mistake = mistake
        return (wide * r * w).to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        x, w, r = ctx.saved_tensors
        c, h = c.float(), x.float() * r
        g = c * w
        share = {"no projection": 0.0, "nine tenths": 0.9}.get(ctx.mistake, 1.0)
        dx = r * (g - share * h * (g * h).mean(-1, keepdim=True))
        if ctx.mistake == "1 %":
            dx = 1.01 * dx
        if ctx.mistake == "block":
            dx[..., 64:] = 0
        if ctx.mistake == "row":
            dx[5] = dx[4]
        if ctx.mistake == "fourth":
            dx[:, 3::4] *= 1.2
        if ctx.mistake == "nan":
            dx[2, 3] = torch.nan
        return dx.to(x.dtype), (c * h).sum(0).to(w.dtype), None, None


def rms_norm(x, w, eps, mistake=""):  # noqa: ARG001  called like the kernel
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * w).to(x.dtype)


@pytest.fixture
def inputs():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(48, 80, generator=rng).to(BF16), 1 + torch.randn(80, generator=rng)


def judged(inputs, mistake="", **options):
    return gc.check_kernel(RMSNorm.apply, rms_norm, (*inputs, 1e-6, mistake), **options)


@pytest.mark.parametrize("dtype", [torch.float32, BF16, torch.float16])
def test_a_right_kernel_passes_in_every_precision(inputs, dtype):
    report = judged([x.to(dtype) for x in inputs])
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert [a.name for a in report] == ["output", "x", "w"]
    assert all(a.comparison.ratio < 1 and a.planted.caught == a.planted.applicable > 0 for a in report)


def test_bfloat16_x_with_float32_w_is_judged_each_in_its_own_dtype(inputs):
    report = judged(inputs)
    assert report.verdict is gc.Verdict.PASS
    assert (report["x"].dtype, report["w"].dtype) == ("bfloat16", "float32")


def test_the_report_names_the_chain_of_trust(inputs):
    text = " ".join(str(judged(inputs)).split())
    assert "the gradient of the reference rms_norm is right to" in text
    assert re.search(r"dx \(48, 80\) within 0\.\d+ x what bfloat16 gives .* 12/12 planted mistakes caught", text)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("no projection", "multiple of x"),
        ("nine tenths", "multiple of x"),
        ("1 %", "dx is 1.01 x the truth everywhere"),
        ("block", "from column 64 on: the last, partial block of 64"),
        ("row", "row 5"),
        ("fourth", "every 4th column from 3 on"),
        ("nan", r"dx\[2, 3\] is nan"),
    ],
)
def test_a_wrong_kernel_fails_and_the_report_says_what_and_where(inputs, mistake, said):
    report = judged(inputs, mistake)
    assert report["x"].verdict is gc.Verdict.FAIL
    assert report["w"].verdict is report["output"].verdict is gc.Verdict.PASS
    assert re.search(said, " ".join(str(report).split())), str(report)


def test_assert_kernel_raises_with_the_report(inputs):
    with pytest.raises(gc.GradientError, match="1 of 3 results is wrong") as caught:
        gc.assert_kernel(RMSNorm.apply, rms_norm, (*inputs, 1e-6, "row"))
    assert caught.value.report["x"].verdict is gc.Verdict.FAIL
    assert gc.assert_kernel(RMSNorm.apply, rms_norm, (*inputs, 1e-6))


def test_only_the_gradients_that_are_asked_for_are_judged(inputs):
    x, w = inputs
    assert [a.name for a in judged((x.clone().requires_grad_(), w))] == ["output", "x"]
    assert [a.name for a in judged(inputs, gradients=["w"])] == ["output", "w"]


def test_the_same_seed_gives_the_same_report(inputs):
    assert str(judged(inputs, seed=3)) == str(judged(inputs, seed=3))


def test_factor_loosens_and_says_what_could_hide(inputs):
    report = judged(inputs, "1 %", factor=20)
    assert report.verdict is gc.Verdict.PASS
    assert "too large or too small as a whole could hide" in report.notes[-1]


def test_a_reference_whose_own_gradient_is_wrong_judges_nothing():
    def square(x):
        return x * x

    report = gc.check_kernel((square, lambda c, x: 2 * c * x), (square, lambda c, x: c * x), (np.ones((4, 5)),))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "contradicts the slopes" in report["x"].reason


def test_modules_are_judged_in_their_parameters():
    class Kernel(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.linspace(0.5, 2, 80))

        def forward(self, x):
            return RMSNorm.apply(x, self.weight, 1e-6)

    class Reference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(80))

        def forward(self, x):
            return rms_norm(x, self.gain, 1e-6)

    x = torch.randn(10, 80, generator=torch.Generator().manual_seed(1)).to(BF16)
    report = gc.check_kernel(Kernel(), Reference(), (x,))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert [a.name for a in report] == ["output", "x", "weight"]
    assert gc.check_kernel(Kernel(), lambda x, weight: rms_norm(x, weight, 1e-6), (x,))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_backward(c, x):
    p = softmax(x)
    return p * (c - (p * c).sum(-1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("reference", [lambda x: torch.softmax(x, -1), softmax, (softmax, softmax_backward)])
def test_a_numpy_pair_has_a_reference_of_any_kind(dtype, reference):
    x = np.random.default_rng(0).standard_normal((6, 21)).astype(dtype)
    assert gc.check_kernel((softmax, softmax_backward), reference, (x,))
    wrong = gc.check_kernel((softmax, lambda c, x: softmax(x) * c), reference, (x,))
    assert wrong["x"].verdict is gc.Verdict.FAIL


def test_a_pair_with_a_cache_and_one_without_are_told_apart():
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(2)).to(BF16)
    cached = (lambda x: (x * x, x)), (lambda c, cache: 2 * c * cache)
    plain = (lambda x: x * x), (lambda c, x: 2 * c * x)
    for pair in (cached, plain):
        assert gc.check_kernel(pair, lambda x: x * x, (x,))


def test_a_jax_custom_vjp_is_judged():
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def kernel(x):
        return jax.nn.softmax(x, -1)

    def backward(factor, x, c):
        p = jax.nn.softmax(x, -1)
        return (factor * p * (c - (p * c).sum(-1, keepdims=True)),)

    x = jax.numpy.asarray(np.random.default_rng(0).standard_normal((6, 40)), dtype=jax.numpy.bfloat16)
    for factor, verdict in ((1.0, gc.Verdict.PASS), (1.05, gc.Verdict.FAIL)):
        kernel.defvjp(lambda x: (kernel(x), x), lambda x, c, factor=factor: backward(factor, x, c))
        assert gc.check_kernel(kernel, lambda x: jax.nn.softmax(x, -1), (x,)).verdict is verdict


def test_outputs_may_be_nested_and_some_without_a_gradient():
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            p, lse = torch.softmax(x.float(), -1).to(x.dtype), torch.logsumexp(x.float(), -1)
            ctx.mark_non_differentiable(lse)
            ctx.save_for_backward(x)
            return p, lse

        @staticmethod
        def backward(ctx, c, _):
            p = torch.softmax(ctx.saved_tensors[0].float(), -1)
            return (p * (c.float() - (p * c.float()).sum(-1, keepdim=True))).to(BF16)

    def reference(x):
        return {"p": torch.softmax(x, -1), "lse": torch.logsumexp(x, -1)}

    x = torch.randn(7, 33, generator=torch.Generator().manual_seed(3)).to(BF16)
    report = gc.check_kernel(lambda x: dict(zip(("p", "lse"), Both.apply(x), strict=True)), reference, (x,))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any("carries no gradient" in note for note in report.notes)
    assert [a.name for a in report] == ["output p", "output lse", "x"]


def test_a_casting_reference_is_still_the_truth_in_float64():
    x = torch.randn(20, 60, dtype=torch.float32, generator=torch.Generator().manual_seed(4))
    report = gc.check_kernel(
        lambda x: torch.softmax(x, -1), lambda x: torch.softmax(x.float(), -1, dtype=torch.float32).to(x.dtype), (x,)
    )
    assert report.verdict is gc.Verdict.PASS
    assert report["x"].comparison.error > 0  # float32's own round-off is seen: the truth was not rounded to it


@pytest.mark.parametrize(
    ("kernel", "inputs"),
    [
        (lambda x: torch.clamp(x, min=0), torch.tensor([[0.0, -1.0, 2.0, 0.0, 0.5, -0.0]] * 4)),
        (lambda x: x.max(-1).values, torch.tensor([[1.0, 2.0, 2.0, 0.5], [3.0, 3.0, 3.0, 3.0]] * 4)),
    ],
)
def test_another_valid_gradient_at_a_kink_is_no_failure(kernel, inputs):
    reference = torch.relu if inputs.shape[-1] == 6 else (lambda x: x.amax(-1))
    report = gc.check_kernel(kernel, reference, (inputs.to(BF16),))
    assert report.verdict is not gc.Verdict.FAIL, str(report)
    assert any("kink" in said for said in [*report.notes, report["x"].reason])
    wrong = gc.check_kernel(
        lambda x: kernel(x) + 0.5 * (x - x.detach()).sum(-1, keepdim=inputs.shape[-1] == 6),
        reference,
        (inputs.to(BF16),),
    )
    assert wrong.verdict is gc.Verdict.FAIL, str(wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, rms_norm, (torch.ones(2),)), "kernel is a int, wanted a callable or a pair"),
        ((rms_norm, rms_norm, 5), "inputs is a int, wanted a tuple of arrays"),
        ((torch.relu, torch.relu, (torch.ones(2, dtype=torch.int64),)), "no floating array"),
        ((torch.relu, lambda x: x @ x.T.T, (torch.ones(2, 3),)), "cannot be run and differentiated in float64"),
        ((lambda x: x @ x, torch.relu, (torch.ones(2, 3),)), "raised RuntimeError on these inputs"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(arguments, message):
    with pytest.raises(gc.ArgumentError, match=message):
        gc.check_kernel(*arguments)


@pytest.mark.parametrize(
    "option",
    [
        {"seed": -1},
        {"seed": True},
        {"factor": 0.5},
        {"factor": "2"},
        {"batch_axis": 7},
        {"batch_axis": "0"},
        {"deterministic": 1},
    ],
)
def test_options_are_checked(option):
    with pytest.raises(gc.ArgumentError, match=next(iter(option))):
        gc.check_kernel(torch.relu, torch.relu, (torch.ones(4, 5),), **option)


def test_a_report_is_saved_as_data_and_as_a_page(inputs, tmp_path):
    report = judged(inputs, "block")
    assert gc.Report.from_json(report.to_json()) == report
    pytest.importorskip("jinja2")
    report.save(tmp_path / "kernel.html")
    page = (tmp_path / "kernel.html").read_text(encoding="utf-8")
    assert "Error over its yardstick" in page
    assert "blocks of 64" in page


def test_explain_tells_of_a_reference_and_not_of_slopes(inputs):
    said = " ".join(judged(inputs, "block").explain().split())
    assert "compared with those of the reference in float64" in said
    assert "A right kernel in bfloat16 has" in said
    assert "gradcheck docs your-own-kernel" in said
    assert all(word not in said for word in ("random directions", "moving that entry alone", "rtol=", "Derivation"))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, c):
        return 2 * ctx.saved_tensors[0] * c


@pytest.mark.parametrize(
    "surroundings",
    [
        torch.inference_mode,
        torch.no_grad,
        lambda: torch.autocast("cpu", dtype=BF16),
        lambda: np.errstate(all="raise"),
    ],
)
def test_one_answer_in_whatever_surroundings(inputs, surroundings):
    alone = judged(inputs)
    with surroundings():
        report = judged(inputs)
        product = gc.check_kernel(lambda a, b: a @ b, lambda a, b: a @ b, (torch.ones(4, 8), torch.ones(8, 4)))
    assert str(report) == str(alone)
    assert product.verdict is gc.Verdict.PASS, str(product)


def test_what_a_kernel_changes_in_its_arguments_is_put_back_and_said():
    ids, kept = torch.arange(4), torch.zeros(3)
    x = torch.linspace(-1, 1, 32, dtype=BF16).reshape(4, 8)

    def kernel(x, ids, *, work):
        ids += 1
        work += 1
        return Square.apply(x)

    report = gc.check_kernel(kernel, lambda x, ids, work: x * x, (x, ids), kwargs={"work": kept})  # noqa: ARG005  called like the kernel
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert ids.tolist() == [0, 1, 2, 3]
    assert not kept.any()
    assert any("changes inputs.1, kwargs.work in place: it was put back" in note for note in report.notes)


def test_what_is_small_by_far_is_no_constant_factor(inputs):
    report = gc.check_kernel(
        lambda x, w: RMSNorm.apply(x, w, 1e-6, ""),
        lambda x, w: rms_norm(x, w, 1e-6) * torch.linspace(50, 400, 80),
        inputs,
    )
    assert report["output"].verdict is gc.Verdict.FAIL
    assert report["output"].factor is None


def test_columns_that_are_never_written_are_said_to_be_zero():
    class Zeros(Square):
        @staticmethod
        def backward(ctx, c):
            g = 2 * ctx.saved_tensors[0] * c
            g[:, 32:] = 0
            return g

    x = torch.randn(24, 40, generator=torch.Generator().manual_seed(0)).to(BF16)
    report = gc.check_kernel(Zeros.apply, lambda x: x * x, (x,))
    assert report["x"].mistakes == ("zero there",)
    assert "from column 32 on: the last, partial block" in report["x"].where_text


@pytest.mark.parametrize("shape", [(0,), (5, 0)])
def test_nothing_is_right(shape):
    assert gc.check_kernel(Square.apply, lambda x: x * x, (torch.zeros(shape, dtype=BF16),)).verdict is gc.Verdict.PASS


LARGE = {
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(8 * x, -1),
    "a scalar loss": lambda x: torch.logsumexp(x, -1).mean(),
}


@pytest.mark.parametrize("f", LARGE.values(), ids=LARGE)
def test_a_large_reference_is_certified_in_few_evaluations(f):
    x = torch.randn(1100, 1000, generator=torch.Generator().manual_seed(0))
    report = gc.check_kernel(f, f, (x,))
    assert report.verdict is gc.Verdict.PASS, str(report)
    told = re.search(r"is right to (\S+), by slopes", report.notes[0])
    assert told, report.notes[0]
    assert float(told[1]) < 1e-3
    assert report.evaluations <= 8


def test_a_large_reference_with_a_wrong_gradient_judges_nothing():
    class Wrong(Square):
        @staticmethod
        def backward(ctx, c):
            return 2.002 * ctx.saved_tensors[0] * c

    x = torch.randn(1100, 1000, generator=torch.Generator().manual_seed(0))
    report = gc.check_kernel(Square.apply, Wrong.apply, (x,))
    assert report["x"].verdict is gc.Verdict.INCONCLUSIVE
    assert "contradicts the slopes" in report["x"].reason


def test_an_offset_that_overflows_is_caught_and_placed():
    """What 2^31 does to an int32, 2^9 does here: entries beyond are read, and written, where their offset wraps to."""

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, c):
            x = ctx.saved_tensors[0]
            at = torch.arange(x.numel())
            g = 2 * x.reshape(-1)[at % 512] * c.reshape(-1)[at % 512]
            return g.reshape(x.shape)

    x = torch.randn(24, 40, generator=torch.Generator().manual_seed(0)).bfloat16()
    report = gc.check_kernel(Wrapped.apply, lambda x: x * x, (x,))
    assert report["x"].verdict is gc.Verdict.FAIL
    assert re.search(r"from the flat offset 51\d on, entry \[12, 3\d\]: an offset overflows", report["x"].where_text)


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return (x.float() * w.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        return (c.float() * w.float()).to(x.dtype), (c.float() * x.float()).sum(0).to(w.dtype)


@pytest.mark.parametrize("shape", [(128, 31), (3, 5), (1100, 1000)])  # the last one is large to the certificate
@pytest.mark.parametrize("seed", [0, 1])
def test_a_reference_that_is_zero_at_the_inputs_is_not_blamed_for_its_round_off_beside_them(shape, seed):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, generator=rng).bfloat16()
    report = gc.check_kernel(Scaled.apply, lambda x, w: x * w, (x, torch.zeros(shape[1]).bfloat16()), seed=seed)
    assert report.verdict is gc.Verdict.PASS, report


def test_a_float64_kernel_has_a_reference_of_jax_without_float64():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)  # noqa: FBT003  JAX's own signature
    try:
        x = np.linspace(0.1, 1, 5)
        report = gc.check_kernel(
            (np.tanh, lambda c, x: c * (1 - np.tanh(x) ** 2)), reference=jax.numpy.tanh, inputs=(x,)
        )
    finally:
        jax.config.update("jax_enable_x64", before)
    assert report.verdict is not gc.Verdict.FAIL, str(report)
