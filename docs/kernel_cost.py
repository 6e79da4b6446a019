"""Print what check_kernel costs beside the reference's own forward and backward in float64.

``python docs/kernel_cost.py [ROWS]``: an RMSNorm of (ROWS, ROWS) in bfloat16, 4096 by default. Memory is what the
process holds at most during the check, beyond what it held before, in units of the inputs in float64 (Linux).
"""

from __future__ import annotations

import sys
import time

import torch

import gradcheck as gc
from gradcheck.bench.one_check import peak_beyond, reset_peak

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 4096


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        wide = x.float()
        r = torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, w, r)
        return (wide * r * w.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        x, w, r = ctx.saved_tensors
        h, g = x.float() * r, c.float() * w.float()
        dx = r * (g - h * (g * h).mean(-1, keepdim=True))
        return dx.to(x.dtype), (c.float() * h).sum(0).to(w.dtype)


def rms_norm(x, w):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * w


def drawn(rows):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(rows, rows, generator=rng).bfloat16(), torch.randn(rows, generator=rng).bfloat16()


def own_seconds(inputs):
    """Return the least of five times that the reference takes forward and backward in float64."""
    leaves = [x.double().requires_grad_() for x in inputs]
    c, found = torch.randn(inputs[0].shape, dtype=torch.float64), []
    for _ in range(5):
        start = time.process_time()
        torch.autograd.grad(rms_norm(*leaves), leaves, c)
        found.append(time.process_time() - start)
    return min(found)


def main():
    torch.set_num_threads(1)
    inputs = drawn(ROWS)
    own = own_seconds(inputs)
    gc.check_kernel(RMSNorm.apply, rms_norm, drawn(64))  # what is loaded once
    before = reset_peak()
    start = time.process_time()
    report = gc.check_kernel(RMSNorm.apply, rms_norm, inputs)
    spent = time.process_time() - start
    size = 8 * sum(x.numel() for x in inputs)
    print(f"({ROWS}, {ROWS}) bfloat16: {report.verdict}")
    print(f"time:   {spent / own:.1f} x the reference's forward and backward in float64")
    print(f"memory: {peak_beyond(before) / size:.1f} x the inputs' size in float64")


if __name__ == "__main__":
    main()
