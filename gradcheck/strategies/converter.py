"""From NumPy's arrays to a library's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["check_choice", "converter"]

LIBRARIES = ("numpy", "torch")


def converter(library: str) -> Callable[[NDArray[Any]], Any]:
    """Return what turns a NumPy array into one of the library, of the same dtype."""
    check_choice("library", library, LIBRARIES)
    if library == "numpy":
        return lambda array: array
    try:
        import torch  # noqa: PLC0415  only where it is asked for
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "library='torch' needs PyTorch, which is not installed: run `pip install 'gradcheck[torch]'`, "
            "or pass library='numpy'."
        ) from error
    return torch.from_numpy


def check_choice(name: str, got: Any, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices."""
    if got not in choices:
        raise ArgumentError(f"{name} is {got!r}, wanted one of {', '.join(map(repr, choices))}")
