from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from specimen_unet.viewer.slice_position import (
    show_place,
    show_slice,
    slice_in_view,
    slice_word,
)

FRAMES = {
    "plain": {},
    "scaled": {"scale": (0.5, 0.1, 0.1), "translate": (7, 0, 0)},
    "turned": {"scale": (2, 1, 1), "rotate": 30, "translate": (0, 5, 5)},
    "affine": {"affine": np.diag([3.0, 1.0, 1.0, 1.0])},
}


@pytest.fixture(params=FRAMES, ids=str)
def frame(request):
    frame = dict(FRAMES[request.param])
    if "rotate" in frame:  # in the plane of the slices, as a scanner turns
        angle = np.deg2rad(frame["rotate"])
        turn = np.eye(3)
        turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        frame["rotate"] = turn
    return frame


def test_showing_a_slice_brings_it_into_view(frame):
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((9, 12, 12), np.uint8), **frame)
    for index in (0, 3, 8):
        show_slice(viewer, layer, index)
        assert slice_in_view(viewer, layer) == index


def test_the_slice_is_the_layers_own_where_another_layer_is_larger(frame):
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((5, 12, 12), np.uint8), **frame)
    viewer.add_image(np.zeros((2, 90, 12, 12)), scale=(1, 0.25, 1, 1))
    show_slice(viewer, layer, 4)
    assert slice_in_view(viewer, layer) == 4
    assert viewer.dims.point[0] == 0  # the axis that the layer lacks stays


def test_beside_the_layer_there_is_no_slice():
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((5, 12, 12), np.uint8))
    viewer.add_image(np.zeros((50, 12, 12)))
    viewer.dims.set_current_step(0, 30)
    assert slice_in_view(viewer, layer) is None


def test_leading_axes_of_length_one_are_no_slices():
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((1, 5, 12, 12), np.uint8))
    show_slice(viewer, layer, 3)
    assert viewer.dims.current_step[:2] == (0, 3)
    assert slice_in_view(viewer, layer) == 3


def test_a_place_is_shown_in_the_middle_of_the_view():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((50, 60, 60)))
    layer = viewer.add_labels(
        np.zeros((1, 5, 12, 12), np.uint8),
        scale=(1, 2, 0.5, 0.5),
        translate=[0, 4, 1, 1],
    )
    show_place(viewer, layer, (3, 6, 2))
    assert viewer.dims.point[-3:] == (10, 4, 2)
    assert viewer.scene.camera.center[-2:] == (4, 2)
    viewer.dims.ndisplay = 3
    show_place(viewer, layer, (1, 4, 4))
    assert viewer.scene.camera.center == (6, 3, 3)


@pytest.mark.parametrize(
    ("labels", "word"),
    [(("image", "y", "x"), "Image"), (("z", "y", "x"), "Slice"), (None, "Slice")],
)
def test_a_stack_of_single_images_is_told_by_the_name_of_its_axis(labels, word):
    layer = Labels(np.zeros((3, 4, 4), np.uint8), axis_labels=labels)
    assert slice_word(layer) == word
