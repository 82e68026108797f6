"""Labels that a model wrote for a folder of cases, and the list of them beside them.

The list, ``segmented.json``, says which model wrote which file, from which image. So
such labels are never taken for what an observer drew, a person's own file is never
overwritten, and a segmentation that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.settings import SegmentationSettings, Settings
from specimen_unet.files.images import labels_suffix, read_labels, write_labels
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles

MANIFEST = "segmented.json"
TERMINAL_RECORD = "segmented.jsonl"
"""What ``specimen-unet segment`` notes beside labels: a line an image, of JSON."""
# How a segmentation is computed, not what comes out.
_NO_MATTER = {"device", "engine", "probabilities"}
_CHUNK = 2**24


class Prediction(Settings):
    """Labels that a model wrote.

    Attributes
    ----------
    case : str
        Name of the case.
    labels : str
        The file, relative to the list's folder.
    model, model_hash : str
        What people call it, and what no other model has.
    settings : dict
        As far as they change the labels.
    image_stamp : str
        What changes when the image file does.
    date : str
        When it was written.
    """

    case: str
    labels: str
    model: str
    model_hash: str
    settings: dict[str, Any]
    image_stamp: str
    date: str = ""


class _Manifest(Settings):
    """What segmented.json holds."""

    format: Literal[1] = 1
    predictions: tuple[Prediction, ...] = ()


class Predictions:
    """The labels that models wrote into one folder.

    Parameters
    ----------
    folder : Path
        Where ``segmented.json`` is, or will be.

    Raises
    ------
    CaseReadError
        If that file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._of_file = {each.labels: each for each in _read(folder).predictions}

    def of_cases(self) -> dict[str, tuple[Path, Prediction]]:
        """Return the newest labels of every case, and their file, if it is there."""
        newest = sorted(self._of_file.values(), key=lambda each: each.date)
        found = {each.case: (self.folder / each.labels, each) for each in newest}
        return {case: pair for case, pair in found.items() if pair[0].exists()}

    def has(self, wanted: Prediction) -> bool:
        """Tell whether this very model wrote these labels from this very image."""
        known = self._of_file.get(wanted.labels)
        if known is None or not (self.folder / wanted.labels).exists():
            return False
        return known.model_copy(update={"date": ""}) == wanted

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
        dated = made.model_copy(update={"date": datetime.now(UTC).isoformat()})
        self._of_file[made.labels] = dated.model_copy(update={"model_hash": ""})
        self._save()
        write_labels(path, labels, grid, like=like, answers=answers)
        self._of_file[made.labels] = dated
        self._save()
        return path

    def _save(self) -> None:
        content = _Manifest(predictions=tuple(self._of_file.values()))
        text = json.dumps(content.model_dump(mode="json"), indent=1, ensure_ascii=False)
        with replaced(self.folder / MANIFEST) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def prediction_of(
    folder: CaseFolder,
    files: CaseFiles,
    model: Path,
    settings: SegmentationSettings,
    out: Path | None,
) -> tuple[Path, Prediction]:
    """Decide where a model's labels of a case are written.

    Parameters
    ----------
    folder : CaseFolder
        Of the case.
    files : CaseFiles
        The case.
    model : Path
        Its file.
    settings : SegmentationSettings
        How it segments.
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
        labels = "/".join(filter(None, [beside, f"{name}_{model.stem}{suffix}"]))
    else:
        labels = f"{name}{suffix}"
    status = image.stat()
    return out or folder.listing.root, Prediction(
        case=name,
        labels=labels,
        model=model.stem,
        model_hash=hash_of_file(model.resolve()),
        settings=settings.model_dump(mode="json", exclude=_NO_MATTER),
        image_stamp=f"{status.st_size} {status.st_mtime_ns}",
    )


def newest_predictions(
    places: Iterable[Path],
) -> dict[str, tuple[Path, Prediction]]:
    """Return the newest labels of every case among several folders of labels.

    A folder whose list is damaged has none; that is told when somebody segments into
    it.
    """
    found: dict[str, tuple[Path, Prediction]] = {}
    for place in places:
        with suppress(CaseReadError):
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
    return sorted(path.parent for path in root.rglob(MANIFEST))


def read_prediction(path: Path) -> Array:
    """Read the labels that a model wrote, (*spatial)."""
    return read_labels(path)[0]


def written_by_models(folder: Path) -> set[str]:
    """Name the files, relative to a folder, that models wrote, by the lists in it."""
    found = _written_by_terminal(folder / TERMINAL_RECORD)
    if not (folder / MANIFEST).is_file():
        return found
    found.add(MANIFEST)
    with suppress(CaseReadError):  # told when somebody segments into this folder
        found |= {each.labels for each in _read(folder).predictions}
    return found


def _written_by_terminal(path: Path) -> set[str]:
    """Name the labels in the terminal's record, and the record; none where none is."""
    if not path.is_file():
        return set()
    found = {TERMINAL_RECORD}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        with suppress(ValueError, TypeError, KeyError):  # a line torn by a kill
            found.add(str(json.loads(line)["labels"]))
    return found


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    status = path.stat()
    return _hash(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _hash(path: Path, size: int, changed: int) -> str:
    """Read a file once as long as it stays the same."""
    del size, changed
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _read(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        return _Manifest()
    try:
        return _Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CaseReadError(
            f"{path} is damaged or was written by another program "
            f"({error.error_count()} errors): choose another folder for the labels, or "
            "move that file away."
        ) from error
