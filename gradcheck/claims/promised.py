"""What every public call promises of what it is passed: it is as before, and what the caller's code raises is told."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from gradcheck.claims import raised
from gradcheck.claims.kept import Kept
from gradcheck.claims.surroundings import usual
from gradcheck.errors import ArgumentError, GradcheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def promised(passed: Mapping[str, Any], who: str, where: str = "") -> Iterator[list[str]]:
    """Call the caller's functions in the usual surroundings; yield the names of the arrays that had to be put back.

    Parameters
    ----------
    passed : mapping of str to object
        What is passed, by name; arrays in it are put back at the end.
    who, where : str
        Whose functions are called, and when, in the sentence about what they raise.

    Raises
    ------
    ArgumentError
        If the caller's own code raised.
    """
    kept, changed = Kept(passed), list[str]()
    try:
        with usual():
            yield changed
    except GradcheckError:
        raise
    except Exception as error:
        if not raised.by_caller(error):
            raise
        raise ArgumentError(raised.sentence(who, error, where)) from error
    finally:
        changed += kept.put_back()
