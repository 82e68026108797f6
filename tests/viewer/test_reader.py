"""napari opens files with their spacing, and labels as labels."""

from __future__ import annotations

import npe2
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels, Layer

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.viewer.layers import case_from_layers
from specimen_unet.viewer.reader import get_reader, read_layers

pytestmark = pytest.mark.usefixtures("plugin")
PLUGIN = "specimen-unet"
GRIDS = {2: Grid((0.5, 0.25), "mm"), 3: Grid((2.0, 0.5, 0.25), "mm")}


def opened(path):
    """Open a file as napari does, without a viewer."""
    data = npe2.read([str(path)], plugin_name=PLUGIN, stack=False)
    return [Layer.create(*layer) for layer in data]


@pytest.fixture
def grid(spatial):
    return GRIDS[len(spatial)]


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".TIFF", ".nii", ".nii.gz"])
def test_an_image_opens_with_scale_units_and_axes(tmp_path, gray, grid, suffix):
    write_image(tmp_path / f"032{suffix}", gray, grid)
    (layer,) = opened(tmp_path / f"032{suffix}")
    assert isinstance(layer, Image)
    assert layer.name == "032"
    np.testing.assert_array_equal(layer.data, gray)
    np.testing.assert_array_equal(layer.scale, grid.spacing)
    assert {str(unit) for unit in layer.units} == {"millimeter"}
    assert layer.axis_labels == ("z", "y", "x")[-gray.ndim :]


@pytest.mark.parametrize(
    "name",
    ["032_labels.tif", "032_mask.nii.gz", "labels/032.tif", "t2_seg-manual.nii.gz"],
)
def test_labels_open_as_labels_by_their_name(tmp_path, painted, grid, name):
    write_labels(tmp_path / name, painted, grid)
    (layer,) = opened(tmp_path / name)
    assert isinstance(layer, Labels)
    np.testing.assert_array_equal(layer.data, painted)
    np.testing.assert_array_equal(layer.scale, grid.spacing)


def test_labels_of_a_data_set_open_with_their_names(tmp_path, gray, painted, grid):
    write_image(tmp_path / "imagesTr" / "a_0000.tif", gray, grid)
    write_labels(tmp_path / "labelsTr" / "a.tif", painted, grid)
    facts = tmp_path / "dataset.json"
    facts.write_text('{"labels": {"background": 0, "tumour": 1}}')
    (image,) = opened(tmp_path / "imagesTr" / "a_0000.tif")
    (labels,) = opened(tmp_path / "labelsTr" / "a.tif")
    assert case_from_layers(image, labels).label_names == {1: "tumour"}
    facts.write_text("damaged")
    (labels,) = opened(tmp_path / "labelsTr" / "a.tif")
    assert case_from_layers(image, labels).label_names == {}


def test_labels_stored_as_real_numbers_open_as_labels(tmp_path, painted, grid):
    write_image(tmp_path / "t2_seg.nii.gz", painted.astype(np.float32), grid)
    (layer,) = opened(tmp_path / "t2_seg.nii.gz")
    assert isinstance(layer, Labels)


def test_what_an_observer_drew_opens_as_labels_beside_its_image(
    tmp_path, gray, painted, grid
):
    write_labels(tmp_path / "032_EA.tif", painted, grid)
    assert isinstance(opened(tmp_path / "032_EA.tif")[0], Image)
    write_image(tmp_path / "032.tif", gray, grid)
    assert isinstance(opened(tmp_path / "032_EA.tif")[0], Labels)
    assert isinstance(opened(tmp_path / "032.tif")[0], Image)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_second_image_beside_the_first_stays_an_image(tmp_path, gray, grid, dtype):
    write_image(tmp_path / "032.tif", gray, grid)
    write_image(tmp_path / "032_contrast.tif", gray.astype(dtype), grid)
    assert isinstance(opened(tmp_path / "032_contrast.tif")[0], Image)


def test_probabilities_are_no_labels_whatever_their_name(tmp_path, painted, grid):
    write_image(tmp_path / "032_seg.tif", painted * np.float32(0.5), grid)
    assert isinstance(opened(tmp_path / "032_seg.tif")[0], Image)


def test_channels_open_as_layers_of_their_own(tmp_path, gray, grid):
    write_image(tmp_path / "032.tif", np.stack([gray, gray // 2]), grid)
    layers = opened(tmp_path / "032.tif")
    assert [layer.name for layer in layers] == ["032 [0]", "032 [1]"]
    np.testing.assert_array_equal(layers[1].data, gray // 2)
    np.testing.assert_array_equal(layers[1].scale, grid.spacing)


def test_a_colour_picture_opens_as_one(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "photo.tif", picture, photometric="rgb")
    (layer,) = opened(tmp_path / "photo.tif")
    assert layer.rgb
    np.testing.assert_array_equal(layer.data, picture)


@pytest.mark.parametrize("unit", ["pixel", "furlong per fortnight"])
def test_units_that_are_no_length_are_pixels(tmp_path, gray, unit):
    grid = Grid(GRIDS[gray.ndim].spacing, unit)
    write_image(tmp_path / "032.tif", gray, grid)
    (layer,) = opened(tmp_path / "032.tif")
    assert {str(name) for name in layer.units} == {"pixel"}
    np.testing.assert_array_equal(layer.scale, grid.spacing)


def test_what_is_not_one_image_is_left_to_other_readers(tmp_path):
    tifffile.imwrite(
        tmp_path / "movie.tif",
        np.zeros((2, 3, 8, 9), np.uint8),
        imagej=True,
        metadata={"axes": "TZYX"},
    )
    assert get_reader(str(tmp_path / "movie.tif")) is None
    assert get_reader([str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]) is None
    assert get_reader("https://example.org/a.tif") is None
    assert get_reader(str(tmp_path)) is None
    (tmp_path / "a.gif").write_bytes(b"")
    assert get_reader(str(tmp_path / "a.gif")) is None


@pytest.mark.parametrize("name", ["a.tif", "a.nii.gz"])
def test_a_damaged_file_is_ours_so_that_somebody_says_what_is_wrong(tmp_path, name):
    (tmp_path / name).write_bytes(b"II*\0 nothing more")
    assert get_reader(str(tmp_path / name)) is read_layers
    with pytest.raises(CaseReadError, match=name):
        read_layers(str(tmp_path / name))
