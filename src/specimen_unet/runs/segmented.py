"""What was segmented with which models: labels know where they come from.

Beside the labels lies ``segmented.jsonl``, a line for every image: so is nothing done
twice when a command is given again, and one can tell later what made the labels.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.files.library import read_card
from specimen_unet.runs.journal import append_line
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.settings import SegmentationSettings
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.runs.image_files import Input

FILE = "segmented.jsonl"


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
        name = read_card(path).name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.resolve(), name, digest)


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
        study = StudyFolder.open(path)
        if len(study.model_paths) < study.folds:
            raise RunFolderError(
                f"The study {study.name} has {len(study.model_paths)} of "
                f"{study.folds} models: go on with it first "
                f"(specimen-unet crossvalidate '{study.path}')."
            )
        found += study.model_paths
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
        self._how: dict[str, Any] = {
            "models": [
                {"name": model.name, "sha256": model.sha256} for model in models
            ],
            "settings": settings.model_dump(mode="json", exclude={"device"}),
            "answers": dict(options.answers),
            "level": options.level,
        }
        self._lines = _read(out / FILE)

    def labels_of(self, image: Input) -> Path | None:
        """Return the labels that an image has already, made in this very way.

        They may have been corrected since, which is not looked at.
        """
        line = self._lines.get(str(image.path.resolve()))
        if line is None or any(line.get(key) != self._how[key] for key in self._how):
            return None
        labels = self._out / str(line.get("labels"))
        is_same = line.get("files") == _stamps(image) and labels.exists()
        return labels if is_same else None

    def note(self, image: Input, labels: Path) -> None:
        """Write down that an image was segmented; the last line counts."""
        line = {
            "image": str(image.path.resolve()),
            "labels": labels.name,
            "files": _stamps(image),
            **self._how,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        append_line(self._out / FILE, json.dumps(line, ensure_ascii=False) + "\n")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Read the last line of every image; a line torn by a kill is left out."""
    if not path.exists():
        return {}
    found = {}
    for text in path.read_text("utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            found[str(line["image"])] = line
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _stamps(image: Input) -> list[list[Any]]:
    """Tell files that were changed from those that were not: size and time."""
    return [[path.name, *_stamp(path)] for path in image.files]


def _stamp(path: Path) -> tuple[int, int]:
    """Return size and time; of a folder (DICOM, OME-Zarr) those of what is in it."""
    if not path.is_dir():
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    entries = [entry.stat() for entry in os.scandir(path)]
    return (
        sum(entry.st_size for entry in entries),
        max((entry.st_mtime_ns for entry in entries), default=0),
    )
