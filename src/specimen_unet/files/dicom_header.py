"""Whether a file is DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.files.volume_header import foreign, opened

if TYPE_CHECKING:
    from pathlib import Path

_PREAMBLE, _MAGIC = 128, b"DICM"


def is_dicom(path: Path) -> bool:
    """Tell by the mark behind the preamble; a file that cannot be read is none."""
    try:
        with path.open("rb") as file:
            file.seek(_PREAMBLE)
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def check_dicom(path: Path) -> None:
    """Check that a file is DICOM.

    Raises
    ------
    CaseReadError
        If the file is missing, empty or no DICOM.
    """
    with opened(path) as file:
        file.seek(_PREAMBLE)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise foreign(path, "DICOM")
