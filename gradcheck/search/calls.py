"""Calling a user's function with drawn arguments, which may be a tuple or a dict, nested."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stopped(BaseException):
    """The user's code asked to end the process; the cause says where. No Exception: what draws would catch it."""


def called(f: Callable[..., Any], args: Any) -> Any:
    """Return what f returns of copies of the arguments.

    Raises
    ------
    Exception
        What f raises.
    Stopped
        If f raises what ends a program, as sys.exit() does.

    """
    own = _copied(args)
    try:
        return f(**own) if isinstance(own, dict) else f(*own)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise Stopped from error


def ordered(f: Callable[..., Any], named: Any) -> Any:
    """Return a dict by argument name as a tuple in f's own order; as it is where f's arguments are called otherwise.

    A gradient returns its arrays in that order, and may call its arguments what it likes.
    """
    if not isinstance(named, dict):
        return named
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # built-in functions tell nothing
        return named
    positional = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    if set(named) != set(positional[: len(named)]):
        return named
    return tuple(named[name] for name in positional[: len(named)])


def leaves_of(args: Any) -> Iterator[Any]:
    """Yield the arrays of nested arguments."""
    if isinstance(args, dict):
        args = args.values()
    elif not isinstance(args, (tuple, list)):
        yield args
        return
    for part in args:
        yield from leaves_of(part)


def _copied(args: Any) -> Any:
    if isinstance(args, dict):
        return {name: _copied(part) for name, part in args.items()}
    if isinstance(args, (tuple, list)):
        return type(args)(_copied(part) for part in args)
    return arrays.copied(args)
