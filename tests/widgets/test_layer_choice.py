"""layer_choice: it offers the layers of its viewer, also without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from specimen_unet.widgets.layer_choice import layer_choice

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot


def test_only_layers_of_the_type_are_offered(viewer: ViewerModel, qtbot: QtBot) -> None:
    image = viewer.add_image(np.zeros((4, 4)), name="image")
    labels = viewer.add_labels(np.zeros((4, 4), int), name="labels")
    for kind, layer in ((Image, image), (Labels, labels)):
        box = layer_choice(viewer, kind, name="layer", tooltip="Which one")
        qtbot.addWidget(box.native)
        assert box.choices == (layer,)
        assert box.value is layer
        assert (box.name, box.tooltip) == ("layer", "Which one")


def test_it_follows_the_layers(viewer: ViewerModel, qtbot: QtBot) -> None:
    box = layer_choice(viewer, Image, name="image")
    qtbot.addWidget(box.native)
    assert box.value is None
    first = viewer.add_image(np.zeros((4, 4)), name="first")
    second = viewer.add_image(np.zeros((4, 4)), name="second")
    assert box.choices == (first, second)
    assert box.value is first
    viewer.layers.remove(first)
    assert box.value is second


def test_a_renamed_layer_stays_chosen(viewer: ViewerModel, qtbot: QtBot) -> None:
    first = viewer.add_image(np.zeros((4, 4)), name="first")
    viewer.add_image(np.zeros((4, 4)), name="second")
    box = layer_choice(viewer, Image, name="image")
    qtbot.addWidget(box.native)
    told: list[object] = []
    box.changed.connect(told.append)
    first.name = "renamed"
    assert box.value is first
    assert box.native.currentText() == "renamed"
    assert told == []


def test_none_can_be_allowed(viewer: ViewerModel, qtbot: QtBot) -> None:
    viewer.add_image(np.zeros((4, 4)))
    box = layer_choice(viewer, Image, name="image", nullable=True)
    qtbot.addWidget(box.native)
    assert box.value is None
