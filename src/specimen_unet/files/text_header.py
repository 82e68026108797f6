"""Headers that are text, with the voxels behind them or in a file beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.volume_header import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TextHeader:
    """How a format with such a header is read.

    Attributes
    ----------
    fields : callable
        ``(file, path) -> dict``: reads the header.
    length : callable
        ``(fields, path) -> int``: bytes that the voxels need, unpacked.
    data_file : callable
        ``(fields) -> str``: the file of the voxels; None when they follow the header.
    check : callable
        ``(file, fields, needed, path)``: checks that the voxels are there.
    whole_suffix : str
        Of files that hold header and voxels.
    """

    fields: Callable[[BinaryIO, Path], dict[str, str]]
    length: Callable[[Mapping[str, str], Path], int]
    data_file: Callable[[Mapping[str, str]], str | None]
    check: Callable[[BinaryIO, Mapping[str, str], int, Path], None]
    whole_suffix: str

    def read(self, path: Path) -> dict[str, str]:
        """Read the header's fields, and check that all voxels are there.

        Raises
        ------
        CaseReadError
            If the file (or that of its voxels) is missing, empty, truncated, damaged
            or foreign.
        """
        with opened(path) as file:
            fields = self.fields(file, path)
            needed = self.length(fields, path)
            name = self.data_file(fields)
            if name is None:
                self.check(file, fields, needed, path)
        if name is None:
            return fields
        if name.upper().startswith("LIST") or "%" in name:
            raise CaseReadError(
                f"{path} has its voxels in several files ({name}), but one was "
                f"expected: save it as one {self.whole_suffix} file."
            )
        beside = path.parent / name
        with opened(beside) as file:
            self.check(file, fields, needed, beside)
        return fields
