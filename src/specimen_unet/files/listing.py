"""The files of a folder, and of the folders in it, before any of them is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.dicom_header import is_dicom
from specimen_unet.files.dicom_slices import read_slice_header
from specimen_unet.files.images import image_suffix
from specimen_unet.files.predictions import written_by_models

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_SUFFIX = ".zarr"


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder.

    Attributes
    ----------
    root : Path
        The folder.
    names : tuple of str
        Files relative to it, sorted, with "/" between folders, hidden ones left out,
        and those that a list of segmentations says models wrote.
        A Zarr store and a folder of DICOM slices count as files.
    series : frozenset of str
        Those of them that are folders of DICOM slices.
    """

    root: Path
    names: tuple[str, ...]
    series: frozenset[str] = frozenset()

    @classmethod
    def of(cls, root: str | Path) -> Listing:
        """List a folder.

        Raises
        ------
        CaseReadError
            If there is no such folder.
        """
        root = Path(root)
        if not root.is_dir():
            raise CaseReadError(
                f"There is no folder {root}: choose the folder that holds the images."
            )
        series: set[str] = set()
        names = sorted(_walk(root, series))
        return cls(root, tuple(names), frozenset(series))

    @property
    def images(self) -> tuple[str, ...]:
        """Images and labels, by their suffix; those in stores are left out."""
        return tuple(
            name
            for name in self.names
            if (image_suffix(name) or name in self.series) and not is_store(name)
        )

    @property
    def stores(self) -> tuple[str, ...]:
        """Zarr stores, which hold an image and perhaps its labels."""
        return tuple(name for name in self.names if is_store(name))

    @property
    def others(self) -> tuple[str, ...]:
        """What is neither image nor store."""
        known = {*self.images, *self.stores}
        return tuple(name for name in self.names if name not in known)


def is_store(name: str) -> bool:
    """Tell a Zarr store by its suffix."""
    return name.lower().endswith(STORE_SUFFIX)


def _walk(root: Path, series: set[str]) -> Iterator[str]:
    """Yield what lies in a folder; folders of DICOM slices are added to `series`."""
    written: set[str] = set()
    for place, folders, files in os.walk(root):
        inside = Path(place).relative_to(root)
        written |= {(inside / n).as_posix() for n in written_by_models(Path(place))}
        seen = sorted(name for name in folders if not name.startswith("."))
        slices = [name for name in seen if _is_series(Path(place) / name)]
        whole = [name for name in seen if is_store(name) or name in slices]
        folders[:] = [name for name in seen if name not in whole]
        for name in [*whole, *files]:
            path = (inside / name).as_posix()
            if not name.startswith(".") and path not in written:
                if name in slices:
                    series.add(path)
                yield path


def _is_series(folder: Path) -> bool:
    """Tell a folder that holds DICOM slices of one series, and nothing but DICOM.

    A folder of DICOM files that are an image each has a series for every file.
    """
    files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    if len(files) < 2 or not all(file.is_file() and is_dicom(file) for file in files):
        return False
    seen: set[str] = set()
    for file in files:
        try:
            name = read_slice_header(file).series
        except CaseReadError:
            continue  # told when it is read
        if name in seen:
            return True
        seen.add(name)
    return False
