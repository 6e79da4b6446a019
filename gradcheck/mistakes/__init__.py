"""The named mistakes: how each is planted in a right gradient, and how it is undone in a wrong one.

In reading order: `table` has the mistakes and `register`, `factors` the names of constant factors.
"""

from gradcheck.mistakes.table import TABLE, Case, Change, Mistake, changes, register

__all__ = ["TABLE", "Case", "Change", "Mistake", "changes", "register"]
