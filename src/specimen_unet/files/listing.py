"""The files of a folder, and of the folders in it, before any of them is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import image_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator

_STORE_SUFFIX = ".zarr"


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder.

    Attributes
    ----------
    root : Path
        The folder.
    names : tuple of str
        Files relative to it, sorted, with "/" between folders, hidden ones left out.
        A Zarr store counts as a file.
    """

    root: Path
    names: tuple[str, ...]

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
        return cls(root, tuple(sorted(_walk(root))))

    @property
    def images(self) -> tuple[str, ...]:
        """Files that are images or labels by their suffix."""
        return tuple(name for name in self.names if image_suffix(name))


def _walk(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        seen = sorted(name for name in folders if not name.startswith("."))
        stores = [name for name in seen if name.lower().endswith(_STORE_SUFFIX)]
        folders[:] = [name for name in seen if name not in stores]
        for name in [*stores, *files]:
            if not name.startswith("."):
                yield (Path(place) / name).relative_to(root).as_posix()
