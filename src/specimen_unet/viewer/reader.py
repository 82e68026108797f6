"""napari opens images of every format with their spacing, and labels as labels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_warning

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import (
    TIFF_SUFFIXES,
    as_labels,
    has_colours,
    image_stem,
    image_suffix,
    is_one_image,
    open_image,
    read_labels,
)
from specimen_unet.files.layouts.datasets import dataset_facts, label_names
from specimen_unet.files.pairing import MOST_LABELS, pair_names, says_labels
from specimen_unet.files.questions import NO_ANSWERS, UnansweredError
from specimen_unet.files.tiff import tiff_kind
from specimen_unet.files.zarr_format import is_zarr
from specimen_unet.viewer.layer_checks import frame_of_grid
from specimen_unet.viewer.open_questions import asked_of_layer, with_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.questions import Answers, Question, Reading

    LayerData = tuple[Array, dict[str, Any], str]

_WHERE_TO_ANSWER = "The Train, Segment and Compare docks ask which it is."


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


def read_layers(path: str, answers: Answers = NO_ANSWERS) -> list[LayerData]:
    """Read a file into layers with scale, units and axis names.

    Labels (by the name of the file or its folder, or because they lie beside the
    image they were drawn on) become a labels layer, each channel an image layer,
    a colour picture one RGB layer, each series of a folder an image layer. What the
    file leaves open is noted in the layers, for the docks to ask.

    Parameters
    ----------
    path : str
        A file of any format that is read, or a folder of DICOM slices.
    answers : mapping, optional
        To what the file leaves open.

    Returns
    -------
    list of (data, attributes, kind of layer)
        As napari takes them.

    Raises
    ------
    CaseReadError
        If the file cannot be read; napari shows the message.
    """
    place = Path(path)
    name = image_stem(place.name)
    try:
        reading = open_image(place, answers)
    except UnansweredError as error:
        return _layers_of_choices(path, error.question, answers)
    attributes = {
        "name": name,
        **frame_of_grid(reading.grid),
        **asked_of_layer(place, reading.questions, answers),
    }
    return _layers(place, reading, answers, attributes)


def _layers_of_choices(
    path: str, question: Question, answers: Answers
) -> list[LayerData]:
    """Show every series, or what comes of the first choice until somebody chooses."""
    if question.about != "series":
        taken = next(iter(question.choices))
        show_warning(f"{question.text} {_WHERE_TO_ANSWER}")
        layers = read_layers(path, {**answers, question.about: taken})
        return [_asked_again(layer, Path(path), question, taken) for layer in layers]
    layers = []
    for key, what in question.choices.items():
        try:
            found = read_layers(path, {**answers, question.about: key})
        except CaseReadError as error:  # a scout does not keep the others waiting
            show_warning(str(error))
            continue
        for data, attributes, kind in found:
            name = f"{attributes['name']} {what.partition(',')[0]}"
            layers.append((data, {**attributes, "name": name}, kind))
    return layers


def _asked_again(
    layer: LayerData, path: Path, question: Question, taken: str
) -> LayerData:
    """Note that one choice was taken although nobody chose it."""
    data, attributes, kind = layer
    return data, with_question(attributes, path, replace(question, taken=taken)), kind


def _layers(
    path: Path, reading: Reading, answers: Answers, attributes: dict[str, Any]
) -> list[LayerData]:
    """Tell labels, images, channels and colours apart."""
    image, grid, _ = reading
    labels = _labels(image, grid, path, answers)
    if labels is not None:
        return [(labels, {**attributes, **_features(path)}, "labels")]
    if image.ndim == grid.dimensions:
        return [(image, attributes, "image")]
    if has_colours(path):
        picture = np.ascontiguousarray(np.moveaxis(image, 0, -1))
        return [(picture, {**attributes, "rgb": True}, "image")]
    name = attributes["name"]
    return [
        (
            channel,
            {**attributes, "name": f"{name} [{number}]", "blending": "additive"},
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


def _labels(image: Array, grid: Grid, path: Path, answers: Answers) -> Array | None:
    """Return labels if name, place and values say so; None for an image."""
    says_so = says_labels(f"{path.parent.name}/{path.name}")
    if not says_so and (image.dtype.kind == "f" or not _is_beside_its_image(path)):
        return None
    try:
        in_colours = image.ndim > grid.dimensions
        # Of a picture with a palette the numbers are labels, not the colours.
        labels = (
            read_labels(path, answers)[0]
            if in_colours
            else as_labels(image, grid, path)
        )
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
