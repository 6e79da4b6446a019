"""The entries of a large array in the argument's scale, as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

LARGEST = np.finfo(np.float64).max  # a claim in the argument's scale counts as this where it is beyond the floats


class Scaled:
    """The entries of a large array in the argument's scale, as they are asked for: a copy of all would be as large."""

    def __init__(self, values: Array, scale: float | Array) -> None:
        self._values = values
        self._scale = scale

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return len(self._values)

    def __getitem__(self, part: slice | Entries) -> Array:
        """Return some entries, not to be written into."""
        if isinstance(part, slice) and isinstance(self._scale, float) and self._scale == 1:
            view = self._values[part]
            view.flags.writeable = False
            return view
        scale = self._scale if isinstance(self._scale, float) else self._scale[part]
        return np.clip(self._values[part] * scale, -LARGEST, LARGEST)
