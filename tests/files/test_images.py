"""One door to every format."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cases import read_cases
from specimen_unet.files.images import (
    WRITTEN,
    image_stem,
    image_suffix,
    open_image,
    read_image,
    read_labels,
    write_image,
    write_labels,
)
from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels

VOLUMES = [suffix for suffix in WRITTEN if suffix != ".png"]
GRIDS = {2: Grid((0.2, 0.1), "mm"), 3: Grid((0.5, 0.2, 0.1), "mm")}


@pytest.fixture
def grid(spatial):
    return GRIDS[len(spatial)]


@pytest.mark.parametrize("suffix", VOLUMES)
def test_images_come_back_from_every_format(tmp_path, spatial, grid, suffix):
    image = np.random.default_rng(0).normal(0, 1, spatial).astype(np.float32)
    write_image(tmp_path / f"032{suffix}", image, grid)
    read, read_grid = read_image(str(tmp_path / f"032{suffix}"))
    np.testing.assert_array_equal(read, image)
    assert read_grid == grid


@pytest.mark.parametrize("suffix", VOLUMES)
@pytest.mark.parametrize(
    ("dtype", "highest", "stored"),
    [
        ("uint8", 3, "uint8"),
        ("uint16", 3, "uint16"),
        ("int64", 3, "uint8"),
        ("int32", 300, "uint16"),
        ("uint32", 70_000, "uint32"),
        ("bool", 1, "uint8"),
    ],
)
def test_labels_come_back_as_whole_numbers(
    tmp_path, spatial, grid, suffix, dtype, highest, stored
):
    labels = np.zeros(spatial, dtype)
    labels[..., 3:9, 4:7] = highest
    write_labels(tmp_path / f"032{suffix}", labels, grid)
    read, read_grid = read_labels(tmp_path / f"032{suffix}")
    np.testing.assert_array_equal(read, labels)
    assert read.dtype == stored
    assert read_grid == grid


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz"])
def test_labels_stored_as_real_numbers_become_integers(tmp_path, grid, suffix):
    labels = np.zeros((8, 9) if grid.dimensions == 2 else (4, 8, 9), np.float32)
    labels[..., 2, 3] = 300
    path = tmp_path / f"labels{suffix}"
    write_image(path, labels, grid)
    read, _ = read_labels(path)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize(
    ("value", "message"), [(0.37, r"0\.37"), (np.nan, "nan"), (-1.0, "from 0 up")]
)
def test_gray_values_are_no_labels(tmp_path, value, message):
    path = tmp_path / "labels.tif"
    write_image(path, np.full((8, 9), value, np.float32), GRIDS[2])
    with pytest.raises(CaseReadError, match=message) as told:
        read_labels(path)
    assert str(path) in str(told.value)


def test_a_colour_picture_of_labels_is_read(tmp_path):
    path, labels = tmp_path / "labels.tif", np.zeros((8, 9, 3), np.uint8)
    labels[2:4, 3:5] = 255
    tifffile.imwrite(path, labels, photometric="rgb")
    np.testing.assert_array_equal(read_labels(path)[0], labels[..., 0])
    labels[0, 0, 1] = 7
    tifffile.imwrite(path, labels, photometric="rgb")
    with pytest.raises(CaseReadError, match="3 channels that differ"):
        read_labels(path)


def test_labels_of_one_bit_are_read(tmp_path):
    path = tmp_path / "labels.tif"
    mask = np.eye(8, dtype=bool)
    pytest.importorskip("PIL.Image").fromarray(mask).save(path, compression=None)
    read, _ = read_labels(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, mask)


def test_labels_may_be_named_like_an_image_of_another_format(tmp_path, spatial, grid):
    labels = np.ones(spatial, np.uint8)
    write_image(tmp_path / "032.tif", labels, grid)
    write_labels(tmp_path / "a.nii", labels, grid, like=tmp_path / "032.tif")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii")[0], labels)


@pytest.mark.parametrize("name", ["032.gif", "032", "tif", "032.tif.txt"])
def test_other_kinds_of_files_are_told(tmp_path, name):
    with pytest.raises(CaseReadError, match=r"\.tif, \.tiff"):
        read_image(tmp_path / name)
    with pytest.raises(CaseReadError, match=r"\.nii\.gz"):
        write_labels(tmp_path / name, np.ones((8, 9), np.uint8), GRIDS[2])


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("032.tif", "032"),
        ("032.ome.TIF", "032"),
        ("a.b.nii.gz", "a.b"),
        ("032.txt", "032.txt"),
    ],
)
def test_names_end_with_one_of_the_suffixes(name, stem):
    assert image_stem(name) == stem
    assert stem + image_suffix(name) == name


def test_a_level_of_an_image_in_several_resolutions_is_read(tmp_path):
    grid = Grid((0.5, 0.25), "mm")
    values = np.arange(1100 * 6, dtype=np.uint16).reshape(1100, 6)
    store = tmp_path / "a.ome.zarr"
    write_zarr(store, values, grid)
    write_zarr_labels(store / "labels" / "EA", values, grid)
    coarse = Grid((1.0, 0.5), "mm")
    for read, path in ((read_image, store), (read_labels, store / "labels" / "EA")):
        image, told = read(path, level=1)
        np.testing.assert_array_equal(image, values[::2, ::2])
        assert told == coarse
    (case,) = read_cases(tmp_path, level=1)
    np.testing.assert_array_equal(case.image[0], values[::2, ::2])
    np.testing.assert_array_equal(case.labels["EA"], values[::2, ::2])
    assert case.grid == coarse
    with pytest.raises(CaseReadError, match="levels 0 to 1, but 2"):
        read_image(store, level=2)


def test_a_file_of_one_resolution_has_no_other_level(tmp_path):
    write_image(tmp_path / "a.tif", np.eye(5), Grid((1, 1), "mm"))
    with pytest.raises(CaseReadError, match="one resolution, but level 1"):
        read_image(tmp_path / "a.tif", level=1)


def test_the_size_of_a_voxel_is_asked_where_a_store_names_no_unit(tmp_path):
    store = tmp_path / "a.ome.zarr"
    labels = np.eye(8, dtype=np.uint8)
    write_zarr(store, labels * 7, Grid((2, 2)))
    write_zarr_labels(store / "labels" / "EA", labels, Grid((2, 2)))
    (question,) = open_image(store).questions
    assert (question.about, question.taken) == ("spacing", "2 2 pixel")
    (case,) = read_cases(tmp_path, answers={"spacing": "0.5 0.25 mm"})
    assert case.grid == Grid((0.5, 0.25), "mm")
