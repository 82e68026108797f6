"""TIFF stacks keep their voxels, their spacing and their unit."""

from __future__ import annotations

import contextlib
import importlib.util

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cautions import SpacingWarning
from specimen_unet.files.tiff import read_tiff, write_tiff

GRIDS = [
    Grid((0.1, 0.1), "mm"),
    Grid((0.25, 0.3), "um"),
    Grid((1.0, 1.0), "pixel"),
    Grid((0.5, 0.1, 0.1), "mm"),
    Grid((5.0, 0.994, 0.99), "um"),
    Grid((3.0, 1.0, 1.0), "pixel"),
    Grid((2.0, 0.05, 0.07), "inch"),
]
DTYPES = ["uint8", "uint16", "float32", "int16", "int32", "float64", "bool"]


def image_of(grid, channels=(), dtype="uint8"):
    # Three columns: tifffile would take them for red, green and blue.
    shape = (*channels, *(4, 5, 3)[-grid.dimensions :])
    values = np.random.default_rng(0).normal(100, 40, shape)
    return (values > 100) if dtype == "bool" else values.astype(dtype)


@pytest.fixture(params=[".tif", ".ome.tif", ".TIFF"])
def path(request, tmp_path):
    return tmp_path / f"032{request.param}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_an_image_comes_back_as_it_was(path, grid, dtype):
    image = image_of(grid, dtype=dtype)
    write_tiff(path, image, grid)
    read, read_grid, _ = read_tiff(path)
    assert read_grid == grid
    assert read.dtype == (np.uint8 if dtype == "bool" else image.dtype)
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("grid", [GRIDS[0], GRIDS[3]], ids=["2d", "3d"])
@pytest.mark.parametrize("channels", [2, 3])
def test_channels_come_back_in_front(path, grid, channels):
    image = image_of(grid, (channels,))
    write_tiff(path, image, grid)
    read, read_grid, _ = read_tiff(path)
    assert read_grid == grid
    np.testing.assert_array_equal(read, image)


@given(
    st.tuples(*[st.floats(1e-4, 1e4)] * 3),
    st.sampled_from(["mm", "um", "nm", "cm", "pixel", "Å"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_spacing_comes_back(tmp_path, spacing, unit, is_ome):
    path = tmp_path / ("a.ome.tif" if is_ome else "a.tif")
    write_tiff(path, np.zeros((2, 3, 4), np.uint8), Grid(spacing, unit))
    read = read_tiff(path)[1]
    assert read.unit == unit
    assert read.spacing == pytest.approx(spacing, rel=1e-6)


def test_imagej_finds_what_it_expects(tmp_path):
    path = tmp_path / "032.tif"
    write_tiff(path, np.zeros((4, 5, 6), np.uint8), Grid((0.5, 0.25, 0.1), "mm"))
    with tifffile.TiffFile(path) as file:
        metadata, tags = file.imagej_metadata, file.pages.first.tags
        assert (metadata["slices"], metadata["spacing"]) == (4, 0.5)
        assert metadata["unit"] == "mm"
        assert tags["XResolution"].value == (10, 1)
        assert tags["YResolution"].value == (4, 1)
        assert tags["ResolutionUnit"].value == 1
        assert "photometric" not in metadata
        assert len(file.pages) == 4


def test_another_library_sees_the_same_slices(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    image = image_of(Grid((1.0, 1.0, 1.0)), dtype="uint16")
    write_tiff(tmp_path / "032.tif", image, Grid((1.0, 1.0, 1.0)))
    with pillow.open(tmp_path / "032.tif") as file:
        for number, expected in enumerate(image):
            file.seek(number)
            np.testing.assert_array_equal(np.asarray(file), expected)


def test_an_ome_tiff_names_its_sizes_and_units(tmp_path):
    path = tmp_path / "032.ome.tif"
    write_tiff(path, np.zeros((4, 5, 6), np.uint8), Grid((0.5, 0.25, 0.1), "um"))
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [pixels[f"PhysicalSize{axis}"] for axis in "ZYX"] == [0.5, 0.25, 0.1]
    assert {pixels[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"µm"}


@pytest.mark.parametrize("unit", ["um", "micron", r"\u00B5m", "microns"])
def test_micrometres_are_known_by_all_their_names(tmp_path, unit):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((2, 8, 9), np.uint8),
        imagej=True,
        resolution=(2, 4),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 5.0},
    )
    assert read_tiff(path)[1] == Grid((5.0, 0.25, 0.5), "um")


def test_a_micro_sign_written_as_it_is_is_understood(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((8, 9), np.uint8),
        resolution=(2, 2),
        resolutionunit=1,
        description="ImageJ=1.53t\nunit=µm\n".encode("latin-1"),
        metadata=None,
    )
    assert read_tiff(path)[1] == Grid((0.5, 0.5), "um")


def test_imagej_files_without_unit_are_in_pixels(tmp_path):
    path = tmp_path / "a.tif"
    stack = np.zeros((2, 8, 9), np.uint8)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    assert read_tiff(path)[1] == Grid((1.0, 1.0, 1.0), "pixel")
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        resolution=(72, 72),
        resolutionunit="inch",
        metadata={"axes": "ZYX", "spacing": 3.0},
    )
    assert read_tiff(path)[1] == Grid((3.0, 1.0, 1.0), "pixel")


@pytest.mark.parametrize("unit", ["inch", "centimeter", None])
def test_dots_per_inch_are_no_voxel_size(tmp_path, unit):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.zeros((8, 9), np.uint8), resolution=(72, 72), resolutionunit=unit
    )
    assert read_tiff(path)[1] == Grid((1.0, 1.0), "pixel")


def test_a_distance_of_slices_that_is_not_told_is_never_silent(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((2, 8, 9), np.uint8),
        imagej=True,
        resolution=(10, 10),
        metadata={"axes": "ZYX", "unit": "mm"},
    )
    with pytest.warns(SpacingWarning, match=r"a\.tif .* 1 mm, as ImageJ does"):
        grid = read_tiff(path)[1]
    assert grid == Grid((1.0, 0.1, 0.1), "mm")


def test_an_ome_tiff_that_tells_half_is_in_pixels_and_says_so(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(path, np.zeros((2, 8, 9), np.uint8), metadata=metadata)
    with pytest.warns(SpacingWarning, match="some axes only"):
        assert read_tiff(path)[1] == Grid((1.0, 1.0, 1.0), "pixel")


def test_ome_units_may_differ_by_axis_and_default_to_micrometres(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 0.002,
        "PhysicalSizeZUnit": "mm",
    }
    tifffile.imwrite(path, np.zeros((2, 8, 9), np.uint8), metadata=metadata)
    assert read_tiff(path)[1] == Grid((2.0, 0.5, 0.5), "um")


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"bigtiff": True},
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (16, 16)},
        {"byteorder": ">", "imagej": True, "metadata": {"axes": "ZYX"}},
        {"metadata": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_foreign_ways_to_store_pages_are_read(tmp_path, options, dtype):
    image = np.random.default_rng(0).normal(99, 9, (3, 20, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **options)
    read, grid, _ = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, image)
    assert read.dtype.isnative
    assert read.flags.c_contiguous
    assert grid == Grid((1.0, 1.0, 1.0), "pixel")


def test_colours_become_channels(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    read, grid, _ = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, np.moveaxis(image, -1, 0))
    assert grid.dimensions == 2


def test_a_stack_whose_axes_nobody_named_is_no_image_of_forty_channels(tmp_path):
    stack = np.random.default_rng(0).integers(0, 2, (39, 8, 9), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True)
    read, grid, _ = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, stack)
    assert grid.dimensions == 3


def test_a_missing_decompressor_is_told(tmp_path):
    pytest.importorskip("PIL.Image").fromarray(np.zeros((9, 9), np.uint8)).save(
        tmp_path / "a.tif", compression="tiff_lzw"
    )
    if importlib.util.find_spec("imagecodecs"):
        assert read_tiff(tmp_path / "a.tif")[0].shape == (9, 9)
    else:
        with pytest.raises(CaseReadError, match="pip install imagecodecs"):
            read_tiff(tmp_path / "a.tif")


def test_frames_are_slices_whose_distance_is_told_or_warned_of(tmp_path):
    path, stack = tmp_path / "a.tif", np.zeros((4, 8, 9), np.uint8)
    metadata = {"axes": "TYX", "unit": "mm"}
    options = {"imagej": True, "resolution": (10, 10)}
    tifffile.imwrite(path, stack, metadata={**metadata, "spacing": 0.5}, **options)
    assert read_tiff(path)[1] == Grid((0.5, 0.1, 0.1), "mm")
    tifffile.imwrite(path, stack, metadata=metadata, **options)
    with pytest.warns(SpacingWarning, match="some axes only"):
        assert read_tiff(path)[1].unit == "pixel"


@pytest.mark.parametrize("axes", ["TZYX", "CZYXS"])
def test_more_than_one_volume_is_told(tmp_path, axes):
    shape = {"T": 2, "Z": 3, "C": 2, "Y": 8, "X": 9, "S": 3}
    image = np.zeros([shape[axis] for axis in axes], np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": axes})
    with pytest.raises(CaseReadError, match="Make Substack"):
        read_tiff(tmp_path / "a.ome.tif")


def test_pages_of_several_sizes_are_told(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for size in (8, 9, 10):
            file.write(np.zeros((size, size), np.uint8), metadata=None)
    with pytest.raises(CaseReadError, match="holds 3 images"):
        read_tiff(tmp_path / "a.tif")


WAYS = [
    {"imagej": True, "metadata": {"axes": "ZYX"}},
    {"imagej": True, "compression": "zlib"},
    {"ome": True},
    {"bigtiff": True},
    {"metadata": None},
    {"imagej": True, "byteorder": ">"},
]


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_truncated_stack_is_never_read_as_a_shorter_one(tmp_path, options):
    image = np.random.default_rng(0).integers(0, 255, (5, 20, 30), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="minisblack", **options)
    whole = path.read_bytes()
    faults = 0
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        try:
            read, *_ = read_tiff(path)
        except CaseReadError:
            faults += 1
        else:  # what was cut off was no voxel
            np.testing.assert_array_equal(read, image)
    assert faults > len(whole) / 41 / 2


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=60,
)
@pytest.mark.filterwarnings("ignore::specimen_unet.files.cautions.SpacingWarning")
def test_damaged_bytes_are_read_or_told(tmp_path, data):
    path = tmp_path / "a.ome.tif"
    write_tiff(path, np.zeros((2, 6, 7), np.uint8), Grid((2.0, 1.0, 1.0), "mm"))
    content = bytearray(path.read_bytes())
    for _ in range(3):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(CaseReadError):
        image, grid, _ = read_tiff(path)
        assert image.ndim in (grid.dimensions, grid.dimensions + 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"II", "truncated"),
        (b"not an image at all", "no TIFF file"),
        (b"II\x00\x00 neither", "no TIFF file"),
        (b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00", "circle"),
        (b"II*\x00\x00\x00\x00\x00", "holds 0 images"),
    ],
)
def test_what_is_no_image_is_told_by_name(tmp_path, content, message):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(CaseReadError, match=message) as told:
        read_tiff(path)
    assert str(path) in str(told.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CaseReadError, match="No such file"):
        read_tiff(tmp_path / "gone.tif")


def test_whole_numbers_of_64_bits_are_kept_when_they_fit(tmp_path):
    path, grid = tmp_path / "a.tif", Grid((1.0, 1.0))
    labels = np.array([[0, 3], [70_000, 2]], np.int64)
    write_tiff(path, labels, grid)
    np.testing.assert_array_equal(read_tiff(path)[0], labels)
    with pytest.raises(CaseReadError, match="32-bit"):
        write_tiff(path, labels * 2**33, grid)
    np.testing.assert_array_equal(read_tiff(path)[0], labels)


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    path, grid = tmp_path / "a.tif", Grid((1.0, 1.0))
    write_tiff(path, np.ones((4, 4), np.uint8), grid)

    def disk_full(file, *arguments, **options):
        file.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_tiff(path, np.zeros((4, 4), np.uint8), grid)
    assert read_tiff(path)[0].all()
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
