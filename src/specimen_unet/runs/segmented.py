"""What was segmented with which models: labels know where they come from.

Beside the labels lies the list that the docks write, too (`files.predictions`): so is
nothing done twice when a command is given again, and one can tell what made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specimen_unet.files.file_stamps import hash_of_file, stamps_of
from specimen_unet.files.images import labels_suffix
from specimen_unet.files.library import read_card
from specimen_unet.files.predictions import (
    Prediction,
    Predictions,
    UsedModel,
)
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.runs.image_files import Input


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file, known by what is in it.

    Attributes
    ----------
    path : Path
        Where it is.
    name : str
        What its card says.
    sha256 : str
        Of the whole file.
    """

    path: Path
    name: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> ModelFile:
        """Look at a model file; ModelFileError if it is none."""
        return cls(path.resolve(), read_card(path).name, hash_of_file(path))


def models_of(paths: Sequence[Path]) -> list[ModelFile]:
    """Find the models: a path is a model file, or a study, which means all of its.

    Raises
    ------
    ModelFileError
        If a file is no model.
    RunFolderError
        If a study has not all its models yet.
    """
    found: list[Path] = []
    for path in paths:
        if not StudyFolder.is_study(path):
            found.append(path)
            continue
        found += StudyFolder.open(path).all_models()
    return [ModelFile.of(path) for path in found]


class Segmented:
    """The record beside the labels in a folder.

    Parameters
    ----------
    out : Path
        The folder, which may be missing.
    models : sequence of ModelFile
        What is segmented with.
    settings : SegmentationSettings
        How; the device does not count.
    options : CaseOptions
        How images are read.
    """

    def __init__(
        self,
        out: Path,
        models: Sequence[ModelFile],
        settings: SegmentationSettings,
        options: CaseOptions,
    ) -> None:
        self._out = out
        self._record = Predictions(out)
        self._models = tuple(
            UsedModel(name=model.name, sha256=model.sha256) for model in models
        )
        self._settings = settings.model_dump(mode="json", exclude={"device"})
        self._level = options.level

    def labels_of(self, image: Input) -> Path | None:
        """Return the labels that an image has already, made in this very way.

        They may have been corrected since, which is not looked at.
        """
        wanted = self._prediction(image)
        return self._out / wanted.labels if self._record.has(wanted) else None

    def begin(self, image: Input) -> None:
        """Write down that an image is being segmented.

        So are its labels a model's, even if nobody lives to note that they are there.
        """
        self._record.note(
            self._prediction(image).model_copy(update={"unfinished": True})
        )

    def note(self, image: Input) -> None:
        """Write down that an image was segmented; the last line counts."""
        self._record.note(self._prediction(image))

    def _prediction(self, image: Input) -> Prediction:
        return Prediction(
            case=image.name,
            labels=labels_name(image),
            image=str(image.path.resolve()),
            files=stamps_of(image.files),
            models=self._models,
            settings=self._settings,
            answers=dict(image.answers),
            level=self._level,
        )


def labels_name(image: Input) -> str:
    """Name the labels of an image."""
    return f"{image.name}{labels_suffix(image.path.name)}"
