"""More families of kernels, which no limit was set on: each with right kernels by hand and wrong ones.

A family is written as ``backward(c, *inputs, mistake)``: "" is right, and so are the mistakes that it lists as other
orders of computing. What `kernel_families` says of a family holds here.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from kernel_families import Family, by_hand, normal, rms_norm, silu_slope, stored

if TYPE_CHECKING:
    from collections.abc import Callable

Tensor = torch.Tensor
MORE: dict[str, Family] = {}


def add(
    name: str,
    reference: Callable[..., Any],
    inputs: Callable[..., Any],
    backward: Callable[..., Any],
    wrong: tuple[str, ...],
    right: tuple[str, ...] = (),
) -> None:
    """Add a family: of each mistake, and of each right way, a kernel."""

    def kernel(mistake: str) -> Callable[..., Any]:
        return by_hand(reference, lambda c, *args: backward(c, *args, mistake))

    MORE[name] = Family(reference, inputs, {m: kernel(m) for m in ("", *right)}, {m: kernel(m) for m in wrong})


def shapes(*sizes: tuple[int, ...], scale: float = 1.0, offset: float = 0.0) -> Callable[..., tuple[Tensor, ...]]:
    return lambda rng, dt: tuple(normal(rng, *s, dtype=dt, scale=scale, offset=offset) for s in sizes)


# Norms ---------------------------------------------------------------------------------------------------------------


def group_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    g = x.unflatten(1, (4, -1)).flatten(2)
    d = g - g.mean(-1, keepdim=True)
    h = (d * torch.rsqrt(d.square().mean(-1, keepdim=True) + 1e-5)).reshape(x.shape)
    return h * w[:, None] + b[:, None]


def group_backward(c: Tensor, x: Tensor, w: Tensor, _: Tensor, m: str) -> tuple[Tensor, ...]:
    eps = 1e-5
    g = x.unflatten(1, (4, -1)).flatten(2)
    d = g - g.mean(-1, keepdim=True)
    r = torch.rsqrt(d.square().mean(-1, keepdim=True) + eps)
    if m == "unbiased variance":
        n = g.shape[-1]
        r = torch.rsqrt(d.square().sum(-1, keepdim=True) / (n - 1) + eps)
    h = d * r
    gh = (c * w[:, None]).unflatten(1, (4, -1)).flatten(2)
    h2 = h.roll(1, 1) if m == "statistics of the group before" else h
    dx = r * (gh - gh.mean(-1, keepdim=True) - h2 * (gh * h2).mean(-1, keepdim=True))
    if m == "mean over one channel":
        one = (
            (c * w[:, None])
            .mean(-1, keepdim=True)
            .unflatten(1, (4, -1))
            .expand(*g.shape[:2], -1, x.shape[-1])
            .flatten(2)
        )
        dx = r * (gh - one - h * (gh * h).mean(-1, keepdim=True))
    dw, db = (c * h.reshape(x.shape)).sum((0, 2)), c.sum((0, 2))
    if m == "dw of the first sample":
        dw = (c * h.reshape(x.shape))[0].sum(-1)
    if m == "dw without its last channel":
        dw[-1] = 0
    if m == "db 1 % too large":
        db = 1.01 * db
    return dx.reshape(x.shape), dw, db


add(
    "group norm",
    group_norm,
    shapes((3, 16, 25), (16,), (16,)),
    group_backward,
    (
        "statistics of the group before",
        "mean over one channel",
        "dw of the first sample",
        "dw without its last channel",
        "db 1 % too large",
        "unbiased variance",
    ),
)


def layer_affine(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w, b, 1e-3)


def layer_affine_backward(c: Tensor, x: Tensor, w: Tensor, _: Tensor, m: str) -> tuple[Tensor, ...]:
    d = x - x.mean(-1, keepdim=True)
    v = d.square().mean(-1, keepdim=True)
    r = 1 / (v.sqrt() + 1e-3) if m == "eps outside the root" else torch.rsqrt(v + 1e-3)
    h = d * r
    g = c * w
    if m == "row statistics by columns":
        dx = r * (g - g.mean(0, keepdim=True) - h * (g * h).mean(0, keepdim=True))
    else:
        dx = r * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))
    if m == "n - 1":
        n = x.shape[-1]
        dx = r * (g - g.sum(-1, keepdim=True) / (n - 1) - h * (g * h).sum(-1, keepdim=True) / (n - 1))
    dw, db = (c * h).sum(0), c.sum(0)
    if m == "two stages":
        dw = torch.stack([p.sum(0) for p in (c * h).split(7)]).sum(0)
        db = torch.stack([p.sum(0) for p in c.split(7)]).sum(0)
    if m == "partial sums lose a block":
        dw = torch.stack([p.sum(0) for p in (c * h).split(7)])[:-1].sum(0)
    if m == "dw and db swapped":
        dw, db = db, dw
    return dx, dw, db


add(
    "layer norm, square",
    layer_affine,
    shapes((48, 48), (48,), (48,), offset=0.3),
    layer_affine_backward,
    ("eps outside the root", "row statistics by columns", "n - 1", "partial sums lose a block", "dw and db swapped"),
    ("two stages",),
)


def rms_backward(c: Tensor, x: Tensor, w: Tensor, m: str) -> tuple[Tensor, ...]:
    r = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    h, g = x * r, c * w
    dot = (g * h).mean(-1, keepdim=True)
    if m == "narrow products":
        dot = stored(stored(g) * stored(h)).mean(-1, keepdim=True)
    if m == "dot over a partial row":
        dot = (g * h)[..., : x.shape[-1] // 64 * 64].sum(-1, keepdim=True) / x.shape[-1]
    dx = r * (g - h * dot)
    if m == "plus":
        dx = r * (g + h * dot)
    if m == "r of the row before":
        dx = r.roll(1, 0) * (g - h * dot)
    parts = c * h
    dw = parts.sum(0)
    if m == "blocks":
        dw = sum(p.sum(0) for p in parts.split(16))
    if m == "random order":
        dw = parts[torch.randperm(len(parts), generator=torch.Generator().manual_seed(len(parts)))].sum(0)
    if m == "dw rows never written":
        dw = parts[:32].sum(0)
    if m == "dw from w":
        dw = (c * h * w).sum(0)
    return dx, dw


add(
    "rms norm, long",
    rms_norm,
    shapes((70, 200), (200,), offset=0.2),
    rms_backward,
    ("dot over a partial row", "plus", "r of the row before", "dw rows never written", "dw from w"),
    ("blocks", "random order", "narrow products"),
)


def l2(x: Tensor) -> Tensor:
    return x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-6)


def l2_backward(c: Tensor, x: Tensor, m: str) -> Tensor:
    r = torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
    y = x * r
    if m == "projection of the mean":
        return r * (c - y * (c * y).mean(-1, keepdim=True))
    if m == "r twice":
        return r * r * (c - y * (c * y).sum(-1, keepdim=True))
    if m == "projection left out":
        return r * c
    if m == "projection onto x":
        return r * (c - x * (c * y).sum(-1, keepdim=True))
    return r * (c - y * (c * y).sum(-1, keepdim=True))


add(
    "l2 normalise",
    l2,
    shapes((40, 65)),
    l2_backward,
    ("projection of the mean", "r twice", "projection left out", "projection onto x"),
)


def weight_norm(x: Tensor, v: Tensor, g: Tensor) -> Tensor:
    return x @ (v * (g / v.norm(dim=1))[:, None]).T


def weight_norm_backward(c: Tensor, x: Tensor, v: Tensor, g: Tensor, m: str) -> tuple[Tensor, ...]:
    n = v.norm(dim=1, keepdim=True)
    u = v / n
    w = u * g[:, None]
    dx, dw = c @ w, c.T @ x
    dg = (dw * u).sum(1)
    dv = g[:, None] / n * (dw - u * (dw * u).sum(1, keepdim=True))
    if m == "no projection":
        dv = g[:, None] / n * dw
    if m == "g left out of dv":
        dv = (dw - u * dg[:, None]) / n
    if m == "dg not normalised":
        dg = (dw * v).sum(1)
    if m == "dg divided by n":
        dg = dg / v.shape[1]
    return dx, dv, dg


add(
    "weight norm",
    weight_norm,
    shapes((33, 40), (24, 40), (24,)),
    weight_norm_backward,
    ("no projection", "g left out of dv", "dg not normalised", "dg divided by n"),
)

# Activations ---------------------------------------------------------------------------------------------------------


def elementwise(
    name: str,
    f: Callable[..., Tensor],
    slope: Callable[..., Tensor],
    wrong: tuple[str, ...],
    shape: tuple[int, ...] = (37, 60),
    scale: float = 1.5,
) -> None:
    add(name, f, shapes(shape, scale=scale), lambda c, x, m: c * slope(x, m), wrong)


def softplus_slope(x: Tensor, m: str) -> Tensor:
    s = torch.sigmoid(x)
    if m == "threshold at 1":
        return torch.where(x > 1, torch.ones_like(x), s)
    if m == "of minus x":
        return torch.sigmoid(-x)
    return s * (1 - s) if m == "second derivative" else s


elementwise("softplus", F.softplus, softplus_slope, ("threshold at 1", "of minus x", "second derivative"))


def mish_slope(x: Tensor, m: str) -> Tensor:
    t, s = torch.tanh(F.softplus(x)), torch.sigmoid(x)
    if m == "no sigmoid":
        return t + x * (1 - t * t)
    return t if m == "first term only" else t + x * (1 - t * t) * s * (0.95 if m == "95 % of the term" else 1)


elementwise("mish", F.mish, mish_slope, ("no sigmoid", "first term only", "95 % of the term"))


def hardswish_slope(x: Tensor, m: str) -> Tensor:
    inside = (2 * x + 3) / 6
    if m == "x + 3":
        inside = (x + 3) / 6
    high = torch.zeros_like(x) if m == "zero above 3" else torch.ones_like(x)
    return torch.where(x <= -3, torch.zeros_like(x), torch.where(x >= 3, high, inside))


elementwise("hard swish", F.hardswish, hardswish_slope, ("x + 3", "zero above 3"), scale=2.5)


def quick_gelu_slope(x: Tensor, m: str) -> Tensor:
    s = torch.sigmoid(1.702 * x)
    k = 1.0 if m == "chain factor 1.702 missing" else 1.702
    return s + (0 if m == "first term only" else k * x * s * (1 - s))


elementwise(
    "quick gelu",
    lambda x: x * torch.sigmoid(1.702 * x),
    quick_gelu_slope,
    ("chain factor 1.702 missing", "first term only"),
)


def exact_gelu_slope(x: Tensor, m: str) -> Tensor:
    density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    if m == "density without 1/2":
        density = torch.exp(-x * x) / math.sqrt(2 * math.pi)
    if m == "density not normalised":
        density = torch.exp(-x * x / 2)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density


elementwise("exact gelu", F.gelu, exact_gelu_slope, ("density without 1/2", "density not normalised"))


def geglu(x: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return F.gelu(a) * b


def geglu_backward(c: Tensor, x: Tensor, m: str) -> Tensor:
    a, b = x.chunk(2, -1)
    da, db = c * b * exact_gelu_slope(a, ""), c * F.gelu(a)
    if m == "halves swapped":
        da, db = db, da
    if m == "interleaved":
        return torch.stack([da, db], -1).reshape(x.shape)
    if m == "db with its slope":
        db = c * exact_gelu_slope(a, "")
    if m == "last rows":
        da[-3:] = 0
    return torch.cat([da, db], -1)


add(
    "geglu, packed",
    geglu,
    shapes((41, 64)),
    geglu_backward,
    ("halves swapped", "interleaved", "db with its slope", "last rows"),
)


def bias_dropout_add(x: Tensor, bias: Tensor, residual: Tensor, mask: Tensor) -> Tensor:
    return (x + bias) * mask / 0.8 + residual


def bias_dropout_backward(c: Tensor, _x: Tensor, _bias: Tensor, _residual: Tensor, mask: Tensor, m: str) -> Any:
    g = c * mask / 0.8
    if m == "scale left out":
        g = c * mask
    if m == "mask drawn again":
        g = c * mask.roll(1, 1) / 0.8
    if m == "mask left out":
        g = c / 0.8
    if m == "keep probability":
        g = c * mask * 0.8
    d = g if m == "mask on the residual" else c
    db = g.sum(0)
    if m == "bias from the cotangent":
        db = c.sum(0)
    return g, db, d, None


add(
    "bias, dropout, residual",
    bias_dropout_add,
    lambda rng, dt: (*shapes((40, 50), (50,), (40, 50))(rng, dt), torch.rand(40, 50, generator=rng) < 0.8),
    bias_dropout_backward,
    (
        "scale left out",
        "mask drawn again",
        "mask left out",
        "keep probability",
        "mask on the residual",
        "bias from the cotangent",
    ),
)

# Losses --------------------------------------------------------------------------------------------------------------


def log_softmax_backward(c: Tensor, x: Tensor, m: str) -> Tensor:
    p = torch.softmax(x, -1)
    total = c.sum(-1, keepdim=True)
    if m == "mean of the cotangent":
        total = c.mean(-1, keepdim=True)
    if m == "softmax's":
        return p * (c - (c * p).sum(-1, keepdim=True))
    if m == "p of a block":
        p = torch.cat([torch.softmax(b, -1) for b in x.split(64, -1)], -1)
    return c + p * total if m == "sign" else c - p * total


add(
    "log softmax",
    lambda x: torch.log_softmax(x, -1),
    shapes((25, 130), scale=2.0),
    log_softmax_backward,
    ("mean of the cotangent", "softmax's", "p of a block", "sign"),
)


def smooth_entropy(x: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(x, labels, ignore_index=-100, label_smoothing=0.1)


def smooth_entropy_backward(c: Tensor, x: Tensor, labels: Tensor, m: str) -> Any:
    n, v = x.shape
    kept = labels != -100
    one = F.one_hot(labels.clamp_min(0), v).to(x.dtype)
    target = one if m == "no smoothing" else 0.9 * one + 0.1 / (v - 1 if m == "smoothed over v - 1" else v)
    count = n if m == "ignored rows counted" else int(kept.sum())
    g = (torch.softmax(x, -1) - target) * c / count
    if m != "ignored rows not masked":
        g = g * kept[:, None]
    if m == "last partial block of the vocabulary":
        g[:, v // 128 * 128 :] = 0
    if m == "cotangent left out":
        g = g / c
    return g, None


def labels_with_ignored(rng: torch.Generator, dt: torch.dtype) -> tuple[Any, ...]:
    labels = torch.randint(0, 300, (30,), generator=rng)
    labels[::7] = -100
    return normal(rng, 30, 300, dtype=dt, scale=2.0), labels


add(
    "label smoothing",
    smooth_entropy,
    labels_with_ignored,
    smooth_entropy_backward,
    (
        "no smoothing",
        "ignored rows counted",
        "ignored rows not masked",
        "last partial block of the vocabulary",
        "cotangent left out",
    ),
)


def z_loss(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    lse = torch.logsumexp(x, -1)
    return lse - x.gather(-1, labels[:, None])[:, 0], 0.1 * lse.square()


class ZLoss(torch.autograd.Function):
    """Two outputs: both cotangents count."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, labels: Tensor, m: str) -> Any:
        ctx.save_for_backward(x, labels)
        ctx.m = m
        return tuple(y.to(x.dtype) for y in z_loss(x.float(), labels))

    @staticmethod
    def backward(ctx: Any, c: Tensor, d: Tensor) -> Any:
        x, labels = ctx.saved_tensors
        wide, c, d = x.float(), c.float()[:, None], d.float()[:, None]
        p, lse = torch.softmax(wide, -1), torch.logsumexp(wide, -1, keepdim=True)
        one = F.one_hot(labels, x.shape[-1])
        weight = {"second output left out": 0.0, "z without its 2": 0.1}.get(ctx.m, 0.2)
        if ctx.m == "one cotangent for both":
            d = c
        return ((p - one) * c + weight * d * lse * p).to(x.dtype), None, None


def _z(m: str) -> Callable[..., Any]:
    return lambda x, labels: ZLoss.apply(x, labels, m)


MORE["entropy and z-loss"] = Family(
    z_loss,
    lambda rng, dt: (normal(rng, 24, 90, dtype=dt, scale=2.0), torch.randint(0, 90, (24,), generator=rng)),
    {"": _z("")},
    {m: _z(m) for m in ("second output left out", "z without its 2", "one cotangent for both")},
)


def focal(x: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(x)
    q = p * y + (1 - p) * (1 - y)
    return (-((1 - q) ** 2) * torch.log(q + 1e-6)).mean()


def focal_backward(c: Tensor, x: Tensor, y: Tensor, m: str) -> Any:
    p = torch.sigmoid(x)
    q = p * y + (1 - p) * (1 - y)
    first = 2 * (1 - q) * torch.log(q + 1e-6)
    if m == "modulating factor detached":
        first = 0 * first
    if m == "exponent left out":
        first = first / 2
    dq = first - (1 - q) ** 2 / (q + 1e-6)
    sign = 1 if m == "negative class's sign" else 2 * y - 1
    n = len(x) if m == "mean over rows" else x.numel()
    return c * dq * sign * p * (1 - p) / n, None


add(
    "focal loss",
    focal,
    lambda rng, dt: (normal(rng, 30, 20, dtype=dt, scale=1.5), torch.randint(0, 2, (30, 20), generator=rng)),
    focal_backward,
    ("modulating factor detached", "exponent left out", "negative class's sign", "mean over rows"),
)


def kl(x: Tensor, y: Tensor) -> Tensor:
    return (torch.softmax(y, -1) * (torch.log_softmax(y, -1) - torch.log_softmax(x, -1))).sum(-1)


def kl_backward(c: Tensor, x: Tensor, y: Tensor, m: str) -> Any:
    p, q = torch.softmax(x, -1), torch.softmax(y, -1)
    c = c[:, None]
    dx = (p - q) * c
    ratio = torch.log_softmax(y, -1) - torch.log_softmax(x, -1)
    dy = q * (ratio - (q * ratio).sum(-1, keepdim=True)) * c
    if m == "teacher detached":
        dy = 0 * dy
    if m == "divergence not subtracted":
        dy = q * ratio * c
    if m == "dx negative":
        dx = -dx
    if m == "reverse":
        dx = p * ((p / q).log() - (p * (p / q).log()).sum(-1, keepdim=True)) * c
    return dx, dy


add(
    "divergence by rows",
    kl,
    shapes((26, 70), (26, 70), scale=1.5),
    kl_backward,
    ("teacher detached", "divergence not subtracted", "dx negative", "reverse"),
)


def huber(x: Tensor, y: Tensor) -> Tensor:
    return F.huber_loss(x, y, delta=0.7)


def huber_backward(c: Tensor, x: Tensor, y: Tensor, m: str) -> Any:
    d = x - y
    g = d.clamp(-0.7, 0.7)
    if m == "not clamped":
        g = d
    if m == "delta 1":
        g = d.clamp(-1, 1)
    if m == "sign without delta":
        g = torch.where(d.abs() < 0.7, d, d.sign())
    g = g * c / (len(x) if m == "mean over rows" else x.numel())
    return g, (g if m == "both plus" else -g)


add(
    "huber",
    huber,
    shapes((30, 25), (30, 25)),
    huber_backward,
    ("not clamped", "delta 1", "sign without delta", "mean over rows", "both plus"),
)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    return F.cosine_similarity(x, y, dim=-1, eps=1e-6)


def cosine_backward(c: Tensor, x: Tensor, y: Tensor, m: str) -> Any:
    a, b = x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)
    s = (x * y).sum(-1, keepdim=True) / (a * b)
    c = c[:, None]
    dx, dy = c * (y / (a * b) - s * x / a**2), c * (x / (a * b) - s * y / b**2)
    if m == "projection left out":
        dx = c * y / (a * b)
    if m == "norms swapped":
        dx, dy = c * (y / (a * b) - s * x / b**2), c * (x / (a * b) - s * y / a**2)
    if m == "norm not squared":
        dy = c * (x / (a * b) - s * y / b)
    if m == "last row":
        dy[-1] = 0
    return dx, dy


add(
    "cosine similarity",
    cosine,
    shapes((31, 48), (31, 48)),
    cosine_backward,
    ("projection left out", "norms swapped", "norm not squared", "last row"),
)

# Products ------------------------------------------------------------------------------------------------------------


def bmm_act(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return F.silu(x @ w + b[:, None, :])


def bmm_act_backward(c: Tensor, x: Tensor, w: Tensor, b: Tensor, m: str) -> Any:
    z = x @ w + b[:, None, :]
    if m == "activation of the biased output":
        z = x @ w
    if m == "pre-activation stored":
        z = stored(z)
    g = c * silu_slope(z)
    dx, dw, db = g @ w.transpose(1, 2), x.transpose(1, 2) @ g, g.sum(1)
    if m == "weight not transposed":
        dx = g @ w
    if m == "db over the batch":
        db = g.sum((0, 1)).expand_as(db).clone()
    if m == "last partial block of k":
        dw = x[:, : x.shape[1] // 16 * 16].transpose(1, 2) @ g[:, : x.shape[1] // 16 * 16]
    if m == "activation's derivative":
        dx = c @ w.transpose(1, 2)
    if m == "accumulator reset between blocks":
        dw = x[:, 16:].transpose(1, 2) @ g[:, 16:]
    if m == "split k":
        dw = sum(a.transpose(1, 2) @ d for a, d in zip(x.split(8, 1), g.split(8, 1), strict=True))
    return dx, dw, db


add(
    "batched product, bias, silu",
    bmm_act,
    shapes((4, 37, 32), (4, 32, 32), (4, 32), scale=0.5),
    bmm_act_backward,
    (
        "activation of the biased output",
        "weight not transposed",
        "db over the batch",
        "last partial block of k",
        "activation's derivative",
        "accumulator reset between blocks",
    ),
    ("pre-activation stored", "split k"),
)


def dequantised(x: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    return x @ (q.to(x.dtype) * scale[:, None]).T


def dequantised_backward(c: Tensor, x: Tensor, q: Tensor, scale: Tensor, m: str) -> Any:
    w = q.to(x.dtype) * scale[:, None]
    dx = c @ (q.to(x.dtype) if m == "scale left out" else w)
    dw = c.T @ x
    dscale = (dw * q.to(x.dtype)).sum(1)
    if m == "scale's gradient through w":
        dscale = (dw * w).sum(1)
    if m == "mean for sum":
        dscale = dscale / q.shape[1]
    if m == "last rows of the tile":
        dx[-5:] = 0
    return dx, None, dscale


add(
    "int8 dequantised product",
    dequantised,
    lambda rng, dt: (
        normal(rng, 37, 40, dtype=dt),
        torch.randint(-127, 128, (24, 40), generator=rng, dtype=torch.int8),
        normal(rng, 24, dtype=dt, scale=0.002, offset=0.01),
    ),
    dequantised_backward,
    ("scale left out", "scale's gradient through w", "mean for sum", "last rows of the tile"),
)


def lora(x: Tensor, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return x @ w + 2.0 * (x @ a) @ b


def lora_backward(c: Tensor, x: Tensor, w: Tensor, a: Tensor, b: Tensor, m: str) -> Any:
    k = 1.0 if m == "alpha left out" else 2.0
    dx = c @ w.T + k * (c @ b.T) @ a.T
    if m == "adapter left out of dx":
        dx = c @ w.T
    da, db = k * x.T @ (c @ b.T), k * (x @ a).T @ c
    if m == "db from x a stored twice":
        db = k * stored(x @ a).T @ c * 1.02
    return dx, x.T @ c, da, db


add(
    "low-rank adapter",
    lora,
    shapes((35, 40), (40, 30), (40, 4), (4, 30), scale=0.5),
    lora_backward,
    ("alpha left out", "adapter left out of dx", "db from x a stored twice"),
)

# Attention -----------------------------------------------------------------------------------------------------------


def attention(bias: Callable[[int], Tensor]) -> tuple[Callable[..., Tensor], Callable[..., Any]]:  # noqa: C901  a branch a mistake
    def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias(q.shape[-2]).to(q.dtype)
        return torch.softmax(s, -1) @ v

    def backward(c: Tensor, q: Tensor, k: Tensor, v: Tensor, m: str) -> Any:
        n, scale = q.shape[-2], 1 / math.sqrt(q.shape[-1])
        b = bias(n).to(q.dtype)
        s = q @ k.transpose(-1, -2) * scale
        if m == "bias left out of the backward":
            p = torch.softmax(s.masked_fill(torch.isinf(b), -math.inf), -1)
        elif m == "mask left out of the backward":
            p = torch.exp(s + b.masked_fill(torch.isinf(b), 0) - torch.logsumexp(s + b, -1, keepdim=True))
        elif m == "mask one to the right":
            shifted = b.roll(1, -1)
            p = torch.exp(s + shifted - torch.logsumexp(s + b, -1, keepdim=True))
        else:
            p = torch.softmax(s + b, -1)
        dp = c @ v.transpose(-1, -2)
        delta = (p * dp).sum(-1, keepdim=True)
        if m == "delta of the output":
            delta = ((p @ v) * c).sum(-1, keepdim=True)
        if m == "delta of the last block only":
            delta = (p * dp)[..., n // 16 * 16 :].sum(-1, keepdim=True)
        ds = p * (dp - delta)
        if m == "scale left out of dk":
            return ds @ k * scale, ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ c
        dq, dk, dv = ds @ k * scale, ds.transpose(-1, -2) @ q * scale, p.transpose(-1, -2) @ c
        if m == "heads off by one in dv":
            dv = dv.roll(1, 1)
        if m == "dk lost between blocks of queries":
            dk = ds[..., 16:, :].transpose(-1, -2) @ q[..., 16:, :] * scale
        if m == "by blocks":
            dk = sum(a.transpose(-1, -2) @ d for a, d in zip(ds.split(16, -2), q.split(16, -2), strict=True)) * scale
        return dq, dk, dv

    return forward, backward


def alibi(n: int) -> Tensor:
    at = torch.arange(n)
    slopes = torch.tensor([0.5, 0.25])[:, None, None]
    hidden = torch.full((n, n), -math.inf).triu(1)
    return -slopes * (at[:, None] - at[None, :]).abs() + hidden


def window(n: int) -> Tensor:
    at = torch.arange(n)
    far = (at[:, None] - at[None, :] >= 9) | (at[None, :] > at[:, None])
    return torch.zeros(n, n).masked_fill(far, -math.inf)


def packed(n: int) -> Tensor:
    part = torch.bucketize(torch.arange(n), torch.tensor([10, 11, 29]), right=True)
    return torch.zeros(n, n).masked_fill(part[:, None] != part[None, :], -math.inf)


for _name, _bias, _wrong in (
    (
        "alibi attention",
        alibi,
        (
            "bias left out of the backward",
            "mask left out of the backward",
            "scale left out of dk",
            "heads off by one in dv",
            "delta of the last block only",
        ),
    ),
    (
        "sliding window attention",
        window,
        (
            "mask left out of the backward",
            "mask one to the right",
            "dk lost between blocks of queries",
            "scale left out of dk",
        ),
    ),
    (
        "packed attention",
        packed,
        (
            "mask left out of the backward",
            "mask one to the right",
            "heads off by one in dv",
            "delta of the last block only",
        ),
    ),
):
    add(
        _name,
        *attention(_bias)[:1],
        shapes((2, 2, 37, 16), (2, 2, 37, 16), (2, 2, 37, 16)),
        attention(_bias)[1],
        _wrong,
        ("delta of the output", "by blocks"),
    )


def grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (x.repeat_interleave(3, 1) for x in (k, v))
    return torch.softmax(q @ k.transpose(-1, -2) / 4, -1) @ v


def grouped_backward(c: Tensor, q: Tensor, k: Tensor, v: Tensor, m: str) -> Any:
    kk, vv = (x.repeat_interleave(3, 1) for x in (k, v))
    p = torch.softmax(q @ kk.transpose(-1, -2) / 4, -1)
    dp = c @ vv.transpose(-1, -2)
    ds = p * (dp - (p * dp).sum(-1, keepdim=True))
    dk, dv = ds.transpose(-1, -2) @ q / 4, p.transpose(-1, -2) @ c
    dq = ds @ kk / 4

    def gathered(x: Tensor) -> Tensor:
        if m == "last head of a group wins":
            return x[:, 2::3]
        if m == "heads modulo groups":
            return x.unflatten(1, (3, -1)).sum(1)
        return x.unflatten(1, (-1, 3)).sum(2)

    if m == "dq with another group's keys":
        dq = ds @ kk.roll(3, 1) / 4
    return dq, gathered(dk), gathered(dv)


add(
    "grouped attention",
    grouped,
    shapes((2, 6, 21, 16), (2, 2, 21, 16), (2, 2, 21, 16)),
    grouped_backward,
    ("last head of a group wins", "heads modulo groups", "dq with another group's keys"),
)

# Scans, convolutions, moves ------------------------------------------------------------------------------------------


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, d: Tensor) -> Tensor:
    h = torch.zeros(u.shape[0], u.shape[2], a.shape[1], dtype=u.dtype)
    ys = []
    for t in range(u.shape[1]):
        step = F.softplus(delta[:, t])[..., None]
        h = torch.exp(-step * a.square()) * h + step * b[:, t, None, :] * u[:, t, :, None]
        ys.append(h.sum(-1) + d * u[:, t])
    return torch.stack(ys, 1)


def scan_backward(c: Tensor, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, d: Tensor, m: str) -> Any:
    n, length, channels = u.shape
    states = [torch.zeros(n, channels, a.shape[1])]
    steps = F.softplus(delta)
    for t in range(length):
        step = steps[:, t, :, None]
        states.append(torch.exp(-step * a.square()) * states[-1] + step * b[:, t, None, :] * u[:, t, :, None])
    du, ddelta, db = torch.zeros_like(u), torch.zeros_like(delta), torch.zeros_like(b)
    da, g = torch.zeros_like(a), torch.zeros(n, channels, a.shape[1])
    for t in reversed(range(length)):
        step = steps[:, t, :, None]
        decay = torch.exp(-step * a.square())
        if m == "state dropped at chunks" and t % 8 == 7:
            g = torch.zeros_like(g)
        g = g + c[:, t, :, None]
        before = states[t + 1] if m == "state after for before" else states[t]
        slope = torch.sigmoid(delta[:, t])
        inner = -a.square() * decay * before * g + b[:, t, None, :] * u[:, t, :, None] * g
        if m == "decay's part of the step":
            inner = b[:, t, None, :] * u[:, t, :, None] * g
        ddelta[:, t] = inner.sum(-1) * (1 if m == "softplus's derivative" else slope)
        da += (-2 * a * step * decay * before * g).sum(0)
        db[:, t] = (step * u[:, t, :, None] * g).sum(1)
        du[:, t] = (step * b[:, t, None, :] * g).sum(-1) + (0 if m == "skip left out of du" else d) * c[:, t]
        g = decay * g
    if m == "da of the last sample":
        da = da / n
    return du, ddelta, da, db, (c * u).sum((0, 1))


add(
    "selective scan",
    selective_scan,
    shapes((2, 20, 6), (2, 20, 6), (6, 4), (2, 20, 4), (6,), scale=0.7),
    scan_backward,
    (
        "state dropped at chunks",
        "state after for before",
        "decay's part of the step",
        "softplus's derivative",
        "skip left out of du",
        "da of the last sample",
    ),
)


def depthwise(x: Tensor, w: Tensor) -> Tensor:
    return F.conv1d(x, w[:, None], padding=w.shape[1] // 2, groups=w.shape[0])


def depthwise_backward(c: Tensor, x: Tensor, w: Tensor, m: str) -> Any:
    k, n = w.shape[1], x.shape[-1]
    padded, dpad = F.pad(x, (k // 2, k // 2)), torch.zeros(*x.shape[:-1], n + k - 1)
    for i in range(k):
        dpad[..., i : i + n] += c * w[:, (k - 1 - i if m == "kernel flipped" else i), None]
    dx = dpad[..., k // 2 : k // 2 + n]
    if m == "padding of the output":
        dx = dpad[..., k // 2 + 1 : k // 2 + 1 + n]
    dw = torch.stack([(c * padded[..., i : i + n]).sum((0, 2)) for i in range(k)], 1)
    if m == "dw without its edges":
        dw = torch.stack([(c * padded[..., i : i + n])[..., 2:-2].sum((0, 2)) for i in range(k)], 1)
    if m == "dw of one sample":
        dw = torch.stack([(c * padded[..., i : i + n])[-1].sum(-1) for i in range(k)], 1)
    return dx, dw


add(
    "depthwise convolution",
    depthwise,
    shapes((3, 10, 45), (10, 5)),
    depthwise_backward,
    ("kernel flipped", "padding of the output", "dw without its edges", "dw of one sample"),
)


def cumulated_backward(c: Tensor, _: Tensor, m: str) -> Tensor:
    if m == "not reversed":
        return c.cumsum(-1)
    found = c.flip(-1).cumsum(-1).flip(-1)
    if m == "exclusive":
        found = found - c
    if m == "carry lost between blocks":
        found = torch.cat([b.flip(-1).cumsum(-1).flip(-1) for b in c.split(32, -1)], -1)
    if m == "by blocks":
        parts = [b.flip(-1).cumsum(-1).flip(-1) for b in c.split(32, -1)]
        carry = torch.zeros(*c.shape[:-1], 1)
        for i in reversed(range(len(parts))):
            parts[i] = parts[i] + carry
            carry = parts[i][..., :1]
        found = torch.cat(parts, -1)
    return found


add(
    "cumulative sum",
    lambda x: x.cumsum(-1),
    shapes((20, 100)),
    cumulated_backward,
    ("not reversed", "exclusive", "carry lost between blocks"),
    ("by blocks",),
)


def rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)


def rotary_backward(c: Tensor, x: Tensor, cos: Tensor, sin: Tensor, m: str) -> Any:
    g, h = c[..., ::2], c[..., 1::2]
    if m == "halves for pairs":
        g, h = c.chunk(2, -1)
    sign = -1 if m == "turned the same way" else 1
    dx = torch.stack([g * cos + sign * h * sin, h * cos - sign * g * sin], -1).flatten(-2)
    a, b = x[..., ::2], x[..., 1::2]
    g, h = c[..., ::2], c[..., 1::2]
    if m == "position off by one":
        dx = torch.stack(
            [g * cos.roll(1, 0) + h * sin.roll(1, 0), h * cos.roll(1, 0) - g * sin.roll(1, 0)], -1
        ).flatten(-2)
    dcos = (g * a + h * b).sum((0, 1))
    dsin = (h * a - g * b).sum((0, 1))
    if m == "dsin's sign":
        dsin = -dsin
    if m == "dcos of one head":
        dcos = (g * a + h * b)[:, 0].sum(0)
    return dx, dcos, dsin


add(
    "rotary, interleaved",
    rotary,
    shapes((2, 3, 19, 32), (19, 16), (19, 16)),
    rotary_backward,
    ("halves for pairs", "turned the same way", "position off by one", "dsin's sign", "dcos of one head"),
)


def shuffled(x: Tensor) -> Tensor:
    return F.pixel_shuffle(x, 2)


def shuffled_backward(c: Tensor, x: Tensor, m: str) -> Tensor:
    if m == "shuffled again":
        return F.pixel_shuffle(c.repeat_interleave(4, 1)[:, : 4 * c.shape[1]], 2)[
            ..., : x.shape[2], : x.shape[3]
        ].repeat(1, 4, 1, 1)[:, : x.shape[1]]
    found = F.pixel_unshuffle(c, 2)
    if m == "sub-pixels transposed":
        found = found.unflatten(1, (-1, 2, 2)).transpose(2, 3).flatten(1, 3)
    if m == "channels not grouped":
        found = found.unflatten(1, (-1, 4)).transpose(1, 2).flatten(1, 2)
    return found


add(
    "pixel shuffle",
    shuffled,
    shapes((2, 12, 7, 9)),
    shuffled_backward,
    ("shuffled again", "sub-pixels transposed", "channels not grouped"),
)


def gathered(x: Tensor, index: Tensor) -> Tensor:
    return x[index] * 2


def gathered_backward(c: Tensor, x: Tensor, index: Tensor, m: str) -> Any:
    g = torch.zeros_like(x)
    if m == "last one wins":
        g[index] = 2 * c
        return g, None
    if m == "random order":
        order = torch.randperm(len(index), generator=torch.Generator().manual_seed(3))
        g.index_add_(0, index[order], 2 * c[order])
        return g, None
    g.index_add_(0, index, (1 if m == "factor left out" else 2) * c)
    if m == "divided by counts":
        g = g / torch.bincount(index, minlength=len(x)).clamp_min(1)[:, None]
    if m == "unused rows not written":
        g[torch.bincount(index, minlength=len(x)) == 0] = 0.5
    return g, None


add(
    "gather with repeats",
    gathered,
    lambda rng, dt: (normal(rng, 25, 30, dtype=dt), torch.randint(0, 22, (60,), generator=rng)),
    gathered_backward,
    ("last one wins", "factor left out", "divided by counts", "unused rows not written"),
    ("random order",),
)


def routed(x: Tensor, router: Tensor, experts: Tensor) -> Tensor:
    p = torch.softmax(x @ router, -1)
    top, chosen = p.topk(2, -1)
    gate = top / top.sum(-1, keepdim=True)
    y = torch.einsum("nd,edf->nef", x, experts).gather(1, chosen[..., None].expand(-1, -1, experts.shape[-1]))
    return (gate[..., None] * y).sum(1)


def routed_backward(c: Tensor, x: Tensor, router: Tensor, experts: Tensor, m: str) -> Any:
    p = torch.softmax(x @ router, -1)
    top, chosen = p.topk(2, -1)
    total = top.sum(-1, keepdim=True)
    gate = top / total
    every = torch.einsum("nd,edf->nef", x, experts)
    y = every.gather(1, chosen[..., None].expand(-1, -1, experts.shape[-1]))
    dgate = (c[:, None] * y).sum(-1)
    dtop = (dgate - (dgate * gate).sum(-1, keepdim=True)) / total
    if m == "gate not renormalised in the backward":
        dtop = dgate
    dp = torch.zeros_like(p).scatter(1, chosen, dtop)
    ds = p * (dp - (p * dp).sum(-1, keepdim=True))
    if m == "router's softmax left out":
        ds = dp
    weight = torch.zeros_like(p).scatter(1, chosen, gate)
    if m == "second expert dropped":
        weight = torch.zeros_like(p).scatter(1, chosen[:, :1], gate[:, :1])
    dexperts = torch.einsum("ne,nd,nf->edf", weight, x, c)
    if m == "capacity: last tokens dropped":
        dexperts = torch.einsum("ne,nd,nf->edf", weight[:-4], x[:-4], c[:-4])
    dx = torch.einsum("ne,nf,edf->nd", weight, c, experts) + ds @ router.T
    if m == "router left out of dx":
        dx = torch.einsum("ne,nf,edf->nd", weight, c, experts)
    return dx, x.T @ ds, dexperts


add(
    "top-2 routing",
    routed,
    shapes((30, 24), (24, 5), (5, 24, 20), scale=0.6),
    routed_backward,
    (
        "gate not renormalised in the backward",
        "router's softmax left out",
        "second expert dropped",
        "capacity: last tokens dropped",
        "router left out of dx",
    ),
)


def pooled(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def pooled_backward(c: Tensor, x: Tensor, m: str) -> Tensor:
    g = torch.zeros_like(x)
    up = c.repeat_interleave(2, -1).repeat_interleave(2, -2) / (2 if m == "divided by 2" else 4)
    if m == "upper left only":
        up = torch.zeros_like(up)
        up[..., ::2, ::2] = c
    g[..., : up.shape[-2], : up.shape[-1]] = up
    if m == "edge filled":
        g[..., -1] = g[..., -2]
    return g


add(
    "average pool, odd",
    pooled,
    shapes((2, 3, 14, 17)),
    pooled_backward,
    ("divided by 2", "upper left only", "edge filled"),
)


def segment_sum(x: Tensor, w: Tensor) -> Tensor:
    ends = [0, 3, 4, 19, 37]
    return torch.stack([(x[i:j] * w).sum(0) / (j - i) for i, j in itertools.pairwise(ends)])


def segment_backward(c: Tensor, x: Tensor, w: Tensor, m: str) -> Any:
    ends = [0, 3, 4, 19, 37]
    dx, dw = torch.zeros_like(x), torch.zeros_like(w)
    for s, (i, j) in enumerate(itertools.pairwise(ends)):
        n = 1 if m == "length left out" else j - i
        stop = j - 1 if m == "last of each segment" else j
        dx[i:stop] = c[s] * w / n
        dw += (c[s] * x[i:j] / n).sum(0)
    if m == "dw of the last segment":
        dw = (c[-1] * x[19:] / 18).sum(0)
    return dx, dw


add(
    "segment mean",
    segment_sum,
    shapes((37, 24), (24,)),
    segment_backward,
    ("length left out", "last of each segment", "dw of the last segment"),
)
