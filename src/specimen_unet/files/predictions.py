"""Labels that models wrote for images, and the list of them beside them.

The list, ``segmented.jsonl``, says which models wrote which file, from which image: a
line an image, of JSON, appended; of a file its last line counts. Docks and terminal
write the same. So such labels are never taken for what an observer drew, a person's own
file is never overwritten, and a segmentation that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.settings import Settings
from specimen_unet.files.appending import append_line, json_lines
from specimen_unet.files.file_stamps import stamps_of
from specimen_unet.files.images import (
    labels_suffix,
    probabilities_suffix,
    read_labels,
    write_labels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.model_files import ModelFiles
    from specimen_unet.files.pairing import CaseFiles

RECORD = "segmented.jsonl"
# How a segmentation is computed, or what else is written; not what labels come out.
_NO_MATTER = {"device", "engine", "probabilities"}


class UsedModel(Settings):
    """A model: what people call it, and what no other one has."""

    name: str
    sha256: str = ""


class Prediction(Settings):
    """Labels that a model wrote, or several together.

    Attributes
    ----------
    case : str
        Name of the case.
    labels : str
        The file, relative to the list's folder.
    image : str
        The first image file, by its whole path.
    files : tuple
        Name, size and time of each image file: others once one was changed.
    models : tuple of UsedModel
    settings : dict, without the device
    answers : dict
        With which the image was read.
    level : int
        Of images in several resolutions.
    unfinished : bool
        Whether the labels are only about to be written.
    date : str
        When this was noted.
    """

    case: str = ""
    labels: str
    image: str = ""
    files: tuple[tuple[str, int, int], ...] = ()
    models: tuple[UsedModel, ...]
    settings: dict[str, Any] = Field(default_factory=dict)
    answers: dict[str, str] = Field(default_factory=dict)
    level: int = 0
    unfinished: bool = False
    date: str = ""

    @property
    def model(self) -> str:
        """What people call the model, or how many there are."""
        if len(self.models) == 1:
            return self.models[0].name
        return f"{len(self.models)} models together"

    def serves_as(self, wanted: Prediction) -> bool:
        """Tell whether these labels are what would be written."""
        has_maps = self.settings.get("probabilities", False)
        wants_maps = wanted.settings.get("probabilities", False)
        return (
            not self.unfinished
            and self._how == wanted._how
            and (has_maps or not wants_maps)
        )

    @property
    def _how(self) -> tuple[Any, ...]:
        """Return all that labels depend on."""
        settings = {k: v for k, v in self.settings.items() if k not in _NO_MATTER}
        hashes = [model.sha256 for model in self.models]
        read = self.image, self.files, self.answers, self.level
        return self.labels, *read, hashes, settings


class Predictions:
    """The labels that models wrote into one folder.

    Parameters
    ----------
    folder : Path
        Where ``segmented.jsonl`` is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._of_file: dict[str, Prediction] = {}
        for line in json_lines(folder / RECORD):
            with suppress(ValidationError):  # of another program, or of another time
                made = Prediction.model_validate(line)
                self._of_file[made.labels] = made

    def of_cases(self) -> dict[str, tuple[Path, Prediction]]:
        """Return the newest labels of every case, and their file, if it is there."""
        whole = (each for each in self._of_file.values() if not each.unfinished)
        newest = sorted(whole, key=lambda each: each.date)
        found = {each.case: (self.folder / each.labels, each) for each in newest}
        return {case: pair for case, pair in found.items() if pair[0].exists()}

    def has(self, wanted: Prediction) -> bool:
        """Tell whether these very models wrote these labels from this very image.

        They may have been corrected since, which is not looked at.
        """
        known = self._of_file.get(wanted.labels)
        is_there = known is not None and (self.folder / wanted.labels).exists()
        return is_there and known is not None and known.serves_as(wanted)

    def check_free(self, wanted: Prediction) -> None:
        """Refuse to overwrite what no model wrote.

        Raises
        ------
        CaseReadError
            If there is such a file.
        """
        path = self.folder / wanted.labels
        if path.exists() and wanted.labels not in written_by_models(self.folder):
            raise CaseReadError(
                f"{path} is there already and was not written by a model: choose "
                "another folder for the labels, or move that file away."
            )

    def write(
        self, made: Prediction, labels: Array, grid: Grid, like: Path, answers: Any
    ) -> Path:
        """Write labels, and then that they are there.

        Parameters
        ----------
        made : Prediction
            What they are.
        labels : ndarray of int, shape (*spatial)
        grid : Grid
            Of the image.
        like : Path
            The image, whose place and direction are kept where formats know of them.
        answers : mapping
            With which it is read.

        Returns
        -------
        Path
            The file.
        """
        self.check_free(made)
        path = self.folder / made.labels
        path.parent.mkdir(parents=True, exist_ok=True)
        # Noted first: a process that is killed in between leaves no labels that could
        # be taken for an observer's; that they are not there is seen.
        self.note(made.model_copy(update={"unfinished": True}))
        write_labels(path, labels, grid, like=like, answers=answers)
        self.note(made)
        return path

    def note(self, made: Prediction) -> None:
        """Append to the list what is written, or is about to be."""
        dated = made.model_copy(update={"date": datetime.now(UTC).isoformat()})
        self._of_file[made.labels] = dated
        self.folder.mkdir(parents=True, exist_ok=True)
        content = dated.model_dump(mode="json", exclude_defaults=True)
        line = json.dumps(content, ensure_ascii=False)
        append_line(self.folder / RECORD, line + "\n")


def prediction_of(
    folder: CaseFolder,
    files: CaseFiles,
    models: ModelFiles,
    settings: SegmentationSettings,
    out: Path | None,
) -> tuple[Path, Prediction]:
    """Decide where the labels of a case are written.

    Parameters
    ----------
    folder : CaseFolder
        Of the case.
    files : CaseFiles
        The case.
    models : ModelFiles
    settings : SegmentationSettings
        How they segment.
    out : Path or None
        Folder for ``NAME.tif``; None for ``NAME_MODEL.tif`` beside the image.

    Returns
    -------
    Path
        Folder of the list.
    Prediction
        Without a date.
    """
    image = folder.listing.root / files.images[0]
    name = folder.name(files)
    suffix = labels_suffix(image.name)
    if out is None:
        beside = files.images[0].rpartition("/")[0]
        labels = "/".join(filter(None, [beside, f"{name}_{models.name}{suffix}"]))
    else:
        labels = f"{name}{suffix}"
    return out or folder.listing.root, Prediction(
        case=name,
        labels=labels,
        image=str(image.resolve()),
        files=stamps_of([folder.listing.root / file for file in files.images]),
        models=models.used,
        settings=settings.model_dump(mode="json", exclude={"device"}),
        answers=dict(folder.answers),
        level=folder.level,
    )


def newest_predictions(
    places: Iterable[Path],
) -> dict[str, tuple[Path, Prediction]]:
    """Return the newest labels of every case among several folders of labels."""
    found: dict[str, tuple[Path, Prediction]] = {}
    for place in places:
        _merge(found, Predictions(place).of_cases())
    return found


def _merge(
    found: dict[str, tuple[Path, Prediction]],
    more: dict[str, tuple[Path, Prediction]],
) -> None:
    """Keep the newer of two."""
    for case, pair in more.items():
        if case not in found or found[case][1].date < pair[1].date:
            found[case] = pair


def places_of_predictions(root: Path) -> list[Path]:
    """Find the folders, from this one down, into which models wrote."""
    return sorted(path.parent for path in root.rglob(RECORD))


def read_prediction(path: Path) -> Array:
    """Read the labels that a model wrote, (*spatial)."""
    return read_labels(path)[0]


def written_by_models(folder: Path) -> set[str]:
    """Name the files, relative to a folder, that models wrote, by the lists in it."""
    path = folder / RECORD
    found = {RECORD} if path.is_file() else set()
    for line in json_lines(path):
        with suppress(TypeError, KeyError):  # of another program
            found |= _files_of(line)
    return found


def _files_of(line: dict[str, Any]) -> set[str]:
    """Name the labels that a line is about, and the probabilities beside them."""
    labels = str(line["labels"])
    found = {labels}
    if line.get("settings", {}).get("probabilities"):
        image = Path(line["image"]).name
        stem = labels.removesuffix(labels_suffix(image))
        found.add(f"{stem}_probabilities{probabilities_suffix(image)}")
    return found
