"""A claim: a scalar function, what is said to be its gradient, and the point. Each form is a class of its own.

Whatever the form, in the end there is φ's function(leaves) → float and claimed(leaves) → one array for each leaf (None
where nothing is claimed). A form is one file: a subclass registered by the keyword of `check` that it reads.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcheck.claims.backward_asked import Findings
    from gradcheck.claims.tree import Tree


@dataclass(frozen=True)
class Given:
    """What `check` was given besides the function and the claim.

    Attributes
    ----------
    args : tuple, list, dict or None
        The point; None where the form brings its own (`inputs=`).
    names : sequence of str or None
        Names of the arguments.
    kwargs : mapping
        Passed on to every function.
    seed : int
        Of the random cotangents.
    options : mapping
        Those of one form alone, such as ``order`` of ``inputs=``.

    """

    args: Any = None
    names: Sequence[str] | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


class Claim:
    """What is on trial; immutable once it is built.

    Attributes
    ----------
    tree : Tree
        The arguments as they were passed.
    leaves : tuple of array
        The point: copies of the tree's leaves.
    names : tuple of str
        A name for each leaf.
    title : str
        What to call the whole.
    notes : tuple of str
        What the reader of the report should know about how the claim was brought to this form.
    at_point_only : bool
        Whether arrays were claimed instead of a function: nothing is known of the claim anywhere else.
    given_unit : float
        Unit round-off of such arrays, 0 for a function.
    own_error : float
        How far the function is off that the claim is held against, relative to the claim: 0 for the user's own f.
    predicted : callable or None
        For a claim that maps tangents (a jvp): (leaves, index, direction) → the slope it predicts. The claimed arrays
        do not exist then.
    linear : callable or None
        Leaves → a sentence if the claim is not linear in its cotangent or tangent, for forms that have one.
    owed : callable or None
        (leaves, gradients there) → what a backward pass that the form can ask in other ways comes to.

    """

    forms: ClassVar[dict[str, type[Claim]]] = {}
    keyword: ClassVar[str] = ""

    tree: Tree
    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    title: str
    notes: tuple[str, ...] = ()
    at_point_only: bool = False
    given_unit: float = 0.0
    own_error: float = 0.0
    predicted: Callable[[Sequence[Any], int, Any], float] | None = None
    linear: Callable[[Sequence[Any]], str | None] | None = None
    owed: Callable[[Sequence[Any], Sequence[Any]], Findings | None] | None = None

    def __init_subclass__(cls, *, keyword: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if keyword:
            cls.keyword = keyword
            Claim.forms[keyword] = cls

    def __init__(self, function: Callable[..., Any], value: Any, given: Given) -> None:
        raise NotImplementedError

    @classmethod
    def read(cls, function: Callable[..., Any], value: Any, given: Given) -> Claim:
        """Return the claim that `check(function, keyword=value, ...)` makes: one of another class where that fits."""
        return cls(function, value, given)

    def function(self, leaves: Sequence[Any]) -> float:
        """Return the scalar f as a Python float."""
        raise NotImplementedError

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return one array (or None) for each leaf."""
        raise NotImplementedError

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype name of what f computes, before it becomes a float."""
        raise NotImplementedError

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments as the user's functions take them by position."""
        raise NotImplementedError

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return the scalar f as the user's library returns it, for oracles that look inside."""
        raise NotImplementedError

    def asked(self, index: int) -> bool:
        """Tell whether a claim about this leaf is to be judged."""
        return self.tree.only is None or self.tree.names[index] in self.tree.only

    def not_checked(self, judged: Sequence[int]) -> tuple[str, ...]:
        """Return the names of the arguments that are not judged, each with the reason."""
        left = [(i, name) for i, name in enumerate(self.names) if i not in judged]
        listed = [f"{name} ({self.why_not(i)})" for i, name in left]
        listed += [f"{name} ({dtype})" for name, dtype in self.tree.others()]
        return tuple(listed)

    def why_not(self, index: int) -> str:
        """Return why a leaf is not judged."""
        return "no gradient claimed" if self.asked(index) else "not in only="

    def restore(self) -> None:
        """Write the point back into the caller's arrays: a function may keep its parameters in them."""
        for original, leaf in zip(self.tree.originals(), self.leaves, strict=True):
            if arrays.is_array(original) and not arrays.same(original, leaf):
                arrays.written(original, leaf)

    def standing_for(self, smooth: Callable[..., Any]) -> Self:
        """Return the claim held against `smooth`, another function of the same arguments and outputs, instead of f."""
        raise NotImplementedError

    def with_(self, **changes: Any) -> Self:
        """Return a copy with some members replaced."""
        other = copy.copy(self)
        vars(other).update(changes)
        return other
