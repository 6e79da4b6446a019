r"""Causal attention with grouped heads in Triton, the backward recomputed row by row from the log-sum-exp.

p = exp(q·k/√d − lse) for keys j ≤ i, o = p·v. With dp = c·v and δ = Σ c·o,

    ds = p·(dp − δ),  dq = ds·k/√d,  dk = Σ over queries and heads of the group of ds·q/√d,  dv = Σ of p·c.

Keys and values of one head fit into one block here. Sums of products stand in for `tl.dot`, whose interpreter computes
bfloat16 in another way than a GPU does.
"""

import math

import torch
import triton
import triton.language as tl

WRONG = ("no mask in backward", "delta left out", "dk without scale", "first head of a group", "last query left out")


@triton.jit
def _forward(q, k, v, o, lse, heads, groups, n, d, scale, N: tl.constexpr, D: tl.constexpr):
    row, head = tl.program_id(0), tl.program_id(1)
    batch, h = head // heads, head % heads
    group = batch * groups + h // (heads // groups)
    keys, parts = tl.arange(0, N), tl.arange(0, D)
    mask = (keys < n)[:, None] & (parts < d)[None, :]
    at = (group * n + keys)[:, None] * d + parts[None, :]
    query = tl.load(q + (head * n + row) * d + parts, mask=parts < d, other=0.0).to(tl.float32)
    s = tl.sum(tl.load(k + at, mask=mask, other=0.0).to(tl.float32) * query[None, :], 1) * scale
    s = tl.where(keys <= row, s, float("-inf"))
    largest = tl.max(s, 0)
    p = tl.exp(s - largest)
    total = tl.sum(p, 0)
    out = tl.sum(tl.load(v + at, mask=mask, other=0.0).to(tl.float32) * (p / total)[:, None], 0)
    tl.store(o + (head * n + row) * d + parts, out, mask=parts < d)
    tl.store(lse + head * n + row, largest + tl.log(total))


@triton.jit
def _backward(
    c, q, k, v, o, lse, dq, dk, dv, heads, groups, n, d, scale, MISTAKE: tl.constexpr, N: tl.constexpr, D: tl.constexpr
):
    row, head = tl.program_id(0), tl.program_id(1)
    batch, h = head // heads, head % heads
    group = batch * groups + h // (heads // groups)
    keys, parts = tl.arange(0, N), tl.arange(0, D)
    mask = (keys < n)[:, None] & (parts < d)[None, :]
    at = (group * n + keys)[:, None] * d + parts[None, :]
    mine = (head * n + row) * d + parts
    key = tl.load(k + at, mask=mask, other=0.0).to(tl.float32)
    query = tl.load(q + mine, mask=parts < d, other=0.0).to(tl.float32)
    g = tl.load(c + mine, mask=parts < d, other=0.0).to(tl.float32)
    p = tl.exp(tl.sum(key * query[None, :], 1) * scale - tl.load(lse + head * n + row))
    p = tl.where(keys < n if MISTAKE == 1 else keys <= row, p, 0.0)
    dp = tl.sum(tl.load(v + at, mask=mask, other=0.0).to(tl.float32) * g[None, :], 1)
    delta = tl.sum(tl.load(o + mine, mask=parts < d, other=0.0) * g, 0)
    if MISTAKE == 2:
        delta = 0.0
    ds = p * (dp - delta) * scale
    tl.store(dq + mine, tl.sum(ds[:, None] * key, 0), mask=parts < d)
    own = (head * n + row) * N * D + keys[:, None] * D + parts[None, :]
    tl.store(dk + own, ds[:, None] * query[None, :] / (scale if MISTAKE == 3 else 1.0))
    tl.store(dv + own, p[:, None] * g[None, :])


class Attention(torch.autograd.Function):
    """q (batch, heads, n, d), k and v (batch, groups, n, d), of any dtype."""

    @staticmethod
    def forward(ctx, q, k, v, mistake):
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        batch, heads, n, d = q.shape
        o = torch.empty_like(q, dtype=torch.float32)
        lse = torch.empty(batch, heads, n, dtype=torch.float32, device=q.device)
        ctx.sizes = triton.next_power_of_2(n), triton.next_power_of_2(d)
        _forward[(n, batch * heads)](
            q, k, v, o, lse, heads, k.shape[1], n, d, 1 / math.sqrt(d), N=ctx.sizes[0], D=ctx.sizes[1]
        )
        ctx.save_for_backward(q, k, v, o, lse)
        ctx.mistake = mistake
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, c):
        q, k, v, o, lse = ctx.saved_tensors
        batch, heads, n, d = q.shape
        (rows, columns), groups = ctx.sizes, k.shape[1]
        which = WRONG.index(ctx.mistake) + 1 if ctx.mistake else 0
        dq = torch.zeros_like(o)
        parts = torch.zeros(2, batch, heads, n, rows, columns, dtype=torch.float32, device=q.device)
        _backward[(n - 1 if which == 5 else n, batch * heads)](
            c.contiguous(), q, k, v, o, lse, dq, parts[0], parts[1], heads, groups, n, d, 1 / math.sqrt(d),
            MISTAKE=which, N=rows, D=columns,
        )  # fmt: skip
        dk, dv = parts[..., :n, :d].sum(3).unflatten(2, (groups, heads // groups))
        dk, dv = (dk[:, :, 0] if which == 4 else dk.sum(2)), dv.sum(2)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None


def kernel(q, k, v, mistake=""):
    return Attention.apply(q, k, v, mistake)


def reference(q, k, v, mistake=""):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    hidden = torch.ones(s.shape[-2:], dtype=torch.bool, device=s.device).triu(1)
    return torch.softmax(s.masked_fill(hidden, float("-inf")), -1) @ v


def inputs(dtype, device="cpu"):
    rng = torch.Generator().manual_seed(4)
    return tuple(torch.randn(1, h, 6, 5, generator=rng).to(device, dtype) for h in (2, 1, 1))
