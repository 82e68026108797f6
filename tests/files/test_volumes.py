"""NIfTI volumes keep their voxels, their spacing and their unit."""

from __future__ import annotations

import contextlib
import gzip

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.volume_writing import write_volume
from specimen_unet.files.volumes import place_of_volume, read_volume

GRIDS = [
    Grid((0.1, 0.3), "mm"),
    Grid((0.5, 0.1, 0.2), "mm"),
    Grid((3.0, 1.0, 1.5), "pixel"),
    Grid((1.0, 1.0), "pixel"),
]


@pytest.fixture(params=[".nii", ".nii.gz"])
def path(request, tmp_path):
    return tmp_path / f"032{request.param}"


def image_of(grid, dtype="uint8", channels=()):
    shape = (*channels, *(4, 5, 6)[-grid.dimensions :])
    values = np.random.default_rng(0).normal(100, 40, shape)
    return (values > 100) if dtype == "bool" else values.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int64", "float32"])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_an_image_comes_back_as_it_was(path, grid, dtype):
    image = image_of(grid, dtype)
    write_volume(path, image, grid)
    read, read_grid, _ = read_volume(path)
    assert read_grid == grid
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("dtype", ["bool", "float16", ">i2"])
def test_types_that_nifti_lacks_keep_their_values(path, dtype):
    image = image_of(GRIDS[1], dtype)
    write_volume(path, image, GRIDS[1])
    np.testing.assert_array_equal(read_volume(path)[0], image)


@pytest.mark.parametrize("grid", GRIDS[:2], ids=str)
def test_channels_come_back_in_front(path, grid):
    image = image_of(grid, channels=(2,))
    write_volume(path, image, grid)
    read, read_grid, _ = read_volume(path)
    assert read_grid == grid
    np.testing.assert_array_equal(read, image)


def test_micrometres_are_written_as_millimetres(path):
    write_volume(path, image_of(GRIDS[1]), Grid((5.0, 0.99, 0.5), "um"))
    assert read_volume(path)[1] == Grid((0.005, 0.00099, 0.0005), "mm")


def test_a_unit_that_is_no_length_is_told(path):
    with pytest.raises(GridMismatchError, match="second"):
        write_volume(path, image_of(GRIDS[1]), Grid((1, 1, 1), "second"))
    assert not list(path.parent.iterdir())


def test_another_program_finds_the_axes_the_other_way_round(path):
    write_volume(path, image_of(GRIDS[1]), GRIDS[1])
    volume = SimpleITK.ReadImage(str(path))
    assert volume.GetSize() == (6, 5, 4)
    assert volume.GetSpacing() == pytest.approx((0.2, 0.1, 0.5))
    assert volume.GetMetaData("xyzt_units") == "10"
    assert volume.GetPixel(5, 0, 3) == image_of(GRIDS[1])[3, 0, 5]


@pytest.mark.parametrize(
    ("units", "codes", "unit"),
    [(0, (0, 0), "pixel"), (0, (1, 0), "mm"), (0, (0, 4), "mm"), (10, (0, 0), "mm")],
)
def test_one_millimetre_is_never_made_up(tmp_path, units, codes, unit):
    path = tmp_path / "a.nii"
    write_volume(path, image_of(GRIDS[1]), Grid((1, 1, 1), "mm"))
    content = bytearray(path.read_bytes())
    content[123] = units
    content[252:256] = bytes([codes[0], 0, codes[1], 0])
    path.write_bytes(content)
    assert read_volume(path)[1] == Grid((1, 1, 1), unit)


def test_metres_and_micrometres_become_millimetres(tmp_path):
    path = tmp_path / "a.nii"
    write_volume(path, image_of(GRIDS[1]), Grid((5, 2, 1), "mm"))
    content = bytearray(path.read_bytes())
    content[123] = 3
    path.write_bytes(content)
    assert read_volume(path)[1] == Grid((0.005, 0.002, 0.001), "mm")


def test_labels_written_like_their_image_lie_on_it_elsewhere(path, tmp_path):
    image = SimpleITK.GetImageFromArray(image_of(GRIDS[1]))
    image.SetSpacing((0.2, 0.1, 0.5))
    image.SetOrigin((10, -20, 30))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(tmp_path / "image.nii.gz"))
    _, grid, _ = read_volume(tmp_path / "image.nii.gz")
    write_volume(
        path, image_of(grid), grid, place=place_of_volume(tmp_path / "image.nii.gz")
    )
    labels = SimpleITK.ReadImage(str(path))
    corner = (5, 4, 3)
    assert labels.TransformIndexToPhysicalPoint(corner) == pytest.approx(
        image.TransformIndexToPhysicalPoint(corner), abs=1e-5
    )
    with pytest.raises(GridMismatchError, match="belong to"):
        write_volume(
            path,
            image_of(grid)[1:],
            grid,
            place=place_of_volume(tmp_path / "image.nii.gz"),
        )


def test_a_series_of_volumes_is_told(tmp_path):
    volumes = [SimpleITK.GetImageFromArray(np.zeros((3, 4, 5)))] * 2
    SimpleITK.WriteImage(SimpleITK.JoinSeries(volumes), str(tmp_path / "a.nii"))
    with pytest.raises(CaseReadError, match="4 axes"):
        read_volume(tmp_path / "a.nii")


def test_a_series_of_one_volume_is_that_volume(tmp_path):
    volumes = [SimpleITK.GetImageFromArray(image_of(GRIDS[1]))]
    SimpleITK.WriteImage(SimpleITK.JoinSeries(volumes), str(tmp_path / "a.nii"))
    np.testing.assert_array_equal(
        read_volume(tmp_path / "a.nii")[0], image_of(GRIDS[1])
    )


def test_a_truncated_volume_is_never_filled_up(path):
    write_volume(path, image_of(GRIDS[1], "float32"), GRIDS[1])
    whole = path.read_bytes()
    for length in range(1, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(CaseReadError, match=r"truncated|no NIfTI|damaged"):
            read_volume(path)


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=40,
)
def test_a_damaged_archive_is_told(tmp_path, data):
    path = tmp_path / "a.nii.gz"
    write_volume(path, image_of(GRIDS[1], "float32"), GRIDS[1])
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(12, len(content) - 5))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(CaseReadError, match=r"a\.nii\.gz"):
        read_volume(path)


def test_a_damaged_header_is_read_or_told(tmp_path):
    path = tmp_path / "a.nii"
    write_volume(path, image_of(GRIDS[1]), GRIDS[1])
    whole = path.read_bytes()
    for position in range(0, 348, 3):
        content = bytearray(whole)
        content[position] ^= 0x55
        path.write_bytes(content)
        with contextlib.suppress(CaseReadError):
            assert read_volume(path)[0].ndim in (2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"n", "truncated"),
        (b"not a volume" * 100, "no NIfTI"),
        (gzip.compress(b"not a volume" * 100, mtime=0), "no NIfTI"),
        (b"\x1f\x8b but no archive", "damaged"),
    ],
)
def test_what_is_no_volume_is_told_by_name(path, content, message):
    path.write_bytes(content)
    with pytest.raises(CaseReadError, match=message) as told:
        read_volume(path)
    assert str(path) in str(told.value)


def test_voxels_of_an_unknown_kind_are_told_without_itks_source(tmp_path):
    path = tmp_path / "a.nii"
    write_volume(path, image_of(GRIDS[1]), GRIDS[1])
    content = bytearray(path.read_bytes())
    content[70:72] = (1536 + 7).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(CaseReadError) as told:
        read_volume(path)
    assert "\n" not in str(told.value)
    assert ".cxx" not in str(told.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CaseReadError, match="No such file"):
        read_volume(tmp_path / "gone.nii.gz")
