from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from specimen_unet.widgets.layer_watch import LayerWatch


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name in ("one", "two", "unwatched"):
        viewer.add_labels(np.zeros((5, 8, 8), np.uint8), name=name)
    return viewer


@pytest.fixture
def owner(qtbot):
    return QObject()


@pytest.fixture
def heard(viewer, owner):
    heard = []
    watch = LayerWatch(viewer, owner)
    watch.watch([viewer.layers["one"], None, viewer.layers["two"]])
    watch.changed.connect(lambda: heard.append(True))
    return heard


def replace(layer) -> None:
    layer.data = layer.data.copy()


CHANGES = {
    "paint": lambda layer: layer.paint((2, 4, 4), 1),
    "fill": lambda layer: layer.fill((2, 4, 4), 2),
    "another array": replace,
    "scripted": lambda layer: layer.refresh(),
    "scale": lambda layer: setattr(layer, "scale", (2, 1, 1)),
    "undo": lambda layer: layer.undo(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_watched_layer_is_told(viewer, heard, change):
    layer = viewer.layers["two"]
    layer.paint((2, 5, 5), 1)  # something to undo
    heard.clear()
    CHANGES[change](layer)
    assert heard


def test_hiding_and_showing_a_layer_is_no_change(viewer, heard):
    layer = viewer.layers["two"]
    for visible in (False, True, False, True):
        layer.visible = visible
    assert heard == []
    layer.visible = False
    layer.paint((2, 4, 4), 1)
    assert heard


def test_moving_through_the_slices_is_no_change(viewer, heard):
    for index in (0, 4, 1):
        viewer.dims.set_current_step(0, index)
    viewer.dims.order = (1, 0, 2)
    assert heard == []


def test_after_moving_a_change_is_told_again(viewer, heard):
    viewer.dims.set_current_step(0, 3)
    viewer.layers["one"].refresh()
    assert heard


def test_other_layers_are_not_heard(viewer, heard):
    viewer.layers["unwatched"].paint((2, 4, 4), 1)
    viewer.layers["one"].opacity = 0.2
    assert heard == []


def test_a_layer_no_longer_watched_is_not_heard(viewer, owner):
    heard = []
    watch = LayerWatch(viewer, owner)
    watch.changed.connect(lambda: heard.append(True))
    watch.watch([viewer.layers["one"], viewer.layers["two"]])
    watch.watch([viewer.layers["two"]])
    viewer.layers["one"].paint((2, 4, 4), 1)
    assert heard == []
    viewer.layers["two"].paint((2, 4, 4), 1)
    assert heard


def test_of_images_only_other_data_are_told(viewer, owner):
    heard = []
    image = viewer.add_image(np.zeros((5, 8, 8)), name="image")
    watch = LayerWatch(viewer, owner, is_painted_on=False)
    watch.watch([image])
    watch.changed.connect(lambda: heard.append(True))
    image.contrast_limits = (0, 0.5)
    image.refresh()
    viewer.dims.set_current_step(0, 1)
    assert heard == []
    replace(image)
    assert heard
    heard.clear()
    watch.watch([])
    replace(image)
    assert heard == []
