"""Where a vjp or jvp raises because what it is given is structured otherwise than it expects: the caller's error.

The same call with the same numbers in another structure tells it apart from a claim that is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.claims.outputs import structure_in_words
from gradcheck.claims.point import finished
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcheck.claims.array_claim import ArrayClaim

MISREAD = (TypeError, ValueError, IndexError, KeyError, AttributeError)  # what unpacking something else raises
GIVEN = ("the cotangent as {}, the structure of f's output", "the tangents as {}, the structure of args")


def called(
    claim: ArrayClaim,
    function: Callable[..., Any],
    given: Any,
    flat: Sequence[Any],
    leaves: Sequence[Any],
    fits: Callable[[Any], object],
) -> Any:
    """Return function(given, *arguments).

    Parameters
    ----------
    claim : ArrayClaim
        A vjp or a jvp.
    function, given, leaves
        What to call, and with what.
    flat : sequence of array
        The arrays in `given`.
    fits : callable
        Raises unless a result is one for `leaves`.

    Raises
    ------
    ArgumentError
        If it raises, and does not when `flat`, the arrays in `given`, come in another structure.

    """
    try:
        return claim.apply(function, given, leaves)
    except MISREAD as error:
        kind = claim.word
        for other in _others(given, flat, claim.names if kind == "jvp" else claim.output_names):
            try:
                fits(claim.apply(function, other, leaves))
            except Exception:  # noqa: BLE001, S112  this structure is not what it expects either
                continue
            passed, wanted = structure_in_words(given), structure_in_words(other)
            raise ArgumentError(
                f"the {kind} raised {type(error).__name__} ({error}): it is passed "
                f"{GIVEN[kind == 'jvp'].format(passed)}, and would work with {wanted}: let it take {passed}"
            ) from error
        if len(flat) > 1 and _takes_them_apart(claim, function, flat, leaves, fits):
            passed = structure_in_words(given)
            raise ArgumentError(
                f"the {kind} raised {type(error).__name__} ({error}): it takes {len(flat)} vectors one by one, and is "
                f"passed {GIVEN[kind == 'jvp'].format(passed)}: let it take {kind}({passed}, *args)"
            ) from error
        if _takes_it_last(claim, function, given, leaves, fits):
            raise ArgumentError(
                f"the {kind} raised {type(error).__name__} ({error}): it is passed its vector before the arguments, "
                f"and would work with it behind them: wanted {kind}(vector, *args)"
            ) from error
        raise


def _takes_them_apart(
    claim: ArrayClaim,
    function: Callable[..., Any],
    flat: Sequence[Any],
    leaves: Sequence[Any],
    fits: Callable[[Any], object],
) -> bool:
    filled = claim.tree.fill(leaves)
    try:
        if isinstance(filled, dict):
            fits(finished(function(*flat, **filled, **claim.kwargs), function))
        else:
            fits(finished(function(*flat, *filled, **claim.kwargs), function))
    except Exception:  # noqa: BLE001  whatever it raises: that was not it
        return False
    return True


def _takes_it_last(
    claim: ArrayClaim, function: Callable[..., Any], given: Any, leaves: Sequence[Any], fits: Callable[[Any], object]
) -> bool:
    filled = claim.tree.fill(leaves)
    if isinstance(filled, dict):
        return False
    try:
        fits(finished(function(*filled, given, **claim.kwargs), function))
    except Exception:  # noqa: BLE001  whatever it raises: that was not it
        return False
    return True


def _others(given: Any, flat: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
    """Yield the same arrays in the other structures that people expect."""
    seen = [structure_in_words(given)]
    keys = [name.rpartition(".")[2] for name in names]
    for other in (tuple(flat), list(flat), flat[0], dict(zip(keys, flat, strict=False))):
        if structure_in_words(other) not in seen:
            seen.append(structure_in_words(other))
            yield other
