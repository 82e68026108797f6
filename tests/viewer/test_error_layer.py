from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.overlap import ADDED, AGREED, MISSED
from specimen_unet.viewer.error_layer import ERRORS, ErrorLayer, errors_between
from specimen_unet.viewer.layers import frame_of
from specimen_unet.viewer.provenance import kind_of_layer

FRAME = {
    "scale": (0.5, 0.1, 0.1),
    "translate": (1, 2, 3),
    "rotate": (0, 0, 30),
    "units": ["mm"] * 3,
}


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    data = np.zeros((3, 8, 8), np.uint8)
    data[1, 2:5, 2:5] = 1
    viewer.add_labels(data, name="model", **FRAME)
    viewer.add_labels(np.roll(data, 1, axis=1), name="EA", **FRAME)
    return viewer


def show(viewer, errors: ErrorLayer) -> None:
    prediction, truth = viewer.layers["model"], viewer.layers["EA"]
    errors.show(errors_between(prediction, truth, "everywhere"), prediction, truth)


def test_the_layer_lies_on_the_prediction_and_says_what_its_values_are(viewer):
    show(viewer, ErrorLayer(viewer))
    layer = viewer.layers[-1]
    assert layer.name == "errors: model against EA"
    for part, value in frame_of(viewer.layers["model"]).items():
        np.testing.assert_array_equal(frame_of(layer)[part], value, err_msg=part)
    assert sorted(set(layer.data.ravel())) == [0, AGREED, MISSED, ADDED]
    names = dict(zip(layer.features["index"], layer.features["label"], strict=True))
    assert names == {value: name for value, (name, _) in ERRORS.items()}
    assert kind_of_layer(layer) == "errors"
    assert not layer.editable


def test_who_paints_goes_on_painting_on_the_same_layer(viewer):
    viewer.layers.selection.active = viewer.layers["EA"]
    show(viewer, ErrorLayer(viewer))
    assert viewer.layers.selection.active is viewer.layers["EA"]
    assert set(viewer.layers.selection) == {viewer.layers["EA"]}


def test_errors_of_the_same_pair_are_shown_by_the_same_layer(viewer):
    errors = ErrorLayer(viewer)
    show(viewer, errors)
    viewer.layers["EA"].data[0, 0, 0] = 1
    show(viewer, errors)
    assert len(viewer.layers) == 3
    assert viewer.layers[-1].data[0, 0, 0] == MISSED
    assert not viewer.layers[-1].editable


def test_another_pair_takes_the_place_of_the_one_before(viewer):
    errors = ErrorLayer(viewer)
    show(viewer, errors)
    other = viewer.add_labels(viewer.layers["EA"].data.copy(), name="MG")
    errors.show(np.zeros((3, 8, 8), np.uint8), viewer.layers["model"], other)
    names = [layer.name for layer in viewer.layers]
    assert names == ["model", "EA", "MG", "errors: model against MG"]


@pytest.mark.parametrize("removed", ["model", "EA", "errors: model against EA"])
def test_it_has_no_sources_once_any_of_the_three_is_removed(viewer, removed):
    errors = ErrorLayer(viewer)
    show(viewer, errors)
    assert errors.sources == (viewer.layers["model"], viewer.layers["EA"])
    viewer.layers.remove(removed)
    assert errors.sources is None


def test_layers_of_different_shapes_have_no_errors(viewer):
    other = viewer.add_labels(np.ones((2, 8, 8), np.uint8))
    with pytest.raises(GridMismatchError):
        errors_between(viewer.layers["model"], other, "everywhere")
