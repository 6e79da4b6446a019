"""Whether arrays fit this machine's memory, asked before anything is computed."""

from __future__ import annotations

import os
from decimal import Decimal


def memory() -> int | None:
    """Return the machine's memory in bytes, where the system tells it."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def fits(needed: int) -> bool:
    """Tell whether so many bytes may be there."""
    there = memory()
    return there is None or needed <= there


def said(needed: int) -> str:
    """Return how many bytes are needed and how many there are, in words."""
    there = memory()
    has = "" if there is None else f"; this machine has {there / 2**30:.3g} GiB"
    return f"{Decimal(needed) / 2**30:.3g} GiB of memory{has}"  # more than a float may hold
