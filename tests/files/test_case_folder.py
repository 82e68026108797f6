"""What lies in a folder of cases is read as what it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cases import read_cases
from specimen_unet.files.cautions import GroupsAssumedWarning
from specimen_unet.files.images import write_image, write_labels

GRID = Grid((0.5, 0.1, 0.2), "mm")


def gray(*shape):
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def box(*shape):
    labels = np.zeros(shape, np.uint8)
    labels[..., 2:5, 2:5] = 1
    return labels


def write_slices(folder, volume, series):
    """Write DICOM slices of one series, or of one each where `series` is a list."""
    folder.mkdir(parents=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, pixels in enumerate(volume):
        name = series[number] if isinstance(series, list) else series
        image = SimpleITK.GetImageFromArray(pixels[np.newaxis])
        tags = {
            "0020|000d": "1.2.3",
            "0020|000e": name,
            "0008|0018": f"{name}.{number + 1}",
            "0020|0032": rf"0\0\{number * 2}",
            "0020|0037": r"1\0\0\0\1\0",
            "0020|0013": str(number + 1),
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        image.SetSpacing((0.5, 0.5, 2))
        image.SetOrigin((0, 0, number * 2))
        writer.SetFileName(str(folder / f"{number}.dcm"))
        writer.Execute(image)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_colours_that_are_all_gray_are_one_channel(tmp_path, suffix):
    picture = gray(8, 9, 1).repeat(3, 2)
    Image.fromarray(picture).save(tmp_path / f"a{suffix}")
    Image.fromarray(box(8, 9) * 255).save(tmp_path / "a_mask.png")
    (case,) = read_cases(tmp_path)
    assert case.image.shape == (1, 8, 9)
    assert case.labels["labels"].sum() == 9


def test_colours_stay_three_channels(tmp_path):
    picture = gray(8, 9, 3)
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(box(8, 9) * 255).save(tmp_path / "a_mask.png")
    (case,) = read_cases(tmp_path)
    np.testing.assert_array_equal(case.image, np.moveaxis(picture, -1, 0))


def test_channels_in_files_of_their_own_must_fit(tmp_path):
    write_image(tmp_path / "imagesTr" / "a_0000.tif", gray(3, 8, 9), GRID)
    write_image(tmp_path / "imagesTr" / "a_0001.tif", gray(3, 8, 9) // 2, GRID)
    write_labels(tmp_path / "labelsTr" / "a.tif", box(3, 8, 9), GRID)
    (case,) = read_cases(tmp_path)
    assert (case.name, case.channels) == ("a", 2)
    np.testing.assert_array_equal(case.image[0] // 2, case.image[1])
    for other, shape in ((GRID, (3, 8, 8)), (Grid((1, 1, 1), "mm"), (3, 8, 9))):
        write_image(tmp_path / "imagesTr" / "a_0001.tif", gray(*shape), other)
        with pytest.raises(CaseReadError, match=r"a_0001\.tif.*one grid"):
            read_cases(tmp_path)
    write_image(tmp_path / "imagesTr" / "a_0000.tif", gray(2, 3, 8, 9), GRID)
    with pytest.raises(CaseReadError, match=r"a_0000\.tif has 2 channels"):
        read_cases(tmp_path)


def test_the_decathlon_keeps_channels_in_one_file(tmp_path):
    volume = gray(2, 3, 8, 9)
    (tmp_path / "imagesTr").mkdir()
    channels = [SimpleITK.GetImageFromArray(channel) for channel in volume]
    SimpleITK.WriteImage(
        SimpleITK.JoinSeries(channels), str(tmp_path / "imagesTr" / "a.nii.gz")
    )
    write_labels(tmp_path / "labelsTr" / "a.nii.gz", box(3, 8, 9), GRID)
    facts = {
        "modality": {"0": "T1", "1": "T2"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(facts))
    folder = CaseFolder.open(tmp_path)
    assert folder.layout == "msd"
    (files,) = folder.cases(needs_labels=True)
    np.testing.assert_array_equal(folder.read(files).case.image, volume)


def test_answers_are_given_to_all_images_that_leave_something_open(tmp_path):
    for name in "ab":
        Image.fromarray(gray(8, 9)).save(tmp_path / f"{name}.png")
        Image.fromarray(box(8, 9) * 255).save(tmp_path / f"{name}_mask.png")
    folder = CaseFolder.open(tmp_path)
    questions = folder.read(folder.cases(needs_labels=True)[0]).questions
    assert [question.about for question in questions] == ["spacing"]
    cases = read_cases(tmp_path, answers={"spacing": "0.1 0.2 mm"})
    assert [case.grid for case in cases] == [Grid((0.1, 0.2), "mm")] * 2


def test_assumed_groups_are_warned_of(tmp_path):
    for name in ("12_3", "12_4", "7_1"):
        write_image(tmp_path / "images" / f"{name}.tif", gray(3, 8, 9), GRID)
        write_labels(tmp_path / "labels" / f"{name}.tif", box(3, 8, 9), GRID)
    with pytest.warns(GroupsAssumedWarning, match="12_3") as told:
        cases = read_cases(tmp_path)
    assert told[0].filename == __file__
    assert [case.group for case in cases] == ["12", "12", "7"]


def test_subfolders_are_told_where_there_are_several(tmp_path):
    for name in ("benign/1", "normal/2"):
        write_image(tmp_path / f"{name}.tif", gray(8, 9), Grid((1, 1)))
        write_labels(tmp_path / f"{name}_mask.tif", box(8, 9), Grid((1, 1)))
    folder = CaseFolder.open(tmp_path)
    files = folder.cases(needs_labels=True)
    assert list(map(folder.subfolder, files)) == ["benign", "normal"]
    only = CaseFolder.open(tmp_path / "benign")
    assert [only.subfolder(one) for one in only.cases(needs_labels=True)] == [""]


def test_a_folder_of_slices_is_one_image(tmp_path):
    volume = gray(4, 8, 9).astype(np.int16)
    write_slices(tmp_path / "images" / "p1", volume, "1.2.4")
    (tmp_path / "labels").mkdir()
    labels = SimpleITK.GetImageFromArray(box(4, 8, 9))
    labels.SetSpacing((0.5, 0.5, 2))
    SimpleITK.WriteImage(labels, str(tmp_path / "labels" / "p1.nii.gz"))
    (case,) = read_cases(tmp_path)
    assert case.name == "p1"
    np.testing.assert_array_equal(case.image[0], volume)
    assert case.grid == Grid((2, 0.5, 0.5), "mm")


def test_dicom_files_of_a_series_each_are_images_each(tmp_path):
    write_slices(tmp_path / "images", gray(2, 8, 9), ["1.2.4", "1.2.5"])
    for number in range(2):
        write_labels(tmp_path / "labels" / f"{number}.tif", box(8, 9), Grid((1, 1)))
    folder = CaseFolder.open(tmp_path)
    assert list(folder.names.values()) == ["0", "1"]
    assert folder.pairing.reasons == {}


def test_stores_bring_their_labels(tmp_path):
    from specimen_unet.files.zarr_writing import write_zarr, write_zarr_labels

    image = gray(3, 8, 9)
    write_zarr(tmp_path / "032.ome.zarr", image, GRID)
    write_zarr_labels(tmp_path / "032.ome.zarr" / "labels" / "EA", box(3, 8, 9), GRID)
    write_zarr(tmp_path / "033.ome.zarr", image, GRID)
    (tmp_path / "034.zarr").mkdir()
    write_image(tmp_path / "a.tif", image, GRID)
    write_labels(tmp_path / "a_EA.tif", box(3, 8, 9), GRID)
    folder = CaseFolder.open(tmp_path)
    assert list(folder.pairing.reasons) == ["033.ome.zarr", "034.zarr"]
    stored, beside = folder.cases(needs_labels=True)
    case = folder.read(stored).case
    assert (case.name, list(case.labels), case.grid) == ("032", ["EA"], GRID)
    np.testing.assert_array_equal(np.asarray(case.image[0]), image)
    assert folder.read(beside).case.name == "a"
