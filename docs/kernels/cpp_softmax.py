r"""Softmax in C++ through torch.utils.cpp_extension: p = softmax(x), dx = p·(c − Σ p·c), row by row."""

import functools
import os

import torch

WRONG = ("projection left out", "unweighted mean", "last column", "from the row before", "cotangent as if contiguous")

SOURCE = r"""
#include <torch/extension.h>
#include <cmath>

torch::Tensor forward(torch::Tensor x) {
  auto wide = x.to(torch::kFloat).contiguous();
  auto p = torch::empty_like(wide);
  int64_t rows = wide.size(0), n = wide.size(1);
  for (int64_t i = 0; i < rows; ++i) {
    const float* in = wide.data_ptr<float>() + i * n;
    float* out = p.data_ptr<float>() + i * n;
    float largest = in[0], total = 0;
    for (int64_t j = 1; j < n; ++j) largest = std::max(largest, in[j]);
    for (int64_t j = 0; j < n; ++j) total += out[j] = std::exp(in[j] - largest);
    for (int64_t j = 0; j < n; ++j) out[j] /= total;
  }
  return p;
}

torch::Tensor backward(torch::Tensor c, torch::Tensor p, int64_t mistake) {
  auto wide = mistake == 5 ? torch::from_blob(c.data_ptr(), p.sizes(), c.dtype()).to(torch::kFloat)
                           : c.to(torch::kFloat).contiguous();
  auto dx = torch::empty_like(p);
  int64_t rows = p.size(0), n = p.size(1);
  for (int64_t i = 0; i < rows; ++i) {
    const float* g = wide.data_ptr<float>() + i * n;
    const float* q = p.data_ptr<float>() + (mistake == 4 && i > 0 ? i - 1 : i) * n;
    float* out = dx.data_ptr<float>() + i * n;
    float dot = 0;
    for (int64_t j = 0; j < n; ++j) dot += mistake == 2 ? g[j] / n : q[j] * g[j];
    if (mistake == 1) dot = 0;
    for (int64_t j = 0; j < (mistake == 3 ? n - 1 : n); ++j) out[j] = q[j] * (g[j] - dot);
  }
  return dx;
}
"""


@functools.cache
def compiled():
    from torch.utils.cpp_extension import load_inline

    return load_inline("gradcheck_softmax", SOURCE, functions=["forward", "backward"], extra_cflags=["-O1"])


class Softmax(torch.autograd.Function):
    """x of any dtype, (rows, n)."""

    @staticmethod
    def forward(ctx, x, mistake):
        p = compiled().forward(x)
        ctx.save_for_backward(p)
        ctx.mistake = mistake
        return p.to(x.dtype)

    @staticmethod
    def backward(ctx, c):
        (p,) = ctx.saved_tensors
        which = WRONG.index(ctx.mistake) + 1 if ctx.mistake else 0
        return compiled().backward(c, p, which).to(c.dtype), None


def kernel(x, mistake=""):
    return Softmax.apply(x, mistake)


def reference(x, mistake=""):
    return torch.softmax(x, -1)


def inputs(dtype, device="cpu"):
    return (torch.randn(12, 50, generator=torch.Generator().manual_seed(5)).to(device, dtype),)


os.environ.setdefault("MAX_JOBS", "1")
