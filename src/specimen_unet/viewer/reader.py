"""napari opens images of every format with their spacing, and labels as labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import LENGTHS
from specimen_unet.files.images import (
    TIFF_SUFFIXES,
    as_labels,
    has_colours,
    image_stem,
    image_suffix,
    is_one_image,
    read_image,
    read_labels,
)
from specimen_unet.files.layouts.datasets import dataset_facts, label_names
from specimen_unet.files.pairing import MOST_LABELS, pair_names, says_labels
from specimen_unet.files.tiff import tiff_kind
from specimen_unet.files.zarr_format import is_zarr

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

    LayerData = tuple[Array, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Offer to read a file; napari asks this for every file it opens.

    Parameters
    ----------
    path : str or list of str
        What a person opened. Lists (2D files to be stacked), addresses on the web,
        folders of images and files that are not one 2D or 3D image are left to other
        readers.

    Returns
    -------
    callable or None
        `read_layers`, or None when another reader should be asked.
    """
    if not isinstance(path, str) or not Path(path).exists():
        return None
    if Path(path).is_dir():
        # OME-Zarr has a reader of its own, which shows all levels.
        is_ours = is_one_image(Path(path)) and not is_zarr(path)
        return read_layers if is_ours else None
    suffix = image_suffix(path).lower()
    if not suffix or (suffix in TIFF_SUFFIXES and _is_other(path)):
        return None
    return read_layers


def read_layers(path: str) -> list[LayerData]:
    """Read a file into layers with scale, units and axis names.

    Labels (by the name of the file or its folder, or because they lie beside the
    image they were drawn on) become a labels layer, each channel an image layer,
    a colour picture one RGB layer.

    Parameters
    ----------
    path : str
        A file of any format that is read, or a folder of DICOM slices.

    Returns
    -------
    list of (data, attributes, kind of layer)
        As napari takes them.

    Raises
    ------
    CaseReadError
        If the file cannot be read; napari shows the message.
    """
    image, grid = read_image(path)
    name = image_stem(Path(path).name)
    frame = frame_of_grid(grid)
    labels = _labels(image, grid, Path(path))
    if labels is not None:
        return [(labels, {"name": name, **frame, **_features(Path(path))}, "labels")]
    if image.ndim == grid.dimensions:
        return [(image, {"name": name, **frame}, "image")]
    if has_colours(path):
        picture = np.ascontiguousarray(np.moveaxis(image, 0, -1))
        return [(picture, {"name": name, "rgb": True, **frame}, "image")]
    return [
        (
            channel,
            {"name": f"{name} [{number}]", "blending": "additive", **frame},
            "image",
        )
        for number, channel in enumerate(image)
    ]


def _is_other(path: str) -> bool:
    """Tell movies and the like; damaged files are ours, to say what is wrong."""
    try:
        return tiff_kind(path) == "other"
    except CaseReadError:
        return False


def frame_of_grid(grid: Grid) -> dict[str, Any]:
    """Put a grid into napari's words; units that are no length mean nothing to it."""
    unit = grid.unit if grid.unit in LENGTHS else "pixel"
    return {
        "scale": grid.spacing,
        "units": (unit,) * grid.dimensions,
        "axis_labels": tuple(axis.lower() for axis in grid.axes),
    }


def _labels(image: Array, grid: Grid, path: Path) -> Array | None:
    """Return labels if name, place and values say so; None for an image."""
    says_so = says_labels(f"{path.parent.name}/{path.name}")
    if not says_so and (image.dtype.kind == "f" or not _is_beside_its_image(path)):
        return None
    try:
        in_colours = image.ndim > grid.dimensions
        # Of a picture with a palette the numbers are labels, not the colours.
        labels = read_labels(path)[0] if in_colours else as_labels(image, grid, path)
    except CaseReadError:  # probabilities, say, or an image in a folder of that name
        return None
    is_image = not says_so and np.unique(labels).size > MOST_LABELS
    return None if is_image else labels


def _features(path: Path) -> dict[str, Any]:
    """Name labels as the dataset.json above them does."""
    try:
        names = label_names(dataset_facts(path.parent.parent))
    except CaseReadError:  # told where the folder is read as cases
        return {}
    if not names:
        return {}
    return {"features": {"index": list(names), "label": list(names.values())}}


def _is_beside_its_image(path: Path) -> bool:
    """Tell whether 032_EA.tif lies where 032.tif does."""
    pairing = pair_names(os.listdir(path.parent))
    return any(path.name in case.labelled for case in pairing.cases)
