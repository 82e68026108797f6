"""Cases that are written come back as they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cases import read_cases
from specimen_unet.files.writing_cases import FoldersWriter, NnunetWriter


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def grid(request):
    return Grid((0.5, 0.1, 0.2)[-request.param :], "mm")


def case_of(grid, name, *observers, channels=1, group=None, values=(0, 1, 2)):
    random = np.random.default_rng(len(name))
    shape = (4, 8, 9)[-grid.dimensions :]
    labels = {who: random.choice(values, shape).astype(np.uint8) for who in observers}
    return Case(
        random.integers(0, 2000, (channels, *shape)).astype(np.int16),
        labels,
        spacing=grid.spacing,
        unit=grid.unit,
        name=name,
        group=group,
    )


def write(writer, *cases):
    for case in cases:
        writer.write(case)
    writer.finish()


def assert_equal(read, cases):
    assert [case.name for case in read] == [case.name for case in cases]
    for back, case in zip(read, cases, strict=True):
        np.testing.assert_array_equal(back.image, case.image)
        assert back.image.dtype == case.image.dtype
        assert (back.grid, back.group) == (case.grid, case.group)
        assert list(back.labels) == list(case.labels)
        for observer, drawn in case.labels.items():
            np.testing.assert_array_equal(back.labels[observer], drawn)


@pytest.mark.parametrize("channels", [1, 2])
def test_nnunet_raw_comes_back_as_the_same_cases(tmp_path, grid, channels):
    cases = [
        case_of(grid, "benign (1)", "labels", channels=channels, group="p1"),
        case_of(grid, "c_0001", "labels", channels=channels, group="p1"),
        case_of(grid, "to be segmented", channels=channels),
    ]
    write(NnunetWriter(tmp_path / "out", (1, 2)), *cases)
    assert_equal(read_cases(tmp_path / "out", needs_labels=False), cases)


def test_folders_come_back_with_all_observers(tmp_path, grid):
    cases = [
        case_of(grid, "a", "EA", "MG", "labels"),
        case_of(grid, "b", "deepseg_sc-2d", group="a"),
        case_of(grid, "c"),
    ]
    write(FoldersWriter(tmp_path / "out"), *cases)
    assert_equal(read_cases(tmp_path / "out", needs_labels=False), cases)


def test_nnunet_finds_what_its_format_asks_for(tmp_path, grid):
    """Its page on the format, and its own reader: SimpleITK."""
    out = tmp_path / "Dataset001_Vessels"
    cases = [case_of(grid, name, "EA", channels=2, values=(0, 3, 7)) for name in "ab"]
    writer = NnunetWriter(out, (3, 7), {3: "vessel", 9: "none"}, ("T1",))
    write(writer, *cases)
    assert json.loads((out / "dataset.json").read_text()) == {
        "channel_names": {"0": "T1", "1": "channel 1"},
        "labels": {"background": 0, "vessel": 1, "label 7": 2},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    assert sorted(path.name for path in (out / "imagesTr").iterdir()) == [
        f"{name}_000{channel}.nii.gz" for name in "ab" for channel in (0, 1)
    ]
    image = SimpleITK.ReadImage(str(out / "imagesTr" / "b_0001.nii.gz"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), cases[1].image[1])
    assert image.GetSpacing()[::-1] == pytest.approx(grid.spacing)
    labels = SimpleITK.ReadImage(str(out / "labelsTr" / "b.nii.gz"))
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(labels),
        np.select([cases[1].labels["EA"] == 3, cases[1].labels["EA"] == 7], [1, 2]),
    )


def test_two_labels_of_one_name_keep_apart(tmp_path, grid):
    writer = NnunetWriter(tmp_path / "out", (1, 2), {1: "cyst", 2: "cyst"})
    write(writer, case_of(grid, "a", "EA"))
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "label 1": 1, "label 2": 2}


def test_micrometres_come_back_as_millimetres(tmp_path):
    case = case_of(Grid((5, 0.994, 0.994), "um"), "a", "labels")
    write(NnunetWriter(tmp_path / "out", (1, 2)), case)
    (back,) = read_cases(tmp_path / "out")
    assert back.grid.unit == "mm"
    assert back.grid.in_unit("um").same_spacing(case.grid)


def test_cases_of_other_channels_are_refused(tmp_path, grid):
    writer = NnunetWriter(tmp_path / "out")
    writer.write(case_of(grid, "a"))
    with pytest.raises(CaseReadError, match=r"b has 3 channels.*1"):
        writer.write(case_of(grid, "b", channels=3))


@pytest.mark.parametrize("writer", [NnunetWriter, FoldersWriter])
def test_nothing_is_written_into_what_is_there(tmp_path, writer):
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(CaseReadError, match="not empty"):
            writer(place)
    assert (tmp_path / "notes.txt").read_text() == "mine"
