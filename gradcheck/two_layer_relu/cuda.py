"""The fast Torch step on a CUDA device: replayed as one graph, and in the reduced precisions that the device offers.

A small step on a GPU costs its launches: ten of them, a few microseconds each, more than the arithmetic. A graph is
recorded once and launched as a whole. Nothing in it waits for the host.

    step = GraphStep(to_torch(draw(), device="cuda", dtype="float32"), lr=1e-6)
    with tf32():
        loss = step()        # a tensor on the device, overwritten by the next call
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gradcheck.errors import UnsupportedError
from gradcheck.two_layer_relu.torch_fast import TorchWorkspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from gradcheck.two_layer_relu.problem import Problem

# cuBLAS allocates its workspace and chooses its kernels in the first calls; Torch's notes on graphs ask for a few.
WARM_UP = 3


def why_no_cuda() -> str:
    """Return why no CUDA device can be used here, empty where one can."""
    import torch  # noqa: PLC0415  asked by commands that run without Torch, too

    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"Torch {torch.__version__} is built without CUDA"
    if not torch.cuda.is_available():
        return f"Torch {torch.__version__} finds no CUDA device"
    return ""


class GraphStep:
    """One step of gradient descent at a fixed learning rate, recorded as a CUDA graph.

    Parameters
    ----------
    problem : Problem
        Tensors on one CUDA device; w1 and w2 are changed in place by each call, not by the recording.
    lr : float
        The learning rate: a constant of the recording.

    Raises
    ------
    ArgumentError
        If the tensors do not fit.
    UnsupportedError
        If they are not on a CUDA device, or there is none.

    """

    def __init__(self, problem: Problem, lr: float) -> None:
        import torch  # noqa: PLC0415  see why_no_cuda

        if problem.x.device.type != "cuda":
            reason = why_no_cuda() or f"the problem is on {problem.x.device}: pass to_torch(problem, device='cuda')"
            raise UnsupportedError(f"A CUDA graph needs a CUDA device: {reason}.")
        self.workspace = TorchWorkspace(problem)
        w1, w2 = self.workspace.problem.w1, self.workspace.problem.w2
        before = w1.clone(), w2.clone()
        self._graph = torch.cuda.CUDAGraph()
        device: Any = torch.cuda.device
        stream: Any = torch.cuda.Stream
        with device(problem.x.device):  # a graph is recorded on the current device
            side = stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    self.workspace.step(lr)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(self._graph):
                self._loss = self.workspace.step(lr)
        w1.copy_(before[0])  # the warm-up took steps
        w2.copy_(before[1])

    def __call__(self) -> Tensor:
        """Take a step, and return the loss before it: a tensor that the next call overwrites."""
        self._graph.replay()
        return self._loss


@contextmanager
def tf32(*, enabled: bool = True) -> Iterator[None]:
    """Let float32 products on CUDA round their factors to TF32 (10 bits of fraction), or forbid it, for a while.

    Faster on devices from Ampere on; the gradient is then right to about 2^-11 of its terms. A graph keeps what it was
    recorded with.
    """
    import torch  # noqa: PLC0415  see why_no_cuda

    before: Any = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = enabled
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
