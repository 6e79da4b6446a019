"""Triton's interpreter where there is no GPU: it is chosen when Triton is imported, which Torch may do at any time."""

import os
import shutil

if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")
