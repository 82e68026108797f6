"""Images that are to be segmented: one file, or those of a folder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cautions import UnpairedFilesWarning
from specimen_unet.files.images import image_stem, is_one_image, open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

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
    files : tuple of Path
        Its file, or those of all channels.
    read : callable
        Reads it, with all its channels.
    answers : Answers
        With which it is read.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    read: Callable[[], Reading]
    answers: Answers


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
        return [Input(image_stem(path.name), path, (path,), read, options.answers)]
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
            tuple(path / file for file in files.images),
            partial(found.image, files),
            found.answers,
        )
        for files in cases
    ]


def outside(out: Path, inputs: Sequence[Input]) -> list[Input]:
    """Leave out what was written before; refuse to write where the images are."""
    place = out.resolve()
    outside = [each for each in inputs if each.path.parent.resolve() != place]
    if not outside:
        raise CaseReadError(
            f"The labels would replace the images in {out}: choose another folder."
        )
    return outside
