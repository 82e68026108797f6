"""DICOM means what pydicom says it does."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cautions import SpacingWarning
from specimen_unet.files.dicom import place_of_dicom, read_dicom
from specimen_unet.files.images import open_image, read_image, write_labels
from specimen_unet.files.questions import UnansweredError
from specimen_unet.files.volumes import place_of_volume

VOXELS = np.random.default_rng(0).integers(0, 4000, (4, 6, 7), dtype=np.uint16)
# Obliquely across the scanner.
ROWS, COLUMNS = (0.6, 0.8, 0.0), (-0.8, 0.6, 0.0)


def write_slice(path, pixels, number=0, **changes):
    """Write a slice with pydicom; a change of None leaves an element out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"1.2.3.4.{number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    data.SeriesDescription, data.InstanceNumber = "specimen", number
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelSpacing, data.SliceThickness = [0.5, 0.25], 9
    data.ImagePositionPatient = [10, 20, 3 * number]
    data.ImageOrientationPatient = [*ROWS, *COLUMNS]
    data.RescaleSlope, data.RescaleIntercept = 2, -100
    data.PixelData = pixels.tobytes()
    for name, value in changes.items():
        delattr(data, name) if value is None else setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return data


@pytest.fixture
def series(tmp_path):
    """Four slices whose names and numbers run against their positions."""
    for number in range(4):
        write_slice(tmp_path / f"IM{3 - number}", VOXELS[number], number)
    return tmp_path


def test_a_series_is_a_volume_in_the_order_of_positions(series):
    image, grid, questions = open_image(series)
    slices = [pydicom.dcmread(path) for path in series.iterdir()]
    slices.sort(key=lambda each: each.ImagePositionPatient[2])
    told = np.stack([apply_modality_lut(each.pixel_array, each) for each in slices])
    np.testing.assert_array_equal(image, told)
    assert grid == Grid((3.0, 0.5, 0.25), "mm")
    assert not questions


def test_labels_of_a_series_lie_on_it(series, tmp_path):
    path = tmp_path / "labels" / "a.nii.gz"
    image, grid = read_image(series)
    write_labels(path, (image > 0).astype(np.uint8), grid, like=series)
    labels = SimpleITK.ReadImage(str(path))
    last = pydicom.dcmread(series / "IM0")
    # PS3.3 C.7.6.2.1.1: the place of pixel (column 6, row 5) of the last slice.
    corner = (
        np.array(last.ImagePositionPatient)
        + 6 * last.PixelSpacing[1] * np.array(ROWS)
        + 5 * last.PixelSpacing[0] * np.array(COLUMNS)
    )
    assert labels.TransformIndexToPhysicalPoint((6, 5, 3)) == pytest.approx(
        corner, abs=1e-4
    )


def test_one_file_is_one_slice(series):
    image, grid, _ = read_dicom(series / "IM3")
    np.testing.assert_array_equal(image, VOXELS[0].astype(int) * 2 - 100)
    assert grid == Grid((0.5, 0.25), "mm")


def test_a_missing_slice_is_a_question(series):
    (series / "IM2").unlink()
    with pytest.raises(UnansweredError, match="6 mm between slice 1 and 2") as told:
        read_dicom(series)
    assert set(told.value.question.choices) == {"ignore", "refuse"}
    image, grid, _ = read_dicom(series, {"gaps": "ignore"})
    assert image.shape == (3, 6, 7)
    assert grid.spacing[0] == 3
    with pytest.raises(CaseReadError, match="Export the series again"):
        read_dicom(series, {"gaps": "refuse"})


def test_two_series_are_a_question(series):
    write_slice(
        series / "other", VOXELS[0], SeriesInstanceUID="1.9", SeriesDescription="scout"
    )
    with pytest.raises(UnansweredError, match=r"2 series.*1\.9 \(scout, 1 files"):
        read_dicom(series)
    assert read_dicom(series, {"series": "1.9"}).image.shape == (6, 7)
    assert read_dicom(series, {"series": "1.2.3.4"}).image.shape == (4, 6, 7)
    with pytest.raises(CaseReadError, match="is no answer"):
        read_dicom(series, {"series": "1.8"})


def test_labels_of_one_of_several_series_lie_on_it(series, tmp_path):
    write_slice(series / "other", VOXELS[0], SeriesInstanceUID="1.9")
    answers = {"series": "1.2.3.4"}
    image, grid = read_image(series, answers)
    path = tmp_path / "a.nii.gz"
    labels = (image > 0).astype(np.uint8)
    write_labels(path, labels, grid, like=series, answers=answers)
    assert place_of_volume(path).direction == pytest.approx(
        place_of_dicom(series, answers).direction
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": [10, 20, 3]}, "several volumes"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "scout"),
        ({"PixelSpacing": [1, 1]}, "scout"),
    ],
)
def test_slices_that_make_no_box_are_told(series, changes, message):
    write_slice(series / "IM4", VOXELS[0], 4, **changes)
    with pytest.raises(CaseReadError, match=message):
        read_dicom(series)


def test_what_headers_do_not_tell_is_asked(tmp_path):
    for number in range(2):
        write_slice(
            tmp_path / f"{number}.dcm",
            VOXELS[number],
            number,
            ImagePositionPatient=None,
        )
    with pytest.warns(SpacingWarning, match="how far its slices"):
        _, grid, (question,) = read_dicom(tmp_path)
    assert grid == Grid((1, 1, 1), "pixel")
    assert question.about == "spacing"
    write_slice(tmp_path / "0.dcm", VOXELS[0], PixelSpacing=None)
    answer = {"spacing": "0.5 0.25 mm"}
    assert open_image(tmp_path / "0.dcm").grid.unit == "pixel"
    assert read_image(tmp_path / "0.dcm", answer)[1] == Grid((0.5, 0.25), "mm")


def test_colours_that_are_alike_are_gray(tmp_path):
    gray = (VOXELS[0] // 16).astype(np.uint8)
    data = write_slice(tmp_path / "a.dcm", gray)
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration, data.BitsAllocated, data.BitsStored = 0, 8, 8
    data.HighBit = 7
    del data.RescaleSlope, data.RescaleIntercept
    data.PixelData = np.repeat(gray[..., np.newaxis], 3, axis=-1).tobytes()
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm")[0], gray)


@pytest.mark.parametrize(
    "name",
    [
        *("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm"),
        *("MR_small_implicit.dcm", "rtdose_rle.dcm", "rtdose.dcm"),
    ],
)
def test_files_of_scanners_are_read_as_pydicom_reads_them(name):
    path = get_testdata_file(name, download=False)
    image, grid, _ = read_dicom(path)
    data = pydicom.dcmread(path)
    np.testing.assert_array_equal(image, apply_modality_lut(data.pixel_array, data))
    assert grid.unit == "mm"
    assert grid.spacing[-2:] == pytest.approx([float(n) for n in data.PixelSpacing])


def test_compressed_frames_are_read(tmp_path):
    data = write_slice(tmp_path / "a.dcm", VOXELS, NumberOfFrames=4)
    data.compress(RLELossless)
    data.SpacingBetweenSlices = 3
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    image, _, _ = read_dicom(tmp_path / "a.dcm")
    np.testing.assert_array_equal(image, VOXELS.astype(int) * 2 - 100)


def test_a_truncated_file_is_never_filled_up(tmp_path):
    path = tmp_path / "a.dcm"
    write_slice(path, VOXELS[0])
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(CaseReadError, match=r"a\.dcm"):
            read_dicom(path)


def test_what_is_no_image_is_told(tmp_path):
    with pytest.raises(CaseReadError, match="holds no DICOM"):
        read_dicom(tmp_path)
    write_slice(tmp_path / "report.dcm", VOXELS[0], PixelData=None)
    with pytest.raises(CaseReadError, match="without an image"):
        read_dicom(tmp_path / "report.dcm")
    with pytest.raises(CaseReadError, match="only read"):
        write_labels(tmp_path / "a.dcm", np.ones((6, 7), np.uint8), Grid((1, 1)))
