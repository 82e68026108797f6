"""Phantoms: made-up specimens and images, for first steps, demonstrations and tests.

They look like the real ones and set the same task, but nothing that is learnt
from them says anything about patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.domain.phantom_breast import (
    benign_lesion,
    breast_image,
    malignant_lesion,
)
from specimen_unet.domain.phantom_fields import Canvas
from specimen_unet.domain.phantom_outlines import OBSERVERS, observed
from specimen_unet.domain.phantom_scan import scan
from specimen_unet.domain.phantom_specimen import grow_specimen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

# Field of view in mm. The real specimen's file records no spacing; 0.5 x 0.15 x
# 0.15 mm is assumed, which makes it some 2 cm across.
SPECIMEN_FIELD = (19.5, 33.15, 30.0)
BREAST_FIELD = (38.4, 44.8)
# What the images of a stack show, over and over.
FINDINGS = (benign_lesion, malignant_lesion, benign_lesion, malignant_lesion, None)


def specimen_phantom(seed: int = 0, shape: Sequence[int] = (39, 221, 200)) -> Case:
    """Make an ex-vivo ultrasound volume of excised breast with a tumour.

    Parameters
    ----------
    seed : int
        The same seed gives the same specimen.
    shape : sequence of int
        Number of voxels along Z, Y and X. The field of view stays the same
        (19.5 x 33.15 x 30 mm), so a small shape is a coarse scan.

    Returns
    -------
    Case
        Image uint8 (1, Z, Y, X); labels of the observers EA and MG, uint8
        (Z, Y, X), 1 in the tumour; spacing in mm (assumed: see above).
    """
    slices, height, width = shape
    spacing = tuple(mm / size for mm, size in zip(SPECIMEN_FIELD, shape, strict=True))
    canvas = Canvas((slices, height, width), spacing, np.random.default_rng(seed))
    specimen = grow_specimen(canvas)
    return Case(
        scan(canvas, specimen),
        observed(canvas, specimen.tumour),
        spacing=spacing,
        unit="mm",
        name=f"specimen {seed}",
    )


def breast_ultrasound_phantom(
    seed: int = 0, images: int = 12, shape: Sequence[int] = (192, 224)
) -> Case:
    """Make a stack of breast ultrasound images, each of another breast.

    Parameters
    ----------
    seed : int
        The same seed gives the same images, however many of them are wanted.
    images : int
        How many; benign and malignant lesions take turns, and every fifth image
        is normal.
    shape : sequence of int
        Number of pixels of an image along Y and X, which show 38 x 45 mm.

    Returns
    -------
    Case
        Image uint8 (1, images, Y, X), meant for a 2D model: neighbouring images
        have nothing in common, and the spacing of 10 mm between them means
        nothing. Labels of the observers EA and MG, uint8 (images, Y, X), 1 in
        the lesion.
    """
    height, width = shape
    spacing = tuple(mm / size for mm, size in zip(BREAST_FIELD, shape, strict=True))
    pages = [
        _breast_page(
            Canvas((height, width), spacing, np.random.default_rng([seed, number])),
            number,
        )
        for number in range(images)
    ]
    return Case(
        np.stack([image for image, _ in pages]),
        {name: np.stack([drawn[name] for _, drawn in pages]) for name in OBSERVERS},
        spacing=(10.0, *spacing),
        unit="mm",
        name=f"breast {seed}",
    )


def _breast_page(canvas: Canvas, number: int) -> tuple[Array, dict[str, Array]]:
    """Make one image of the stack, and what the observers drew on it."""
    grow = FINDINGS[number % len(FINDINGS)]
    if grow is None:
        nothing = np.zeros(canvas.shape, np.uint8)
        return breast_image(canvas, None), dict.fromkeys(OBSERVERS, nothing)
    lesion = grow(canvas)
    return breast_image(canvas, lesion), observed(canvas, lesion.depth)
