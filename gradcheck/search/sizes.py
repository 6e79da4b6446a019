"""Is the signature that of the function? Told by a few calls at sizes that differ, before anything is drawn.

A signature says which sizes are equal. Where it lets two differ that the function needs equal, most drawn cases are
none, and those that are left look like a PASS.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError
from gradcheck.search.calls import called

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcheck.strategies.described import Arguments

SIDE, OTHER = 2, 3  # neither is 1, which broadcasts
FILLS = 3  # numbers to try: a function may be defined for some of them only


class Sizes:
    """Which sizes a function takes, each asked once.

    Parameters
    ----------
    f : callable
        The user's function.
    arguments : Arguments
        Which shapes the signature allows.

    """

    def __init__(self, f: Callable[..., Any], arguments: Arguments) -> None:
        self._f, self._arguments = f, arguments
        self._known: dict[tuple[tuple[str, int], ...], str] = {}
        every = [name.rstrip("?") for shape in arguments.signature.inputs for name in shape]
        self._names = list(dict.fromkeys(name for name in every if not name.isdigit()))

    def check(self, target: str) -> None:
        """Raise ArgumentError if sizes that the signature lets differ have to be equal."""
        if self._problem(self._all(range(SIDE, SIDE + len(self._names)))) == "":
            return
        if self._problem(self._all([SIDE] * len(self._names))):
            return  # not for the sizes: what is drawn will tell
        bound = {name: why for name in self._names if (why := self._problem(self._except(name)))}
        signature = self._arguments.signature
        for one, other in combinations(bound, 2):
            if not self._problem(self._except(one, other)):
                raise ArgumentError(
                    f"the signature {str(signature)!r} lets {one} and {other} differ, but {target} takes them only "
                    f"equal ({bound[other]}): write {str(signature.equal(one, other))!r}"
                )

    def refuses(self, args: Any) -> bool:
        """Tell whether f cannot be evaluated at arguments of these sizes, whatever stands in them."""
        sizes: dict[str, int] = {}
        for shape, array in zip(self._arguments.signature.inputs, _in_order(self._arguments.tree, args), strict=True):
            if len(array.shape) != len(shape):
                return False  # a size was left out
            sizes.update({name: size for name, size in zip(shape, array.shape, strict=True) if not name.isdigit()})
        return bool(self._problem({name.rstrip("?"): size for name, size in sizes.items()}))

    def _all(self, sizes: Any) -> dict[str, int]:
        return dict(zip(self._names, sizes, strict=True))

    def _except(self, *names: str) -> dict[str, int]:
        return {name: OTHER if name in names else SIDE for name in self._names}

    def _problem(self, sizes: Mapping[str, int]) -> str:
        """Return what f raises at arguments of these sizes, or nothing where it has a value for some numbers."""
        key = tuple(sizes.items())
        if key not in self._known:
            self._known[key] = self._raised(sizes)
        return self._known[key]

    def _raised(self, sizes: Mapping[str, int]) -> str:
        last = ""
        for number in range(FILLS):
            try:
                called(self._f, self._arguments.filled(sizes, number))
            except Exception as error:  # noqa: BLE001  whatever the user's function raises
                last = f"{type(error).__name__}: {' '.join(str(error).split())}"
            else:
                return ""
        return last


def _in_order(tree: Any, args: Any) -> list[Any]:
    """Return the arrays in the order of their positions in the tree."""
    if isinstance(tree, dict):
        return [array for name, part in tree.items() for array in _in_order(part, args[name])]
    if isinstance(tree, tuple):
        return [array for i, part in enumerate(tree) for array in _in_order(part, args[i])]
    return [args]
