"""What a person answers about files takes effect on their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from specimen_unet.files.questions import spacing_of_text
from specimen_unet.viewer.layer_checks import frame_of_grid
from specimen_unet.viewer.open_questions import file_of_layer, leave_as_taken
from specimen_unet.viewer.reader import read_layers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import napari.viewer

    from specimen_unet.domain.grid import Grid
    from specimen_unet.files.questions import Answers
    from specimen_unet.viewer.open_questions import FileOfLayer, OpenQuestion


def answer_question(
    viewer: napari.viewer.Viewer, asked: OpenQuestion, answer: str
) -> None:
    """Give the layers the spacing, or read their files again with the answer.

    Raises
    ------
    CaseReadError
        If it is no answer, or a file cannot be read with it; the layers then stay.
    """
    if asked.question.about == "spacing":
        dimensions = len(asked.question.taken.split()) - 1
        grid = spacing_of_text(answer, dimensions)
        for layer in asked.layers:
            _scale(layer, grid)
    elif answer != asked.question.taken:
        for file, layers in _by_file(asked.layers):
            answers = {**file.answers, asked.question.about: answer}
            _read_again(viewer, file, layers, answers)
    leave_as_taken(asked)


def _scale(layer: Layer, grid: Grid) -> None:
    """Put a layer onto a grid; what was moved by voxels is moved by as many."""
    frame = frame_of_grid(grid)
    places = np.asarray(layer.translate) / np.asarray(layer.scale)
    layer.scale = frame["scale"]
    layer.translate = places * np.asarray(layer.scale)
    layer.units = frame["units"]


def _by_file(layers: Sequence[Any]) -> list[tuple[FileOfLayer, list[Any]]]:
    """Sort layers by the file they come from."""
    files: dict[Path, tuple[FileOfLayer, list[Any]]] = {}
    for layer in layers:
        file = file_of_layer(layer)
        if file is not None:
            files.setdefault(file.path, (file, []))[1].append(layer)
    return list(files.values())


def _read_again(
    viewer: napari.viewer.Viewer,
    file: FileOfLayer,
    layers: Sequence[Any],
    answers: Answers,
) -> None:
    """Put what a file holds by an answer into the place of its layers."""
    made = [Layer.create(*data) for data in read_layers(str(file.path), answers)]
    place = min(viewer.layers.index(layer) for layer in layers)
    for layer in layers:
        viewer.layers.remove(layer)
    for number, layer in enumerate(made):
        viewer.layers.insert(place + number, layer)
