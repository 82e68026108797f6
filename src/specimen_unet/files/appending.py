"""Files of lines that only grow, and survive their writer."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def append_line(path: Path, text: str) -> None:
    """Append a line, its break included, to a file.

    A writer killed in the middle of a line leaves it torn; that line is ended first,
    so that it swallows nothing of what follows.
    """
    line = text.encode()
    with path.open("a+b") as file:
        file.write(b"\n" + line if _ends_torn(file) else line)


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the objects in a file of JSON lines that may be missing.

    Lines that are torn, or no objects, are left out.
    """
    if not path.is_file():
        return
    for text in path.read_text("utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict):
                yield line


def _ends_torn(file: IO[bytes]) -> bool:
    """Whether the last line of a file has no end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
