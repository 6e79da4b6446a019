r"""RMSNorm in Triton: y = x·r·w with r = 1/√(⟨x²⟩ + ε), row by row.

With g = c·w and h = x·r, ∂r/∂x_j = −r³·x_j/n, so

    dx_j = r·g_j − r³·x_j/n·Σ g_i·x_i = r·(g_j − h_j·⟨g·h⟩),      dw = Σ over rows of c·h.
"""

import torch
import triton
import triton.language as tl

WRONG = ("no projection", "nine tenths", "mean over the block", "weight left out", "dw of the last program only")


@triton.jit
def _forward(x, w, y, r, n, eps, BLOCK: tl.constexpr):
    row, columns = tl.program_id(0), tl.arange(0, BLOCK)
    inside = columns < n
    values = tl.load(x + row * n + columns, mask=inside, other=0.0).to(tl.float32)
    scale = 1 / tl.sqrt(tl.sum(values * values, 0) / n + eps)
    weight = tl.load(w + columns, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + row * n + columns, values * scale * weight, mask=inside)
    tl.store(r + row, scale)


@triton.jit
def _backward(c, x, w, r, dx, dw, n, MISTAKE: tl.constexpr, BLOCK: tl.constexpr):
    row, columns = tl.program_id(0), tl.arange(0, BLOCK)
    inside = columns < n
    at = row * n + columns
    g = tl.load(c + at, mask=inside, other=0.0).to(tl.float32)
    scale = tl.load(r + row)
    h = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) * scale
    tl.store(dw + at, g * h, mask=inside)
    if MISTAKE != 4:
        g = g * tl.load(w + columns, mask=inside, other=0.0).to(tl.float32)
    mean = tl.sum(g * h, 0) / n
    if MISTAKE == 1:
        mean = 0.0
    if MISTAKE == 2:
        mean = 0.9 * mean
    if MISTAKE == 3:
        mean = mean * n / BLOCK
    tl.store(dx + at, scale * (g - h * mean), mask=inside)


class RMSNorm(torch.autograd.Function):
    """x of any dtype, (rows, n); w (n,). Results are stored in float32 and cast by Torch."""

    @staticmethod
    def forward(ctx, x, w, eps=1e-6, mistake=""):
        x, w = x.contiguous(), w.contiguous()
        y, r = torch.empty_like(x, dtype=torch.float32), torch.empty(len(x), dtype=torch.float32, device=x.device)
        block = triton.next_power_of_2(x.shape[1])
        _forward[(len(x),)](x, w, y, r, x.shape[1], eps, BLOCK=block)
        ctx.save_for_backward(x, w, r)
        ctx.block, ctx.mistake = block, mistake
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        x, w, r = ctx.saved_tensors
        c = c.contiguous()
        dx, parts = (torch.empty_like(x, dtype=torch.float32) for _ in range(2))
        which = WRONG.index(ctx.mistake) + 1 if ctx.mistake else 0
        _backward[(len(x),)](c, x, w, r, dx, parts, x.shape[1], MISTAKE=which, BLOCK=ctx.block)
        dw = parts[-1] if which == 5 else parts.sum(0)
        return dx.to(x.dtype), dw.to(w.dtype), None, None


def kernel(x, w, mistake=""):
    return RMSNorm.apply(x, w, 1e-6, mistake)


def reference(x, w, mistake=""):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * w


def inputs(dtype, device="cpu"):
    rng = torch.Generator().manual_seed(0)
    x, w = torch.randn(9, 100, generator=rng), 1 + 0.5 * torch.randn(100, generator=rng)
    return x.to(device, dtype), w.to(device, dtype)
