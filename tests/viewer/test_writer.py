"""napari saves layers with their spacing and unit."""

from __future__ import annotations

import npe2
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from specimen_unet.domain.errors import ImageError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import read_image, read_labels

pytestmark = pytest.mark.usefixtures("plugin")
PLUGIN = "specimen-unet"
SUFFIXES = [".tif", ".tiff", ".ome.tif", ".nii", ".nii.gz"]


def saved(path, layer):
    """Save a layer as napari does, without a viewer."""
    assert npe2.write(str(path), [layer], plugin_name=PLUGIN) == [str(path)]
    return path


@pytest.fixture
def frame(spatial):
    axes = len(spatial)
    return {"scale": (2.0, 0.5, 0.25)[-axes:], "units": ("mm",) * axes}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_image_layer_keeps_scale_and_unit(tmp_path, gray, frame, suffix):
    path = saved(tmp_path / f"032{suffix}", Image(gray, **frame))
    read, grid = read_image(path)
    np.testing.assert_array_equal(read, gray)
    assert grid == Grid(frame["scale"], "mm")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_a_labels_layer_keeps_scale_and_unit(tmp_path, painted, frame, suffix, dtype):
    layer = Labels(painted.astype(dtype) * 3, **frame)
    read, grid = read_labels(saved(tmp_path / f"EA{suffix}", layer))
    np.testing.assert_array_equal(read, painted * 3)
    assert read.dtype == np.uint8
    assert grid == Grid(frame["scale"], "mm")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_layer_that_was_saved_opens_where_it_was(tmp_path, painted, frame, suffix):
    layer = Labels(painted, **frame)
    path = saved(tmp_path / f"032_labels{suffix}", layer)
    (data,) = npe2.read([str(path)], plugin_name=PLUGIN, stack=False)
    again = Layer.create(*data)
    far = tuple(size - 1 for size in painted.shape)
    assert again.data_to_world(far) == pytest.approx(layer.data_to_world(far))
    assert again.units == layer.units


def test_napari_itself_sees_the_same_voxels(tmp_path, gray, frame):
    from napari_builtins.io import imread

    path = saved(tmp_path / "032.tif", Image(gray.astype(np.float32), **frame))
    np.testing.assert_array_equal(imread(str(path)), gray)


def test_a_layer_in_pixels_stays_in_pixels(tmp_path, gray):
    path = saved(tmp_path / "032.nii.gz", Image(gray))
    assert read_image(path)[1] == Grid((1.0,) * gray.ndim, "pixel")


def test_a_multiscale_layer_is_saved_at_full_resolution(tmp_path, gray, frame):
    small = gray[(slice(None, None, 2),) * gray.ndim]
    layer = Image([gray, small], multiscale=True, **frame)
    read, _ = read_image(saved(tmp_path / "032.tif", layer))
    np.testing.assert_array_equal(read, gray)


def test_a_colour_picture_is_saved_as_channels(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    layer = Image(picture, rgb=True, scale=(0.5, 0.25), units="mm")
    read, grid = read_image(saved(tmp_path / "photo.tif", layer))
    np.testing.assert_array_equal(read, np.moveaxis(picture, -1, 0))
    assert grid == Grid((0.5, 0.25), "mm")


def test_a_leading_axis_of_length_one_is_left_out(tmp_path):
    layer = Image(np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4), scale=(9, 3, 2, 1))
    read, grid = read_image(saved(tmp_path / "032.tif", layer))
    assert read.shape == (2, 3, 4)
    assert grid.spacing == (3, 2, 1)


def test_a_layer_of_four_axes_is_told(tmp_path):
    layer = Image(np.zeros((2, 3, 4, 5)), name="movie")
    with pytest.raises(ImageError, match=r"'movie' has 4 axes.*Split Stack"):
        npe2.write(str(tmp_path / "movie.tif"), [layer], plugin_name=PLUGIN)
    assert not list(tmp_path.iterdir())


@pytest.mark.viewer
def test_a_viewer_opens_and_saves_through_the_plugin(tmp_path, make_napari_viewer):
    viewer = make_napari_viewer()
    labels = np.zeros((4, 16, 16), np.uint8)
    labels[1:3, 4:9, 4:9] = 2
    drawn = viewer.add_labels(labels, scale=(2, 0.5, 0.25), units="mm", name="EA")
    path = tmp_path / "032_labels.nii.gz"
    assert drawn.save(str(path), plugin=PLUGIN) == [str(path)]
    (again,) = viewer.open(str(path), plugin=PLUGIN)
    assert isinstance(again, Labels)
    np.testing.assert_array_equal(again.data, labels)
    np.testing.assert_array_equal(again.scale, drawn.scale)
    assert again.units == drawn.units
    assert viewer.layers.extent.world[1] == pytest.approx([6, 7.5, 3.75])
