from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from specimen_unet.viewer.layers import frame_of
from specimen_unet.viewer.margin_layer import (
    CLOSER,
    NOT_CLOSER,
    MarginLayers,
    picture_of,
)
from specimen_unet.viewer.measured_labels import measure_layer, measure_margin
from specimen_unet.viewer.provenance import kind_of_layer

FRAME = {
    "scale": (1.0, 0.5, 0.5),
    "translate": (1, 2, 3),
    "rotate": (0, 0, 30),
    "units": ["mm"] * 3,
}


def bodies(dimensions: int) -> np.ndarray:
    """Draw a ball of 10 mm around one of 4 mm that lies 3 mm off along Y."""
    steps = (1.0, 0.5, 0.5)[-dimensions:]
    shape = tuple(round(24 / step) | 1 for step in steps)
    place = [
        axis * step - 12
        for axis, step in zip(np.indices(shape, float), steps, strict=True)
    ]
    outer = sum(axis**2 for axis in place) <= 100
    place[-2] = place[-2] - 3
    inner = sum(axis**2 for axis in place) <= 16
    return outer.astype(np.uint8) + inner


@pytest.fixture(params=[2, 3], ids=["2d", "3d"])
def viewer(request):
    viewer = ViewerModel()
    n = request.param
    frame = {key: FRAME[key][-n:] for key in ("scale", "translate", "units")}
    frame["rotate"] = FRAME["rotate"] if n == 3 else 30
    viewer.add_labels(bodies(n), name="labels", **frame)
    return viewer


def picture(viewer):
    sizes = measure_layer(viewer.layers["labels"])
    by_value = {label.value: label for label in sizes.labels}
    return picture_of(measure_margin(by_value[1], by_value[2]))


def test_the_layers_lie_on_the_labels(viewer):
    MarginLayers(viewer).show(picture(viewer), 5.0)
    made = [layer for layer in viewer.layers if kind_of_layer(layer) == "margins"]
    names = ["margins in 3D", "margins in slices"]
    assert [layer.name for layer in made] == names[-len(made) :]
    assert len(made) == viewer.layers["labels"].ndim - 1
    for layer in made:
        for part, value in frame_of(viewer.layers["labels"]).items():
            np.testing.assert_array_equal(frame_of(layer)[part], value, err_msg=part)


def test_the_outline_tells_close_surface_from_other(viewer):
    layers = MarginLayers(viewer)
    shown = picture(viewer)
    layers.show(shown, 5.0)
    outline = viewer.layers["margins in slices"]
    is_surface = np.isfinite(shown.margins)
    np.testing.assert_array_equal(outline.data > 0, is_surface)
    np.testing.assert_array_equal(
        outline.data[is_surface] == CLOSER, shown.margins[is_surface] < 5
    )
    assert set(np.unique(outline.data)) == {0, CLOSER, NOT_CLOSER}
    assert outline.contour == 1
    assert not outline.editable
    assert list(outline.features["label"])[1:] == ["closer than 5 mm", "5 mm or more"]
    layers.show_threshold(100.0)
    assert set(np.unique(outline.data)) == {0, CLOSER}
    assert list(outline.features["label"])[1] == "closer than 100 mm"


def test_the_surface_is_a_ball_whose_colours_jump_at_the_threshold(viewer):
    layers = MarginLayers(viewer)
    layers.show(picture(viewer), 2.0)
    if viewer.layers["labels"].ndim == 2:
        assert "margins in 3D" not in viewer.layers
        return
    surface = viewer.layers["margins in 3D"]
    place = surface.vertices * np.array(FRAME["scale"]) - 12
    np.testing.assert_allclose(np.linalg.norm(place, axis=1), 10, atol=0.5)
    place[:, 1] -= 3
    expected = np.linalg.norm(place, axis=1) - 4
    # Within half a voxel, which is 1 mm long.
    assert np.quantile(np.abs(surface.vertex_values - expected), 0.99) < 0.5
    for threshold in (2.0, 5.0):
        layers.show_threshold(threshold)
        low, high = surface.contrast_limits
        assert low == 0
        below, above = surface.colormap.map(np.array([0.98, 1.02]) * threshold / high)
        assert below[0] > 0.9
        assert below[0] > below[2] + 0.3
        assert above[2] > 0.9


def test_only_what_belongs_to_the_view_is_shown(viewer):
    layers = MarginLayers(viewer)
    layers.show(picture(viewer), 2.0)
    outline = viewer.layers["margins in slices"]
    assert outline.visible
    if viewer.layers["labels"].ndim == 2:
        return
    surface = viewer.layers["margins in 3D"]
    assert not surface.visible
    viewer.dims.ndisplay = 3
    assert (surface.visible, outline.visible) == (True, False)
    surface.visible = False
    viewer.dims.ndisplay = 2
    assert (surface.visible, outline.visible) == (False, False)


def test_who_paints_goes_on_painting_on_the_same_layer(viewer):
    labels = viewer.layers["labels"]
    viewer.layers.selection.active = labels
    MarginLayers(viewer).show(picture(viewer), 2.0)
    assert viewer.layers.selection.active is labels
    assert labels.visible


def test_the_same_labels_are_shown_by_the_same_layers_after_painting(viewer):
    layers = MarginLayers(viewer)
    layers.show(picture(viewer), 2.0)
    before = list(viewer.layers)
    viewer.layers["labels"].data[viewer.layers["labels"].data == 2] = 1
    middle = tuple(size // 2 for size in viewer.layers["labels"].data.shape)
    viewer.layers["labels"].data[middle] = 2
    again = picture(viewer)
    layers.show(again, 2.0)
    assert list(viewer.layers) == before
    assert CLOSER not in viewer.layers["margins in slices"].data
    if again.mesh is not None:
        values = viewer.layers["margins in 3D"].vertex_values
        assert values.min() == pytest.approx(again.measured.margin.least, abs=0.5)


def test_layers_that_were_removed_come_back_when_asked(viewer):
    layers = MarginLayers(viewer)
    layers.show(picture(viewer), 2.0)
    viewer.layers.remove("margins in slices")
    if "margins in 3D" in viewer.layers:
        viewer.layers.remove("margins in 3D")
    assert not layers.are_shown
    layers.show_threshold(3.0)
    assert [layer.name for layer in viewer.layers] == ["labels"]
    layers.show(picture(viewer), 2.0)
    assert layers.are_shown


def test_leading_axes_of_length_one_are_kept():
    viewer = ViewerModel()
    viewer.add_labels(bodies(3)[np.newaxis], name="labels", scale=(1, 1, 0.5, 0.5))
    MarginLayers(viewer).show(picture(viewer), 2.0)
    assert viewer.layers["margins in slices"].ndim == 4
    assert viewer.layers["margins in 3D"].ndim == 4


def test_a_single_slice_has_no_surface_in_3d():
    viewer = ViewerModel()
    viewer.add_labels(bodies(2)[np.newaxis], name="labels")
    MarginLayers(viewer).show(picture(viewer), 2.0)
    assert "margins in 3D" not in viewer.layers
