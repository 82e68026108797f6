"""napari opens OME-Zarr folders lazily, with labels on top."""

from __future__ import annotations

import npe2
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from specimen_unet.domain.grid import Grid
from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels
from specimen_unet.viewer import zarr_reader
from specimen_unet.viewer.layers import case_from_layers
from specimen_unet.viewer.zarr_reader import get_zarr_reader

pytestmark = pytest.mark.usefixtures("plugin")
GRIDS = {2: Grid((0.5, 0.25), "mm"), 3: Grid((2.0, 0.5, 0.25), "mm")}


def opened(path):
    """Open a folder as napari does, without a viewer."""
    data = npe2.read([str(path)], plugin_name="specimen-unet", stack=False)
    return [Layer.create(*layer) for layer in data]


@pytest.fixture
def grid(spatial):
    return GRIDS[len(spatial)]


@pytest.fixture
def store(tmp_path, gray, painted, grid):
    path = tmp_path / "032.ome.zarr"
    write_zarr(path, gray, grid)
    write_zarr_labels(path / "labels" / "EA", painted, grid)
    return path


def test_an_image_opens_with_the_labels_of_its_observers_on_it(
    store, gray, painted, grid
):
    image, labels = opened(store)
    assert (image.name, labels.name) == ("032", "EA")
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert not isinstance(image.data, np.ndarray)
    np.testing.assert_array_equal(labels.scale, grid.spacing)
    assert {str(unit) for unit in image.units} == {"millimeter"}
    case = case_from_layers(image, labels)
    np.testing.assert_array_equal(case.image[0], gray)
    np.testing.assert_array_equal(case.labels["EA"], painted)
    assert case.grid == grid


def test_labels_can_be_painted_on_unless_they_are_large(store, monkeypatch):
    assert isinstance(opened(store)[1].data, np.ndarray)
    monkeypatch.setattr(zarr_reader, "_PAINTABLE_BYTES", 10)
    assert not isinstance(opened(store)[1].data, np.ndarray)


def test_all_levels_of_a_large_image_are_shown(tmp_path):
    values = np.arange(2100 * 40, dtype=np.uint32).reshape(2100, 40)
    write_zarr(tmp_path / "a.zarr", values, GRIDS[2])
    (layer,) = opened(tmp_path / "a.zarr")
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(2100, 40), (1050, 20), (525, 10)]
    np.testing.assert_array_equal(layer.scale, GRIDS[2].spacing)


def test_channels_open_as_layers_with_their_names(tmp_path, gray, grid):
    path = tmp_path / "032.ome.zarr"
    write_zarr(path, np.stack([gray, gray // 2]), grid, channel_names=["DAPI", "GFP"])
    layers = opened(path)
    assert [layer.name for layer in layers] == ["032 DAPI", "032 GFP"]
    np.testing.assert_array_equal(layers[1].data, gray // 2)


def test_one_level_or_the_labels_alone_can_be_opened(store, gray, painted):
    (level,) = opened(store / "0")
    np.testing.assert_array_equal(level.data, gray)
    (labels,) = opened(store / "labels" / "EA")
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, painted)


def test_other_folders_are_left_to_other_readers(tmp_path, store):
    assert get_zarr_reader(str(store)) is zarr_reader.read_zarr_layers
    assert get_zarr_reader(str(tmp_path)) is None
    assert get_zarr_reader(str(tmp_path / "none.zarr")) is None
    assert get_zarr_reader([str(store), str(store)]) is None
