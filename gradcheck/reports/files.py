"""Files that are written whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path

from boltons.fileutils import atomic_save


def write(path: str | Path, data: str | bytes) -> None:
    """Write a file so that the old one stays whole until the new one is: on a full disk, or when interrupted.

    A link is followed. What is no regular file (a terminal, a pipe) cannot be replaced and is written to. Characters
    that UTF-8 cannot encode are written as their escapes.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before still is.

    """
    path = Path(path).resolve()
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    part = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        with atomic_save(path, part_file=part.name) as file:
            file.write(content)
    finally:
        part.unlink(missing_ok=True)  # a full disk is told when the file is closed, and then boltons leaves its part
