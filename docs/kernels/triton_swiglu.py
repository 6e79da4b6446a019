r"""SwiGLU in Triton: y = silu(a)·b, silu(a) = a·s(a), s the logistic function.

silu′ = s + a·s·(1 − s), so da = c·b·(s + a·s·(1 − s)) and db = c·a·s.
"""

import torch
import triton
import triton.language as tl

WRONG = ("second term left out", "s for 1 - s", "b left out", "a and b swapped", "last element not masked")


@triton.jit
def _forward(a, b, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(a + at, mask=at < n, other=0.0).to(tl.float32)
    s = 1 / (1 + tl.exp(-x))
    tl.store(y + at, x * s * tl.load(b + at, mask=at < n, other=0.0).to(tl.float32), mask=at < n)


@triton.jit
def _backward(c, a, b, da, db, n, MISTAKE: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < (n - 1 if MISTAKE == 5 else n)
    g = tl.load(c + at, mask=inside, other=0.0).to(tl.float32)
    x = tl.load(a + at, mask=inside, other=0.0).to(tl.float32)
    gate = tl.load(b + at, mask=inside, other=0.0).to(tl.float32)
    s = 1 / (1 + tl.exp(-x))
    slope = s + x * s * (1 - s)
    if MISTAKE == 1:
        slope = s
    if MISTAKE == 2:
        slope = s + x * s * s
    if MISTAKE == 3:
        gate = gate * 0 + 1
    first, second = g * gate * slope, g * x * s
    if MISTAKE == 4:
        first, second = second, first
    tl.store(da + at, first, mask=at < n)
    tl.store(db + at, second, mask=at < n)


class SwiGLU(torch.autograd.Function):
    """a and b of any dtype and one shape."""

    @staticmethod
    def forward(ctx, a, b, mistake):
        a, b = a.contiguous(), b.contiguous()
        y = torch.empty_like(a, dtype=torch.float32)
        _forward[(triton.cdiv(a.numel(), 128),)](a, b, y, a.numel(), BLOCK=128)
        ctx.save_for_backward(a, b)
        ctx.mistake = mistake
        return y.to(a.dtype)

    @staticmethod
    def backward(ctx, c):
        a, b = ctx.saved_tensors
        da, db = (torch.empty_like(a, dtype=torch.float32) for _ in range(2))
        which = WRONG.index(ctx.mistake) + 1 if ctx.mistake else 0
        c = c.contiguous()
        _backward[(triton.cdiv(a.numel(), 128),)](c, a, b, da, db, a.numel(), MISTAKE=which, BLOCK=128)
        return da.to(a.dtype), db.to(b.dtype), None


def kernel(a, b, mistake=""):
    return SwiGLU.apply(a, b, mistake)


def reference(a, b, mistake=""):
    return torch.nn.functional.silu(a) * b


def inputs(dtype, device="cpu"):
    rng = torch.Generator().manual_seed(2)
    return tuple(torch.randn(11, 37, generator=rng).to(device, dtype) for _ in range(2))
