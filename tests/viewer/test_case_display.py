from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from PIL import Image as Picture

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.files.predictions import Prediction, UsedModel
from specimen_unet.viewer.case_display import CaseDisplay
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.opened_case import open_case, save_edited
from specimen_unet.viewer.pairing import pair_layers
from specimen_unet.viewer.provenance import kind_of_layer

MADE = Prediction(
    case="blob 0",
    labels="p.tif",
    models=(UsedModel(name="tumour"),),
)


@pytest.fixture
def folder(tmp_path, two_observer_cases):
    """Two cases that EA and MG drew, in 2D and in 3D, and a prediction of the first."""
    root = tmp_path / "cases"
    for case in two_observer_cases[:2]:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        for who, drawn in case.labels.items():
            write_labels(root / f"{case.name}_{who}.tif", drawn, case.grid)
    first = two_observer_cases[0]
    write_labels(tmp_path / "p.tif", first.labels["MG"], first.grid)
    return CaseFolder.open(root)


@pytest.fixture
def display():
    return CaseDisplay(ViewerModel())


def opened(folder, number=0, predicted=None):
    files = folder.cases(needs_labels=False)[number]
    return open_case(folder, files, predicted)


def layers(display):
    return list(display._viewer.layers)


def test_a_case_is_shown_with_observers_and_prediction(
    folder, display, tmp_path, two_observer_cases
):
    display.show(opened(folder, predicted=(tmp_path / "p.tif", MADE)))
    image, *labels = layers(display)
    assert isinstance(image, Image)
    assert [layer.name for layer in labels] == [
        "blob 0 EA",
        "blob 0 MG",
        "blob 0 - tumour",
    ]
    for layer in (image, *labels):
        assert grid_of_layer(layer).same_spacing(two_observer_cases[0].grid)
    assert kind_of_layer(labels[-1]) == "segmentation"
    colours = {tuple(layer.get_color(1)) for layer in labels}
    assert len(colours) == 3
    assert display.shown.name == "blob 0"


def test_the_docks_pair_what_is_shown(folder, display, tmp_path):
    display.show(opened(folder, predicted=(tmp_path / "p.tif", MADE)))
    found = layers(display)
    (pair,) = pair_layers(found[:1], [x for x in found if isinstance(x, Labels)])
    assert list(pair.observers()) == ["EA", "MG"]


def test_the_layers_of_the_case_before_go_and_no_others(folder, display):
    mine = display._viewer.add_labels(np.zeros((4, 4), int), name="mine")
    display.show(opened(folder))
    display.show(opened(folder, 1))
    assert [layer.name for layer in layers(display)] == [
        "mine",
        "blob 1",
        "blob 1 EA",
        "blob 1 MG",
    ]
    display.clear()
    assert layers(display) == [mine]
    assert display.shown is None


def test_what_a_person_removed_is_not_looked_for(folder, display):
    display.show(opened(folder))
    display._viewer.layers.remove("blob 0 EA")
    display.clear()
    assert layers(display) == []


def test_paint_is_noticed_until_it_is_undone_or_saved(folder, display):
    display.show(opened(folder))
    layer = display._viewer.layers["blob 0 MG"]
    assert display.edited() == {}
    before = layer.data[..., 0, 0].copy()
    layer.data[..., 0, 0] = 1
    assert list(display.edited()) == ["MG"]
    layer.data[..., 0, 0] = before
    assert display.edited() == {}
    layer.data[..., 0, 0] = 1
    paths = save_edited(display.shown, display.edited())
    display.keep_as_saved(display.edited())
    assert display.edited() == {}
    np.testing.assert_array_equal(read_labels(paths[0])[0], layer.data)


def test_a_new_prediction_takes_the_place_of_the_one_before(
    folder, display, tmp_path, two_observer_cases
):
    display.show(opened(folder, predicted=(tmp_path / "p.tif", MADE)))
    labels = two_observer_cases[0].labels["EA"]
    later = MADE.model_copy(update={"models": (UsedModel(name="later"),)})
    display.show_prediction(labels, later)
    assert [layer.name for layer in layers(display)][3:] == ["blob 0 - later"]


def test_labels_that_cannot_be_read_are_told_and_the_image_is_shown(folder, display):
    (folder.listing.root / "blob 0_EA.tif").write_bytes(b"")
    case = opened(folder)
    display.show(case)
    assert "blob 0_EA.tif" in case.problems[0]
    assert [layer.name for layer in layers(display)] == ["blob 0"]


def test_labels_of_another_shape_are_left_out_and_told(folder, display, make_blob_case):
    other = make_blob_case((9, 9))
    path = folder.listing.root / "blob 0_EA.tif"
    write_labels(path, other.labels["EA"], other.grid)
    case = opened(folder)
    display.show(case)
    assert "(9, 9)" in case.problems[0]
    assert [layer.name for layer in layers(display)] == ["blob 0", "blob 0 MG"]


def test_an_image_that_cannot_be_read_is_told(folder):
    (folder.listing.root / "blob 0.tif").write_bytes(b"")
    with pytest.raises(CaseReadError, match=r"blob 0\.tif"):
        opened(folder)


def test_a_picture_in_colours_and_channels_are_shown_as_such(tmp_path, display):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:10, :, 1] = 200
    Picture.fromarray(picture).save(tmp_path / "a.png")
    display.show(opened(CaseFolder.open(tmp_path)))
    assert layers(display)[0].rgb


def test_channels_are_layers_of_their_own(tmp_path, display, make_blob_case):
    case = make_blob_case((8, 32, 32), channels=2)
    write_image(tmp_path / "a.tif", case.image, case.grid)
    display.show(opened(CaseFolder.open(tmp_path)))
    images = [layer.name for layer in layers(display) if isinstance(layer, Image)]
    assert images == ["a [0]", "a [1]"]
