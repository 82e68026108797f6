"""``specimen-unet segment``: image files in, label files out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.model import load_model
from specimen_unet.engine.segmentation import segmenting
from specimen_unet.files.cautions import UnpairedFilesWarning
from specimen_unet.files.images import (
    image_stem,
    is_one_image,
    labels_suffix,
    probabilities_suffix,
    read_image,
    write_image,
    write_labels,
)
from specimen_unet.files.pairing import pair_names
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.terminal import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.settings import SegmentationSettings
    from specimen_unet.engine.model import Model


def segment_files(
    images: Path, model_path: Path, out: Path, settings: SegmentationSettings
) -> Answer:
    """Segment an image, or every image of a folder.

    Labels are written under the name of their image, with its spacing and unit, in
    its format if that keeps numbers (of a JPEG as PNG, of DICOM as NIfTI). What fails
    is listed at the end and does not keep the others waiting.

    Parameters
    ----------
    images : Path
        An image file, or a folder of them (or of cases, whose labels are left out).
    model_path : Path
        A model file.
    out : Path
        Folder for the labels; made where it is missing.
    settings : SegmentationSettings
        With `probabilities`, they are written as ``NAME_probabilities``.

    Raises
    ------
    CaseReadError
        If there are no images, or `out` is where they are.
    ModelFileError
        If the model cannot be loaded.
    """
    paths = images_of(images)
    if out.resolve() in {path.parent.resolve() for path in paths}:
        raise CaseReadError(
            f"The labels would replace the images in {out}: choose another folder."
        )
    settle_heap()
    model = load_model(model_path)
    written: dict[str, str] = {}
    failed: dict[str, str] = {}
    names = _names_of_results(paths)
    for number, (path, name) in enumerate(zip(paths, names, strict=True), start=1):
        what = f"{number}/{len(paths)} {path.name}"
        try:
            written[str(path)] = str(
                _segment_file(path, model, out / name, settings, what)
            )
        except (SpecimenUnetError, OSError) as error:
            failed[str(path)] = str(error)
    return _answer(written, failed)


def images_of(path: Path) -> list[Path]:
    """List the images to segment: one file, or those of a folder of cases.

    Raises
    ------
    CaseReadError
        If there are none.

    Warns
    -----
    UnpairedFilesWarning
        Names the files whose names say that they are labels of no image.
    """
    if not path.exists():
        raise CaseReadError(f"There is no file or folder {path}: check the name.")
    if is_one_image(path):
        return [path]
    folder = path / "images" if (path / "images").is_dir() else path
    pairing = pair_names(file.name for file in folder.iterdir() if file.is_file())
    names = [file for case in pairing.cases for file in case.images]
    if not names:
        raise CaseReadError(
            f"{folder} holds no images: choose a folder of images, or one image."
        )
    if pairing.left:
        warnings.warn(
            f"Not segmented, since they are called labels: {', '.join(pairing.left)}",
            UnpairedFilesWarning,
            stacklevel=2,
        )
    return [folder / name for name in names]


def _names_of_results(paths: Sequence[Path]) -> list[str]:
    """Name the labels of each image after it; a.jpg and a.png must not share a file."""
    stems = [image_stem(path.name) for path in paths]
    return [
        stem if stems.count(stem) == 1 else path.name.replace(".", "-")
        for stem, path in zip(stems, paths, strict=True)
    ]


def _segment_file(
    path: Path, model: Model, out: Path, settings: SegmentationSettings, what: str
) -> Path:
    """Segment one file with a progress bar; return where its labels are.

    `out` is the path of the labels without suffix.
    """
    image, grid = read_image(path)
    stem = image_stem(path.name)
    case = Case(image, spacing=grid.spacing, unit=grid.unit, name=stem)
    events = segmenting(case, model, settings)
    with ProgressBar(what) as bar:
        while True:
            try:
                bar.show(next(events))
            except StopIteration as end:
                result = end.value
                break
    labels_path = out.with_name(f"{out.name}{labels_suffix(path.name)}")
    write_labels(labels_path, result.labels, grid, like=path)
    if result.probabilities is not None:
        suffix = probabilities_suffix(path.name)
        maps_path = out.with_name(f"{out.name}_probabilities{suffix}")
        write_image(maps_path, result.probabilities, grid)
    return labels_path


def _answer(written: dict[str, str], failed: dict[str, str]) -> Answer:
    lines = list(written.values())
    if failed:
        lines.append(f"{len(failed)} of {len(written) + len(failed)} files failed:")
        lines += [f"  {name}: {message}" for name, message in failed.items()]
    content = {"written": written, "failed": failed}
    return Answer("\n".join(lines), content, status_of(written, failed))


def status_of(done: Sequence[str] | dict[str, str], failed: dict[str, str]) -> Status:
    """Tell whether all, some or none of the files went well."""
    if not failed:
        return Status.OK
    return Status.SOME_FILES_FAILED if done else Status.BAD_INPUT
