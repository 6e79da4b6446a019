"""The named mistakes: how each is planted in a gradient, and how it is undone.

In reading order: `mistake` says what a mistake is and has `register`, `table` has the mistakes, `factors` the names of
constant factors.
"""

import gradcheck.mistakes.table  # noqa: F401  its mistakes enter themselves into TABLE
from gradcheck.mistakes.mistake import TABLE, Case, Change, Mistake, changes, register

__all__ = ["TABLE", "Case", "Change", "Mistake", "changes", "register"]
