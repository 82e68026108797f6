"""A folder of cases: what was found by names, before and after it is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.files.case_names import case_names
from specimen_unet.files.case_options import AS_FOUND, CaseOptions
from specimen_unet.files.groups import GROUPS_FILE, find_groups
from specimen_unet.files.images import open_image
from specimen_unet.files.label_files import LabelReader
from specimen_unet.files.layouts import recognise
from specimen_unet.files.layouts.datasets import DATASET_FILE
from specimen_unet.files.listing import Listing, is_store
from specimen_unet.files.questions import Reading

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Array, SplitMark
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.groups import Groups
    from specimen_unet.files.pairing import CaseFiles, Pairing
    from specimen_unet.files.questions import Answers, Question


class ReadCase(NamedTuple):
    """A case, what is doubtful about its files, and what its images leave open."""

    case: Case
    cautions: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class CaseFolder:
    """A folder of cases.

    Attributes
    ----------
    listing : Listing
        Its files.
    layout : str
        How it is laid out, one of `LAYOUTS`.
    pairing : Pairing
        What belongs together, and why the rest does not.
    names : dict
        First image file of a case -> name of the case, sorted by name.
    groups : Groups
        By first image file.
    answers : Answers
        To what the images leave open: those of the person, then of the folder.
    level : int
        Of images in several resolutions.
    """

    listing: Listing
    layout: str
    pairing: Pairing
    names: dict[str, str]
    groups: Groups
    answers: Answers
    level: int

    @classmethod
    def open(cls, path: str | Path, options: CaseOptions = AS_FOUND) -> CaseFolder:
        """Find the cases of a folder by the names of its files.

        Raises
        ------
        CaseReadError
            If there is no such folder or layout, or the groups make no sense.
        """
        listing = Listing.of(path)
        found, pairing = recognise(listing, options.layout)
        names = case_names(pairing.cases)
        groups = find_groups(listing.root, names, options.group_pattern)
        known = {**pairing.answers, **options.answers}
        return cls(listing, found, pairing, names, groups, known, options.level)

    @cached_property
    def labels(self) -> LabelReader:
        """Reads the labels, all with the same colours."""
        drawn = (
            file
            for case in self.pairing.drawn
            if not is_store(case.images[0])
            for file in case.labelled
        )
        return LabelReader.of(self.listing.root, drawn)

    @property
    def others(self) -> tuple[str, ...]:
        """Files that are neither images nor tables that say something about them."""
        tables = {GROUPS_FILE, DATASET_FILE}
        return tuple(name for name in self.listing.others if name not in tables)

    def cases(self, *, needs_labels: bool) -> list[CaseFiles]:
        """List the cases by name, with or without those that nobody drew on."""
        chosen = self.pairing.drawn if needs_labels else self.pairing.cases
        return sorted(chosen, key=self.name)

    def name(self, files: CaseFiles) -> str:
        """Return the name of a case; no two of the folder have the same."""
        return self.names[files.images[0]]

    def group(self, files: CaseFiles) -> str:
        """Return the group of a case."""
        return self.groups.of_image[files.images[0]]

    def split(self, files: CaseFiles) -> SplitMark:
        """Return what a person wants a case to be used for; "" where nobody said."""
        return self.groups.splits.get(files.images[0], "")

    def subfolder(self, files: CaseFiles) -> str:
        """Return the folder of its class, where images lie in several; "" elsewhere.

        It is told to people and means nothing here: neither a group nor a label.
        """
        return _head(files.images[0]) if self._has_subfolders else ""

    @cached_property
    def _has_subfolders(self) -> bool:
        """Whether images lie in several folders."""
        return len({_head(case.images[0]) for case in self.pairing.cases}) > 1

    def read(self, files: CaseFiles) -> ReadCase:
        """Read a case.

        Raises
        ------
        CaseReadError
            If a file cannot be read, or files do not fit one another.
        """
        image, grid, questions = self.image(files)
        if is_store(files.images[0]):
            drawn = self._drawn_in_store(files)
            cautions: list[str] = []
        else:
            drawn, cautions = self._drawn(files, image, grid)
        case = self._case(files, image, drawn, grid)
        return ReadCase(case, tuple(cautions), questions)

    def drawn(self, files: CaseFiles) -> dict[str, Array]:
        """Read what every observer drew on a case, without its image.

        Raises
        ------
        CaseReadError
            If a file cannot be read.
        """
        if is_store(files.images[0]):
            return self._drawn_in_store(files)
        return {who: self.labels.read(paths)[0] for who, paths in files.labels.items()}

    def _drawn(
        self, files: CaseFiles, image: Array, grid: Grid
    ) -> tuple[dict[str, Array], list[str]]:
        """Read the labels, and tell what is doubtful about them."""
        drawn = {}
        cautions = []
        for observer, paths in files.labels.items():
            labels, labels_grid = self.labels.read(paths)
            file = paths[0]
            self._check_shape(labels, image.shape[-grid.dimensions :], file, files)
            if not _fits(labels_grid, grid):
                cautions.append(self._spacings(labels_grid, grid, file, files))
            drawn[observer] = labels
        return drawn, cautions

    def _drawn_in_store(self, files: CaseFiles) -> dict[str, Array]:
        """Open the labels of a Zarr store, lazily."""
        # zarr and dask take half a second to import.
        from specimen_unet.files.zarr_images import read_drawn

        return read_drawn(self.listing.root / files.images[0], level=self.level)

    def image(self, files: CaseFiles) -> Reading:
        """Read the image alone: one file, or one a channel.

        Raises
        ------
        CaseReadError
            As `read` does.
        """
        read = [
            open_image(self.listing.root / file, self.answers, level=self.level)
            for file in files.images
        ]
        first, grid, questions = read[0]
        if len(read) == 1:
            return Reading(_without_repeats(first, grid), grid, questions)
        for file, (channel, other, _) in zip(files.images, read, strict=True):
            self._check_channel(file, channel, other)
            if channel.shape != first.shape or not other.same_spacing(grid):
                raise CaseReadError(
                    f"{self.listing.root / file} is {channel.shape} voxels of "
                    f"{other.spacing} {other.unit}, but {files.images[0]} is "
                    f"{first.shape} of {grid.spacing} {grid.unit}: the channels of "
                    "one image must lie on one grid. Export them again."
                )
        return Reading(np.stack([each.image for each in read]), grid, questions)

    def _check_channel(self, file: str, channel: Array, grid: Grid) -> None:
        if channel.ndim > grid.dimensions:
            raise CaseReadError(
                f"{self.listing.root / file} has {len(channel)} channels, but is "
                "itself a channel of an image: save one channel in a file."
            )

    def _case(
        self, files: CaseFiles, image: Array, drawn: dict[str, Array], grid: Grid
    ) -> Case:
        try:
            return Case(
                image,
                drawn,
                spacing=grid.spacing,
                unit=grid.unit,
                name=self.name(files),
                group=self.group(files),
                channel_names=self._channel_names(image, grid),
                label_names=self.pairing.label_names,
                split=self.split(files),
            )
        except SpecimenUnetError as error:
            path = self.listing.root / files.images[0]
            raise CaseReadError(f"{path} holds no case. {error}") from error

    def _channel_names(self, image: Array, grid: Grid) -> tuple[str, ...]:
        """Return the folder's names of channels where there are as many."""
        channels = len(image) if image.ndim > grid.dimensions else 1
        names = self.pairing.channel_names
        return names if len(names) == channels else ()

    def _check_shape(
        self, labels: Array, shape: tuple[int, ...], file: str, files: CaseFiles
    ) -> None:
        if labels.shape != shape:
            raise CaseReadError(
                f"{self.listing.root / file} is {labels.shape} voxels but its image "
                f"{self.listing.root / files.images[0]} is {shape}: use labels drawn "
                "on this image, or rename the file if the two do not belong together."
            )

    def _spacings(self, labels: Grid, image: Grid, file: str, files: CaseFiles) -> str:
        return (
            f"{self.listing.root / file} has the spacing {labels.spacing} "
            f"{labels.unit} but its image {self.listing.root / files.images[0]} has "
            f"{image.spacing} {image.unit}: the image's is used."
        )


def _head(image: str) -> str:
    """Return the first folder of a path, "" where there is none."""
    return image.rpartition("/")[0].partition("/")[0]


def _without_repeats(image: Array, grid: Grid) -> Array:
    """Make one channel of a picture in colours (RGB) that are all gray."""
    is_picture = isinstance(image, np.ndarray) and grid.dimensions == 2
    if not is_picture or image.shape[:-2] != (3,):
        return image
    return image[0] if (image == image[:1]).all() else image


def _fits(labels: Grid, image: Grid) -> bool:
    """Whether the labels say nothing about the size of a voxel, or say the same."""
    if labels.unit == "pixel" and set(labels.spacing) == {1.0}:
        return True
    return labels.can_be_in(image.unit) and labels.in_unit(image.unit).same_spacing(
        image
    )
