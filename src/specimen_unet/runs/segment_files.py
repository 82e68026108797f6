"""``specimen-unet segment``: image files in, label files out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.model import load_model
from specimen_unet.engine.segmentation import segmenting
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cautions import UnpairedFilesWarning
from specimen_unet.files.images import (
    image_stem,
    is_one_image,
    labels_suffix,
    open_image,
    probabilities_suffix,
    write_image,
    write_labels,
)
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.terminal import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from specimen_unet.domain.settings import SegmentationSettings
    from specimen_unet.engine.model import Model
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.files.questions import Answers, Reading


@dataclass(frozen=True, slots=True)
class Input:
    """An image to be segmented.

    Attributes
    ----------
    name : str
        What its labels will be called; no two of a folder have the same.
    path : Path
        Its file, or that of the first channel.
    read : callable
        Reads it, with all its channels.
    answers : Answers
        With which it is read.
    """

    name: str
    path: Path
    read: Callable[[], Reading]
    answers: Answers


def segment_files(
    images: Path,
    model_path: Path,
    out: Path,
    settings: SegmentationSettings,
    options: CaseOptions,
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
        Folder for the labels; made where it is missing. What is in it is not
        segmented.
    settings : SegmentationSettings
        With `probabilities`, they are written as ``NAME_probabilities``.
    options : CaseOptions
        How the folder is to be understood.

    Raises
    ------
    CaseReadError
        If there are no images, or `out` is where they are.
    ModelFileError
        If the model cannot be loaded.
    """
    inputs = _outside(out, images_of(images, options))
    settle_heap()
    model = load_model(model_path)
    written: dict[str, str] = {}
    failed: dict[str, str] = {}
    for number, each in enumerate(inputs, start=1):
        what = f"{number}/{len(inputs)} {each.path.name}"
        try:
            labels = _segment(each, model, out, settings, what)
            written[str(each.path)] = str(labels)
        except (SpecimenUnetError, OSError) as error:
            failed[str(each.path)] = str(error)
    return _answer(written, failed)


def images_of(path: Path, options: CaseOptions) -> list[Input]:
    """List the images to segment: one file, or those of a folder of cases.

    Raises
    ------
    CaseReadError
        If there are none.

    Warns
    -----
    UnpairedFilesWarning
        Names the files that are no images of a case.
    """
    if not path.exists():
        raise CaseReadError(f"There is no file or folder {path}: check the name.")
    if is_one_image(path):
        read = partial(open_image, path, options.answers, level=options.level)
        return [Input(image_stem(path.name), path, read, options.answers)]
    found = CaseFolder.open(path, options)
    cases = found.cases(needs_labels=False)
    if not cases:
        raise CaseReadError(
            f"{path} holds no images: choose a folder of images, or one image."
        )
    if found.pairing.left:
        left = (f"{file} ({why})" for file, why in found.pairing.left.items())
        warnings.warn(
            f"Not segmented: {', '.join(left)}", UnpairedFilesWarning, stacklevel=2
        )
    return [
        Input(
            found.name(files),
            path / files.images[0],
            partial(found.image, files),
            found.answers,
        )
        for files in cases
    ]


def _outside(out: Path, inputs: Sequence[Input]) -> list[Input]:
    """Leave out what was written before; refuse to write where the images are."""
    place = out.resolve()
    outside = [each for each in inputs if each.path.parent.resolve() != place]
    if not outside:
        raise CaseReadError(
            f"The labels would replace the images in {out}: choose another folder."
        )
    return outside


def _segment(
    image: Input, model: Model, out: Path, settings: SegmentationSettings, what: str
) -> Path:
    """Segment an image with a progress bar; return where its labels are."""
    voxels, grid, _ = image.read()
    case = Case(voxels, spacing=grid.spacing, unit=grid.unit, name=image.name)
    events = segmenting(case, model, settings)
    with ProgressBar(what) as bar:
        while True:
            try:
                bar.show(next(events))
            except StopIteration as end:
                result = end.value
                break
    labels_path = out / f"{image.name}{labels_suffix(image.path.name)}"
    write_labels(
        labels_path, result.labels, grid, like=image.path, answers=image.answers
    )
    if result.probabilities is not None:
        suffix = probabilities_suffix(image.path.name)
        maps_path = out / f"{image.name}_probabilities{suffix}"
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
