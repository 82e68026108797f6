from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from specimen_unet.domain.errors import GridMismatchError, NoAnnotationError
from specimen_unet.viewer.measured_labels import (
    MOST_LABELS,
    grid_for_sizes,
    measure_layer,
    measure_margin,
)
from specimen_unet.viewer.specimen_guess import guess_specimen_and_tumour

MM = {"scale": (1.0, 0.5, 0.5), "units": ["mm"] * 3}


def body(shape=(20, 30, 30)) -> np.ndarray:
    """Draw a specimen, 1, around a tumour, 2."""
    labels = np.zeros(shape, np.uint8)
    labels[4:16, 4:26, 4:26] = 1
    labels[8:12, 10:20, 10:20] = 2
    return labels


def layer(data, name="labels", **options) -> Labels:
    return Labels(data, name=name, **{**MM, **options})


def test_sizes_are_in_millimetres_whatever_unit_of_length_the_layer_has():
    in_um = layer(body(), scale=(1000, 500, 500), units=["um"] * 3)
    for given in (layer(body()), in_um):
        sizes = measure_layer(given)
        assert sizes.grid.unit == "mm"
        tumour = sizes.table.set_index("label").loc[2]
        assert tumour["volume"] == pytest.approx(4 * 5 * 5)
        assert sizes.remarks == []


def test_what_a_microscope_sees_keeps_its_unit():
    cells = layer(body(), scale=(1, 0.5, 0.5), units=["um"] * 3)
    assert grid_for_sizes(cells).unit == "um"


def test_without_a_unit_sizes_are_in_pixels_and_that_is_told():
    sizes = measure_layer(Labels(body()))
    assert sizes.grid.unit == "pixel"
    assert "Nobody said how large a voxel is" in sizes.remarks[0]


def test_a_label_at_the_border_is_told_by_its_name():
    data = body()
    data[:, 0, 5:9] = 3
    features = {"index": [1, 2, 3], "label": ["specimen", "tumour", "fat"]}
    sizes = measure_layer(layer(data, features=features))
    assert sizes.remarks == [
        "'fat' goes on to the border of the image: only what is in the image is "
        "measured."
    ]


def test_of_many_labels_the_largest_are_measured_and_that_is_told():
    data = np.zeros((200, 20), np.uint16)
    data[:, 1:5] = np.arange(1, 201)[:, np.newaxis]
    data[150:, 5] = np.arange(151, 201)
    sizes = measure_layer(Labels(data, scale=(1, 1), units=["mm"] * 2))
    assert len(sizes.table) == MOST_LABELS
    assert sizes.table["label"].min() > 150
    assert "40 largest of 200 labels" in sizes.remarks[-1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "no labels layer yet"),
        (Labels(np.zeros((5, 6), np.uint8)), "Nothing is painted"),
        (Labels(np.ones((2, 3, 5, 6), np.uint8)), "Split Stack"),
        (Labels(np.full((5, 6), -1, np.int8)), "whole numbers from 0 up"),
    ],
    ids=["none", "empty", "4d", "negative"],
)
def test_what_cannot_be_measured_is_told(given, told):
    with pytest.raises(Exception, match=told):
        measure_layer(given)


def test_labels_of_other_layers_are_offered_if_they_lie_on_this_one():
    mine, beside = layer(body(), "EA"), layer(body() > 0, "all")
    moved = layer(body(), "moved", translate=(0, 3, 0))
    small = layer(body()[1:], "small")
    offered = measure_layer(mine, [mine, beside, moved, small]).labels
    assert {label.layer.name for label in offered} == {"EA", "all"}
    assert sum(label.layer is mine for label in offered) == 2


def test_the_margin_is_that_to_the_tumour_in_one_layer_and_in_two():
    one = measure_layer(layer(body())).labels
    inner, outer = layer(body() == 2, "tumour"), layer(body() > 0, "specimen")
    two = measure_layer(inner, [outer]).labels
    by_value = {label.value: label for label in one}
    found = [
        measure_margin(by_value[1], by_value[2]),
        measure_margin(two[1], two[0]),
    ]
    for measured in found:
        # 6 pixels of 0.5 mm in a slice, 4 slices of 1 mm across.
        assert measured.margin.least == pytest.approx(3.0, abs=0.25)
        assert measured.remarks == []
    assert found[0].margin.least == pytest.approx(found[1].margin.least)


def test_holes_of_a_specimen_have_no_margin():
    data = body()
    data[5, 12:14, 12:14] = 0  # 2 slices above the tumour
    labels = {label.value: label for label in measure_layer(layer(data)).labels}
    measured = measure_margin(labels[1], labels[2])
    assert measured.margin.least == pytest.approx(3.0, abs=0.25)


def test_a_tumour_outside_the_specimen_is_counted():
    outer = layer(body() > 0, "specimen")
    data = (body() == 2).astype(np.uint8)
    data[8, 26:28, 10] = 1
    labels = measure_layer(layer(data, "tumour"), [outer]).labels
    measured = measure_margin(labels[1], labels[0])
    assert measured.remarks[0].startswith("2 voxels of the tumour lie outside")
    assert measured.margin.least == 0


def test_a_tumour_apart_from_the_specimen_of_its_layer_is_counted():
    data = body()
    data[8, 28, 10:13] = 2
    labels = {label.value: label for label in measure_layer(layer(data)).labels}
    measured = measure_margin(labels[1], labels[2])
    assert measured.remarks[0].startswith("3 voxels of the tumour touch no voxel")


def test_a_specimen_at_the_border_is_a_caution():
    data = body()
    data[:4, 4:26, 4:26] = 1
    labels = {label.value: label for label in measure_layer(layer(data)).labels}
    assert "border of the image" in measure_margin(labels[1], labels[2]).remarks[0]


def test_missing_and_equal_choices_are_told():
    label, other = measure_layer(layer(body())).labels
    with pytest.raises(NoAnnotationError, match="which label is the specimen"):
        measure_margin(None, label)
    with pytest.raises(NoAnnotationError, match="which label is the tumour"):
        measure_margin(other, None)
    with pytest.raises(GridMismatchError, match="same label"):
        measure_margin(label, label)


def guessed(*layers):
    labels = measure_layer(layers[0], layers[1:]).labels
    specimen, tumour = guess_specimen_and_tumour(labels, layers[0])
    return tuple(
        label and f"{label.layer.name}: {label.name}" for label in (specimen, tumour)
    )


def test_names_of_labels_tell_specimen_and_tumour_against_their_sizes():
    features = {"index": [1, 2], "label": ["tumour", "specimen"]}
    assert guessed(layer(body(), features=features)) == (
        "labels: specimen",
        "labels: tumour",
    )


def test_names_of_layers_tell_them_but_not_the_name_of_the_case():
    ea, mg = (layer(body() == 2, f"specimen 1 {who}") for who in ("EA", "MG"))
    outer = layer(body() > 0, "specimen 1 tissue")
    expected = ("specimen 1 tissue: label 1", "specimen 1 EA: label 1")
    assert guessed(ea, mg, outer) == expected


def test_sizes_tell_them_where_names_are_silent():
    assert guessed(layer(body())) == ("labels: label 1", "labels: label 2")


def test_two_observers_of_a_tumour_are_no_specimen_and_tumour():
    ea = layer(body() == 2, "EA")
    larger = body() == 2
    larger[8:12, 9, 10:20] = True
    assert guessed(ea, layer(larger, "MG")) == (None, "EA: label 1")
