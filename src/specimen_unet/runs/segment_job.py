"""A segmentation is a folder while it lasts: docks and engine share no more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import Settings
from specimen_unet.runs.storage import (
    file_name,
    new_folder,
    open_array,
    read_case,
    read_json,
    write_array,
    write_case,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array, Case


class SegmentOrder(Settings):
    """What job.json says: the models to segment with, and how."""

    models: tuple[Path, ...]
    settings: SegmentationSettings


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """One segmentation in its own folder: a case, models, and the labels made.

    Made by `SegmentJob.create`; whoever made it removes it.
    """

    path: Path

    @classmethod
    def create(
        cls,
        parent: Path,
        case: Case,
        models: Sequence[Path],
        settings: SegmentationSettings,
    ) -> SegmentJob:
        """Write a case and what to do with it into a new folder of `parent`.

        Several models segment together.
        """
        paths = tuple(path.resolve() for path in models)
        order = SegmentOrder(models=paths, settings=settings)

        def fill(folder: Path) -> None:
            write_case(folder / "case", case)
            write_json(folder / "job.json", order)

        return cls(new_folder(Path(parent), f"segment-{file_name(case.name)}", fill))

    @classmethod
    def open(cls, path: Path) -> SegmentJob:
        """Open a job that was created before; RunFolderError if it is not one."""
        job = cls(Path(path))
        job.order()
        return job

    def order(self) -> SegmentOrder:
        """Return the models to segment with, and how."""
        return read_json(self.path / "job.json", SegmentOrder)

    def case(self) -> Case:
        """Open the case as memory maps."""
        return read_case(self.path / "case")

    @property
    def labels_path(self) -> Path:
        """Where the labels are, once the segmentation is done."""
        return self.path / "labels.npy"

    def labels(self) -> Array:
        """Open the labels, (*spatial), as a memory map."""
        return open_array(self.labels_path)

    def probabilities(self) -> Array | None:
        """Open the probabilities, (K, *spatial), or None if not asked for."""
        path = self.path / "probabilities.npy"
        return open_array(path) if path.exists() else None

    def keep(self, labels: Array, probabilities: Array | None) -> None:
        """Write the result; the labels last, because they say that it is done."""
        if probabilities is not None:
            write_array(self.path / "probabilities.npy", probabilities)
        write_array(self.labels_path, labels)

    def remove(self) -> None:
        """Delete the folder and all that is in it."""
        shutil.rmtree(self.path)
