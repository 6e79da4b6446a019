r"""A linear recurrence in Triton: h_t = a_t·h_{t−1} + b_t, h_0 = 0, one program for 16 channels.

The cotangent of h_t is G_t = c_t + a_{t+1}·G_{t+1}, run backwards; then db_t = G_t and da_t = G_t·h_{t−1}.
"""

import torch
import triton
import triton.language as tl

WRONG = (
    "state of this step",
    "gate of this step",
    "first step left out",
    "state dropped every 8 steps",
    "last channels",
)


@triton.jit
def _forward(a, b, h, steps, n, BLOCK: tl.constexpr):
    batch, channel = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = channel < n
    state = tl.zeros((BLOCK,), tl.float32)
    for t in range(steps):
        at = (batch * steps + t) * n + channel
        gate = tl.load(a + at, mask=inside, other=0.0).to(tl.float32)
        state = gate * state + tl.load(b + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(h + at, state, mask=inside)


@triton.jit
def _backward(c, a, h, da, db, steps, n, MISTAKE: tl.constexpr, BLOCK: tl.constexpr):
    batch, channel = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = channel < n
    carried = tl.zeros((BLOCK,), tl.float32)
    for back in range(steps):
        t = steps - 1 - back
        at = (batch * steps + t) * n + channel
        later = inside & (channel * 0 + t > 0)
        g = tl.load(c + at, mask=inside, other=0.0).to(tl.float32) + carried
        before = tl.load(h + at - n, mask=later, other=0.0)
        if MISTAKE == 1:
            before = tl.load(h + at, mask=inside, other=0.0)
        gate = tl.load(a + at, mask=inside, other=0.0).to(tl.float32)
        if MISTAKE == 2:
            gate = tl.load(a + at - n, mask=later, other=0.0).to(tl.float32)
        keep = later if MISTAKE == 3 else inside
        tl.store(da + at, g * before, mask=inside)
        tl.store(db + at, g, mask=keep)
        carried = gate * g
        if MISTAKE == 4:
            carried = tl.where(channel * 0 + t % 8 != 0, carried, 0.0)


class Recurrence(torch.autograd.Function):
    """a and b of any dtype, (batch, steps, channels); the states are kept in float32."""

    @staticmethod
    def forward(ctx, a, b, mistake):
        a, b = a.contiguous(), b.contiguous()
        batch, steps, n = a.shape
        h = torch.empty_like(a, dtype=torch.float32)
        _forward[(batch, triton.cdiv(n, 16))](a, b, h, steps, n, BLOCK=16)
        ctx.save_for_backward(a, h)
        ctx.mistake = mistake
        return h.to(a.dtype)

    @staticmethod
    def backward(ctx, c):
        a, h = ctx.saved_tensors
        batch, steps, n = a.shape
        da, db = (torch.zeros_like(h) for _ in range(2))
        which = WRONG.index(ctx.mistake) + 1 if ctx.mistake else 0
        programs = n // 16 if which == 5 else triton.cdiv(n, 16)
        _backward[(batch, programs)](c.contiguous(), a, h, da, db, steps, n, MISTAKE=which, BLOCK=16)
        return da.to(a.dtype), db.to(a.dtype), None


def kernel(a, b, mistake=""):
    return Recurrence.apply(a, b, mistake)


def reference(a, b, mistake=""):
    h, states = torch.zeros_like(b[:, 0]), []
    for t in range(b.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, 1)


def inputs(dtype, device="cpu"):
    rng = torch.Generator().manual_seed(3)
    a, b = torch.rand(2, 18, 21, generator=rng), torch.randn(2, 18, 21, generator=rng)
    return a.to(device, dtype), b.to(device, dtype)
