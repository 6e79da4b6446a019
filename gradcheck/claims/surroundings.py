"""The same surroundings for every check, whatever those of the caller: one check then has one answer."""

from __future__ import annotations

import contextlib
import decimal
import sys
from typing import TYPE_CHECKING

from gradcheck.slopes.field import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def usual() -> Iterator[None]:
    """Enter the usual modes of NumPy (no floating-point errors), decimal, and Torch (gradients on, no autocast).

    All of them belong to the thread (and Torch's to the coroutine's step), so other checks do not see them. What
    belongs to the process (Torch's default dtype, its number of threads, warning filters) stays as it is.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(decimal.localcontext())
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "inference_mode"):  # not while it is being imported
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.enable_grad())
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
        yield
