"""Some of the cases of a folder: what a training learns from, or is segmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles


@dataclass(frozen=True, slots=True)
class ChosenCases:
    """Cases of one folder, in the order in which they are worked on.

    Attributes
    ----------
    folder : CaseFolder
        With the groups and splits that shall hold.
    files : tuple of CaseFiles
        The cases.
    """

    folder: CaseFolder
    files: tuple[CaseFiles, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cases."""
        return tuple(self.folder.name(files) for files in self.files)

    @property
    def title(self) -> str:
        """What they are called: "54 cases of specimens"."""
        count = len(self.files)
        return f"{count} case{'s' * (count != 1)} of {self.place}"

    @property
    def summary(self) -> str:
        """The title, the first names and the last."""
        names = self.names
        few = names if len(names) < 5 else (*names[:3], "…", names[-1])
        return f"{self.title}: {', '.join(few)}"

    @property
    def place(self) -> str:
        """Name of the folder."""
        return self.folder.listing.root.resolve().name

    @property
    def drawn(self) -> ChosenCases:
        """Those that somebody drew on."""
        drawn = tuple(files for files in self.files if files.labels)
        return ChosenCases(self.folder, drawn)

    @property
    def bytes_on_disk(self) -> int:
        """What their files take, packed or not; what is gone takes nothing."""
        root = self.folder.listing.root
        names = (name for files in self.files for name in files.files)
        return sum(_size(root / name) for name in names)

    @property
    def stamp(self) -> int:
        """A number that is another one once a file was changed."""
        root = self.folder.listing.root
        names = (name for files in self.files for name in files.files)
        paths = (root / name for name in names)
        return hash(tuple(p.stat().st_mtime_ns if p.exists() else 0 for p in paths))

    def read(self) -> Iterator[Case]:
        """Read the cases, one after the other.

        Raises
        ------
        CaseReadError
            If one of them cannot be read.
        """
        for files in self.files:
            yield self.folder.read(files).case


def _size(path: Path) -> int:
    """Return the size of a file, or of all that is in a folder."""
    if path.is_dir():
        return sum(_size(each) for each in path.iterdir())
    return path.stat().st_size if path.exists() else 0
