"""The arguments of a function, read from a file of NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arrays import converter
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ENDINGS = (".npz", ".npy")
KINDS = "biufc"  # booleans, integers, floats, complex numbers


def load(path: Path, *, dtype: str | None = None, library: str = "numpy") -> Any:
    """Return a tuple of arguments, or a dict where the file has names.

    ``np.savez(path, x, w)`` names its arrays arr_0, arr_1, ...: they are passed in this order. A name with dots is a
    dict's, ``params.w`` the key w of params. Objects are not unpickled.

    Raises
    ------
    ArgumentError
        If the file is none of NumPy's, or holds what is no array of numbers.

    """
    if path.suffix.lower() not in ENDINGS:
        raise ArgumentError(f"--point is {str(path)!r}, wanted a .npz or .npy file: write it with numpy.savez")
    if not path.is_file():
        raise ArgumentError(f"--point is {str(path)!r}, but there is no such file: write it with numpy.savez")
    found = _read(path)
    convert = converter(library)
    arrays = {}
    for name, array in found.items():
        if array.dtype.kind not in KINDS:
            raise ArgumentError(f"{name} in {str(path)!r} is of dtype {array.dtype}, wanted numbers")
        arrays[name] = convert(array.astype(dtype) if dtype is not None and array.dtype.kind == "f" else array)
    if set(arrays) == {f"arr_{i}" for i in range(len(arrays))}:
        return tuple(arrays[f"arr_{i}"] for i in range(len(arrays)))
    return _nested(arrays, path)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:  # NumPy leaves a broken file open
            opened = np.load(file, allow_pickle=False)
            if isinstance(opened, np.ndarray):
                return {"arr_0": opened}
            with opened:
                found = {name: np.asarray(opened[name]) for name in opened.files}
    except Exception as error:  # whatever NumPy, zipfile, zlib and tokenize raise at bytes that they did not write
        said = " ".join(str(error).split()) or type(error).__name__
        raise ArgumentError(f"--point {str(path)!r} cannot be read: {said}") from error
    if not found:
        raise ArgumentError(f"--point {str(path)!r} holds no array")
    return found


def _nested(arrays: dict[str, Any], path: Path) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, array in arrays.items():
        *outer, last = name.split(".")
        at = nested
        for part in outer:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise ArgumentError(f"{name} in {str(path)!r} lies in {part}, which is an array itself")
        if last in at:
            raise ArgumentError(f"{name} in {str(path)!r} is an array and a dict of arrays")
        at[last] = array
    return nested
