"""OME-Zarr made by others is read lazily, with its spacing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files import zarr_store
from specimen_unet.files.cases import read_cases
from specimen_unet.files.zarr_format import is_zarr
from specimen_unet.files.zarr_images import (
    read_drawn,
    read_zarr,
    read_zarr_labels,
    zarr_stem,
)
from specimen_unet.files.zarr_pyramid import open_pyramid

VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])
STEPS = {2: (0.5, 0.25), 3: (2.0, 0.5, 0.25)}
AXES = {2: "yx", 3: "zyx"}


@pytest.fixture
def gray(spatial):
    return np.random.default_rng(0).integers(1, 60_000, spatial, dtype=np.uint16)


@pytest.fixture
def axes(gray):
    return AXES[gray.ndim]


@pytest.fixture
def steps(gray):
    return STEPS[gray.ndim]


def pyramid(values):
    return [values, values[..., ::2, ::2]]


@VERSIONS
def test_an_image_comes_with_its_voxels_and_spacing(
    tmp_path, make_zarr_image, gray, axes, steps, version
):
    path = make_zarr_image(
        tmp_path / "032.ome.zarr", [gray], axes, scale=steps, version=version
    )
    image, grid = read_zarr(path)
    np.testing.assert_array_equal(image, gray)
    assert image.dtype == gray.dtype
    assert grid == Grid(steps, "um")


@VERSIONS
@pytest.mark.parametrize("by_name", [True, False])
def test_a_level_is_chosen_by_number_or_by_name(
    tmp_path, make_zarr_image, gray, axes, steps, version, by_name
):
    path = make_zarr_image(
        tmp_path / "032.ome.zarr", pyramid(gray), axes, scale=steps, version=version
    )
    image, grid = read_zarr(path / "1") if by_name else read_zarr(path, level=1)
    np.testing.assert_array_equal(image, gray[..., ::2, ::2])
    assert grid.spacing == (*steps[:-2], 1.0, 0.5)


@VERSIONS
def test_nothing_is_loaded_before_it_is_looked_at(
    tmp_path, make_zarr_image, monkeypatch, version
):
    volume = np.arange(64 * 64 * 64, dtype=np.uint32).reshape(64, 64, 64)
    path = make_zarr_image(tmp_path / "a.zarr", [volume], version=version)
    read = []
    load = zarr_store.Blocks.__getitem__

    def counted(blocks, part):
        values = load(blocks, part)
        read.append(values.size)
        return values

    monkeypatch.setattr(zarr_store.Blocks, "__getitem__", counted)
    image, _ = read_zarr(path)
    assert read == []
    np.testing.assert_array_equal(image[8:12, 3:5, :7], volume[8:12, 3:5, :7])
    assert read == [4 * 16 * 16]


@pytest.mark.parametrize("axes", ["czyx", "tczyx", "zcyx"])
def test_channels_come_first_with_their_names(tmp_path, make_zarr_image, axes):
    channels = np.random.default_rng(0).integers(0, 99, (2, 8, 20, 24), dtype=np.uint8)
    stored = channels.swapaxes(0, 1) if axes == "zcyx" else channels
    stored = stored[np.newaxis] if axes == "tczyx" else stored
    omero = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    path = make_zarr_image(
        tmp_path / "a.zarr", [np.ascontiguousarray(stored)], axes, omero=omero
    )
    np.testing.assert_array_equal(read_zarr(path)[0], channels)
    assert open_pyramid(path).channel_names == ("DAPI", "GFP")


def test_axes_in_another_order_are_brought_into_ours(tmp_path, make_zarr_image):
    volume = np.random.default_rng(0).integers(0, 99, (8, 20, 24), dtype=np.uint8)
    path = make_zarr_image(
        tmp_path / "a.zarr", [volume.T.copy()], "xyz", scale=(0.1, 0.2, 0.7)
    )
    image, grid = read_zarr(path)
    np.testing.assert_array_equal(image, volume)
    assert grid.spacing == (0.7, 0.2, 0.1)


def test_axes_of_length_one_are_left_out(tmp_path, make_zarr_image):
    flat = np.random.default_rng(0).integers(0, 99, (20, 24), dtype=np.uint8)
    path = make_zarr_image(tmp_path / "a.zarr", [flat[None, None, None]], "tczyx")
    image, grid = read_zarr(path)
    np.testing.assert_array_equal(image, flat)
    assert grid.dimensions == 2


def test_a_movie_is_refused_with_what_to_do(tmp_path, make_zarr_image):
    movie = np.zeros((3, 20, 24), np.uint8)
    path = make_zarr_image(tmp_path / "a.zarr", [movie], "tyx")
    with pytest.raises(CaseReadError, match=r"is a movie.*Split Stack"):
        read_zarr(path)


def test_an_axis_without_a_unit_is_in_pixels(tmp_path, make_zarr_image):
    flat = np.zeros((20, 24), np.uint8)
    path = make_zarr_image(tmp_path / "a.zarr", [flat], "yx", unit=None)
    assert read_zarr(path)[1] == Grid((1.0, 1.0), "pixel")


def test_scales_of_all_levels_multiply_that_of_each(tmp_path, make_zarr_image):
    flat = np.zeros((20, 24), np.uint8)
    path = make_zarr_image(tmp_path / "a.zarr", [flat], "yx", scale=(0.5, 0.5))
    words = json.loads((path / ".zattrs").read_text())
    words["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [3, 3]},
        {"type": "translation", "translation": [7, 8]},
    ]
    (path / ".zattrs").write_text(json.dumps(words))
    opened = open_pyramid(path)
    assert opened.grids[0].spacing == (1.5, 1.5)
    assert opened.origins[0] == (7, 8)


@VERSIONS
def test_labels_beside_an_image_are_observers_of_its_case(
    tmp_path, make_zarr_image, make_zarr_labels, gray, axes, version
):
    path = make_zarr_image(
        tmp_path / "032.ome.zarr", pyramid(gray), axes, version=version
    )
    drawn = (gray > 30_000).astype(np.uint8)
    make_zarr_labels(path, "EA", pyramid(drawn), axes, version=version)
    make_zarr_labels(path, "MG", [drawn * 2], axes, version=version)
    (case,) = read_cases(tmp_path)
    assert case.name == "032"
    assert list(case.labels) == ["EA", "MG"]
    np.testing.assert_array_equal(case.labels["MG"], drawn * 2)
    np.testing.assert_array_equal(read_zarr_labels(path / "labels" / "EA")[0], drawn)
    with pytest.raises(CaseReadError, match=r"MG.*at level 1"):
        read_cases(tmp_path, level=1)
    shutil.rmtree(path / "labels" / "MG")
    with pytest.raises(CaseReadError, match="labels/MG"):
        read_drawn(path)


def test_labels_of_gray_values_are_refused(tmp_path, make_zarr_image):
    path = make_zarr_image(tmp_path / "a.zarr", [np.zeros((9, 8), np.float32)], "yx")
    with pytest.raises(CaseReadError, match="float32"):
        read_zarr_labels(path)


def test_the_image_of_a_converted_file_is_found(tmp_path, make_zarr_image):
    root = tmp_path / "a.zarr"
    make_zarr_image(root / "0", [np.full((9, 8), 7, np.uint8)], "yx")
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    (root / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
    assert read_zarr(root)[0].shape == (9, 8)
    make_zarr_image(root / "1", [np.full((9, 8), 7, np.uint8)], "yx")
    with pytest.raises(CaseReadError, match=r"Choose one of those in it: 0, 1"):
        read_zarr(root)
    assert read_zarr(root / "1")[0].shape == (9, 8)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.zarr", "There is nothing at"),
        ("a.zarr/7", "There is nothing at"),
        ("a.zarr/1/3", "has no level '1/3'"),
        ("a.zarr/labels", "no OME-Zarr image.*in it: EA"),
    ],
)
def test_what_is_not_there_is_told(
    tmp_path, make_zarr_image, make_zarr_labels, name, message
):
    flat = np.zeros((20, 24), np.uint8)
    make_zarr_image(tmp_path / "a.zarr", pyramid(flat), "yx")
    make_zarr_labels(tmp_path / "a.zarr", "EA", [flat], "yx")
    (tmp_path / "a.zarr/1/3").mkdir(exist_ok=True)
    with pytest.raises(CaseReadError, match=message):
        read_zarr(tmp_path / name)
    with pytest.raises(CaseReadError, match="levels 0 to 1, but 2"):
        read_zarr(tmp_path / "a.zarr", level=2)


def test_zarr_is_told_by_its_name_or_what_is_in_it(tmp_path, make_zarr_image):
    flat = np.zeros((20, 24), np.uint8)
    inside = make_zarr_image(tmp_path / "nameless", [flat], "yx")
    assert is_zarr(inside)
    assert is_zarr(inside / "0")
    assert is_zarr("x.ome.zarr/1")
    assert not is_zarr(tmp_path)
    assert not is_zarr("x.tif")
    (tmp_path / "a.zarr").write_bytes(b"")
    assert not is_zarr(tmp_path / "a.zarr")
    assert [zarr_stem(n) for n in ("a.b.ome.zarr", "a.ZARR", "a")] == ["a.b", "a", "a"]


def test_blocks_in_shards_are_read(tmp_path, make_zarr_image):
    volume = np.random.default_rng(0).integers(0, 99, (8, 32, 32), dtype=np.uint8)
    path = make_zarr_image(tmp_path / "a.zarr", [volume], version="0.5")
    shutil.rmtree(path / "0")
    zarr.create_array(
        path / "0",
        data=volume,
        chunks=(2, 8, 8),
        shards=(8, 16, 16),
        compressors=zarr.codecs.BloscCodec(),
    )
    np.testing.assert_array_equal(read_zarr(path)[0], volume)
    np.testing.assert_array_equal(read_zarr(path)[0][1:3, 5, 20:], volume[1:3, 5, 20:])
