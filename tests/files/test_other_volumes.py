"""NRRD and MetaImage, and places in a scanner from one format to another."""

from __future__ import annotations

import zlib

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import (
    open_image,
    read_image,
    read_labels,
    write_image,
    write_labels,
)
from specimen_unet.files.questions import UnansweredError

GRIDS = {
    "2d": Grid((0.1, 0.3), "mm"),
    "3d": Grid((0.5, 0.1, 0.2), "mm"),
    "pixels": Grid((3.0, 1.0, 1.5), "pixel"),
}
NUMPY_TYPES = {"MET_UCHAR": "u1", "MET_SHORT": "<i2", "MET_FLOAT": "<f4"}


@pytest.fixture(params=GRIDS.values(), ids=GRIDS)
def grid(request):
    return request.param


@pytest.fixture(params=[".nrrd", ".mha"])
def path(request, tmp_path):
    return tmp_path / f"032{request.param}"


def image_of(grid, dtype="uint8", channels=()):
    shape = (*channels, *(4, 5, 6)[-grid.dimensions :])
    return np.random.default_rng(0).normal(100, 40, shape).astype(dtype)


def read_meta(path):
    """Read a MetaImage as its documentation describes it, without ITK."""
    head, _, rest = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    fields = dict(line.split(" = ", 1) for line in head.decode().splitlines())
    if fields["CompressedData"] == "True":
        rest = zlib.decompress(rest)
    sizes = [int(size) for size in fields["DimSize"].split()]
    return fields, np.frombuffer(rest, NUMPY_TYPES[fields["ElementType"]]).reshape(
        sizes[::-1]
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_an_image_comes_back_as_it_was(path, grid, dtype, channels):
    image = image_of(grid, dtype, channels)
    write_image(path, image, grid)
    read, read_grid, questions = open_image(path)
    np.testing.assert_array_equal(read, image)
    assert read.dtype == image.dtype
    assert read_grid == grid
    assert bool(questions) == (grid.unit == "pixel")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_pynrrd_reads_what_is_written(tmp_path, grid):
    image = image_of(grid, "int16")
    for write in (write_image, write_labels):
        write(tmp_path / "a.nrrd", image.astype(np.uint8), grid)
        read, header = nrrd.read(str(tmp_path / "a.nrrd"))
        np.testing.assert_array_equal(read.T, image)
        steps = np.linalg.norm(header["space directions"], axis=1)
        assert steps[::-1] == pytest.approx(grid.spacing)
        assert header["space units"] == [grid.unit] * grid.dimensions


def test_what_pynrrd_writes_is_read(tmp_path, grid):
    image = image_of(grid, "int16")
    header = {"space dimension": grid.dimensions, "space units": ["um"]}
    header["space units"] *= grid.dimensions
    header["space directions"] = np.diag(grid.spacing[::-1])
    for name in ("a.nrrd", "a.nhdr"):
        nrrd.write(str(tmp_path / name), image.T, header)
        read, read_grid, questions = open_image(tmp_path / name)
        np.testing.assert_array_equal(read, image)
        assert read_grid == Grid(grid.spacing, "um")
        assert not questions


def test_a_meta_image_is_as_its_documentation_says(tmp_path, grid):
    image = image_of(grid)
    for write in (write_image, write_labels):
        write(tmp_path / "a.mha", image, grid)
        fields, read = read_meta(tmp_path / "a.mha")
        np.testing.assert_array_equal(read, image)
        steps = [float(step) for step in fields["ElementSpacing"].split()]
        assert steps[::-1] == pytest.approx(grid.spacing)
        assert fields["DistanceUnits"] == ("?" if grid.unit == "pixel" else "mm")


def test_nibabel_reads_what_is_written(tmp_path):
    image = image_of(GRIDS["3d"], "int16")
    write_image(tmp_path / "a.nii.gz", image, GRIDS["3d"])
    read = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(read.dataobj).T, image)
    assert read.header.get_zooms()[::-1] == pytest.approx(GRIDS["3d"].spacing)
    assert read.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd", ".nhdr"])
@pytest.mark.parametrize(
    ("spacing", "unit"), [((0.2, 0.1, 0.5), "mm"), ((1, 1, 1), "pixel")]
)
def test_a_unit_that_is_not_named_is_asked(tmp_path, suffix, spacing, unit):
    volume = SimpleITK.GetImageFromArray(image_of(GRIDS["3d"]))
    volume.SetSpacing(spacing)
    SimpleITK.WriteImage(volume, str(tmp_path / f"a{suffix}"))
    image, grid, (question,) = open_image(tmp_path / f"a{suffix}")
    assert grid == Grid(spacing[::-1], unit)
    assert question.about == "spacing"
    assert unit in question.taken
    assert str(tmp_path) in question.text
    _, answered, left = open_image(tmp_path / f"a{suffix}", {"spacing": "5, 2, 2 um"})
    assert answered == Grid((5, 2, 2), "um")
    assert not left
    assert image.shape == (4, 5, 6)


@pytest.mark.parametrize("image_suffix", [".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_labels_lie_on_an_image_of_another_format(tmp_path, image_suffix, suffix):
    image = SimpleITK.GetImageFromArray(image_of(GRIDS["3d"]))
    image.SetSpacing((0.2, 0.1, 0.5))
    image.SetOrigin((10, -20, 30))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    path, labels_path = tmp_path / f"image{image_suffix}", tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(image, str(path))
    drawn, grid = read_labels(path)
    write_labels(labels_path, drawn, grid, like=path)
    labels = SimpleITK.ReadImage(str(labels_path))
    corner = (5, 4, 3)
    assert labels.TransformIndexToPhysicalPoint(corner) == pytest.approx(
        image.TransformIndexToPhysicalPoint(corner), abs=1e-5
    )
    np.testing.assert_array_equal(read_labels(labels_path)[0], drawn)
    with pytest.raises(GridMismatchError, match="belong to"):
        write_labels(labels_path, drawn[1:], grid, like=path)


def test_four_axes_are_channels_only_if_somebody_says_so(tmp_path):
    volume = image_of(GRIDS["3d"], "int16")
    data = np.stack([volume, volume + 1]).T
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(UnansweredError, match="4 axes") as told:
        read_image(tmp_path / "a.nii")
    assert "channels" in told.value.question.choices
    image, grid = read_image(tmp_path / "a.nii", {"stack": "channels"})
    np.testing.assert_array_equal(image, [volume, volume + 1])
    assert grid.dimensions == 3
    with pytest.raises(CaseReadError, match="time"):
        read_image(tmp_path / "a.nii", {"stack": "times"})


def test_a_truncated_volume_is_never_filled_up(path):
    for write in (write_image, write_labels):
        write(path, image_of(GRIDS["3d"]), GRIDS["3d"])
        whole = path.read_bytes()
        for length in range(0, len(whole), 13):
            path.write_bytes(whole[:length])
            with pytest.raises(CaseReadError, match="032"):
                read_image(path)


@pytest.mark.parametrize(
    ("suffix", "old", "new"),
    [
        (".nrrd", b"sizes: 6 5 4", b"sizes: 6 5 40000000"),
        (".nrrd", b"sizes: 6 5 4", b"sizes: 6 5"),
        (".nrrd", b"sizes: 6 5 4", b"sizes: 6 -5 4"),
        (".nrrd", b"type: unsigned char", b"type: double"),
        (".nrrd", b"encoding: raw", b"encoding: magic"),
        (".mha", b"DimSize = 6 5 4", b"DimSize = 6 5 40000000"),
        (".mha", b"DimSize = 6 5 4", b"DimSize = 6 5"),
        (".mha", b"NDims = 3", b"NDims = 99"),
        (".mha", b"MET_UCHAR", b"MET_DOUBLE"),
        (".mha", b"ElementSpacing = 0.2", b"ElementSpacing = nan"),
    ],
)
def test_a_wrong_header_is_told(tmp_path, suffix, old, new):
    path = tmp_path / f"a{suffix}"
    write_image(path, image_of(GRIDS["3d"]), GRIDS["3d"])
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(CaseReadError, match=f"a{suffix}"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_voxels_that_are_elsewhere_and_gone_are_told(tmp_path, suffix):
    volume = SimpleITK.GetImageFromArray(image_of(GRIDS["3d"]))
    SimpleITK.WriteImage(volume, str(tmp_path / f"a{suffix}"))
    with pytest.raises(CaseReadError, match="only read"):
        write_image(tmp_path / f"a{suffix}", image_of(GRIDS["3d"]), GRIDS["3d"])
    (tmp_path / "a.raw").unlink()
    with pytest.raises(CaseReadError, match=r"a\.raw"):
        read_image(tmp_path / f"a{suffix}")
