"""What is written as OME-Zarr is read by other libraries: tensorstore and yaozarrs."""

from __future__ import annotations

import json

import dask.array
import numpy as np
import pytest
import yaozarrs

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.zarr_images import read_drawn, read_zarr, read_zarr_labels
from specimen_unet.files.zarr_pyramid import open_pyramid
from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels

GRIDS = {2: Grid((0.5, 0.25), "um"), 3: Grid((2.0, 0.5, 0.25), "mm")}


@pytest.fixture
def grid(spatial):
    return GRIDS[len(spatial)]


@pytest.fixture
def drawn(spatial):
    return np.random.default_rng(0).integers(0, 3, spatial, dtype=np.uint8)


def words(folder):
    return json.loads((folder / ".zattrs").read_text())


def validated(model, folder):
    """Ask yaozarrs whether the metadata are as version 0.4 wants them."""
    return model.model_validate(words(folder))


@pytest.mark.parametrize("lazily", [False, True])
def test_labels_are_read_by_another_library(
    tmp_path, read_by_tensorstore, drawn, grid, lazily
):
    path = tmp_path / "out.ome.zarr"
    given = dask.array.from_array(drawn, chunks=8) if lazily else drawn
    write_zarr_labels(path, given, grid, colours={1: "#e69f00", 2: "#56b4e9"})
    np.testing.assert_array_equal(read_by_tensorstore(path / "0"), drawn)
    image = validated(yaozarrs.v04.LabelImage, path)
    (multiscale,) = image.multiscales
    assert [axis.name for axis in multiscale.axes] == list("zyx"[-drawn.ndim :])
    assert multiscale.axes[-1].unit == {2: "micrometer", 3: "millimeter"}[drawn.ndim]
    (scale,) = multiscale.datasets[0].coordinateTransformations
    assert tuple(scale.scale) == grid.spacing
    read, read_grid = read_zarr_labels(path)
    np.testing.assert_array_equal(read, drawn)
    assert read_grid == grid


def test_an_image_of_channels_keeps_their_names(
    tmp_path, read_by_tensorstore, drawn, grid
):
    path = tmp_path / "out.ome.zarr"
    image = np.stack([drawn, drawn * 0.5]).astype(np.float32)
    write_zarr(path, image, grid, channel_names=["DAPI", "GFP"])
    np.testing.assert_array_equal(read_by_tensorstore(path / "0"), image)
    validated(yaozarrs.v04.Image, path)
    assert open_pyramid(path).channel_names == ("DAPI", "GFP")
    read, read_grid = read_zarr(path)
    np.testing.assert_array_equal(read, image)
    assert read_grid == grid


def test_labels_in_the_folder_of_an_image_are_an_observer_of_it(tmp_path, drawn, grid):
    path = tmp_path / "032.ome.zarr"
    write_zarr(path, drawn * 9, grid)
    for name in ("EA", "U-Net"):
        write_zarr_labels(path / "labels" / name, drawn, grid)
    write_zarr_labels(path / "labels" / "EA", drawn * 2, grid)
    assert words(path / "labels") == {"labels": ["EA", "U-Net"]}
    validated(yaozarrs.v04.LabelImage, path / "labels" / "EA")
    found = read_drawn(path)
    np.testing.assert_array_equal(found["EA"], drawn * 2)
    np.testing.assert_array_equal(found["U-Net"], drawn)


def test_large_planes_get_coarser_levels(tmp_path):
    labels = np.zeros((1, 2100, 70), np.uint16)
    labels[:, 1000:1200] = 3
    path = tmp_path / "out.ome.zarr"
    write_zarr_labels(path, labels, GRIDS[3])
    opened = open_pyramid(path)
    assert [level.shape for level in opened.levels] == [
        (2100, 70),
        (1050, 35),
        (525, 18),
    ]
    assert opened.grids[2].spacing == (2.0, 1.0)
    np.testing.assert_array_equal(opened.levels[1], labels[0, ::2, ::2])


def test_an_unknown_size_of_voxels_stays_unknown(tmp_path, drawn):
    path = tmp_path / "out.ome.zarr"
    write_zarr_labels(path, drawn, Grid((1.0,) * drawn.ndim))
    assert "unit" not in words(path)["multiscales"][0]["axes"][0]
    assert read_zarr(path)[1] == Grid((1.0,) * drawn.ndim, "pixel")


def test_nothing_but_labels_is_ever_replaced(tmp_path, drawn, grid):
    image, other = tmp_path / "image.ome.zarr", tmp_path / "other.zarr"
    write_zarr(image, drawn, grid)
    other.mkdir()
    (other / "thesis.txt").write_text("everything")
    for path in (image, other):
        for write in (write_zarr, write_zarr_labels):
            with pytest.raises(CaseReadError, match="is not replaced"):
                write(path, drawn, grid)
    np.testing.assert_array_equal(read_zarr(image)[0], drawn)
    assert (other / "thesis.txt").read_text() == "everything"


def test_labels_that_cannot_be_written_leave_earlier_ones(tmp_path, drawn, grid):
    path = tmp_path / "out.ome.zarr"
    write_zarr_labels(path, drawn, grid)

    def broken(block):
        raise RuntimeError("the computer is on fire")

    lazy = dask.array.from_array(drawn, chunks=8).map_blocks(broken, dtype=np.uint8)
    with pytest.raises(RuntimeError, match="on fire"):
        write_zarr_labels(path, lazy, grid)
    np.testing.assert_array_equal(read_zarr_labels(path)[0], drawn)
    assert [each.name for each in tmp_path.iterdir()] == ["out.ome.zarr"]


def test_gray_values_are_not_written_as_labels(tmp_path, drawn, grid):
    with pytest.raises(CaseReadError, match="float32"):
        write_zarr_labels(tmp_path / "a.zarr", drawn.astype(np.float32), grid)
