"""Folders of cases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import specimen_unet as su
from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.case_names import case_names
from specimen_unet.files.cases import read_cases
from specimen_unet.files.cautions import (
    OpenQuestionWarning,
    SpacingWarning,
    UnpairedFilesWarning,
)
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.files.pairing import CaseFiles

GRID = Grid((0.5, 0.1, 0.2), "mm")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "specimens"


@pytest.fixture
def put(folder):
    """Write small images and labels; the name says which."""

    def write(*names, grid=GRID, labels=None, shape=(3, 8, 9)):
        random = np.random.default_rng(0)
        for name in names:
            if "label" in name or "EA" in name or "MG" in name:
                drawn = np.zeros(shape, np.uint8)
                drawn[..., 2:5, 2:5] = 1
                write_labels(folder / name, drawn if labels is None else labels, grid)
            else:
                image = random.integers(0, 255, shape, dtype=np.uint8)
                write_image(folder / name, image, grid)

    return write


@pytest.fixture(autouse=True)
def _no_unexpected_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnpairedFilesWarning)
        warnings.simplefilter("error", SpacingWarning)
        yield


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".nii.gz"])
def test_cases_keep_observers_spacing_and_unit(put, folder, suffix):
    put(*(f"032{end}{suffix}" for end in ("", "_EA", "_MG")))
    (case,) = su.read_cases(str(folder))
    assert (case.name, case.group) == ("032", "032")
    assert list(case.labels) == ["EA", "MG"]
    assert case.grid == GRID
    assert case.shape == (3, 8, 9)
    assert case.labels["EA"].sum() == 27


def test_flat_images_are_cases_too(put, folder):
    put("a.tif", "a_labels.tif", shape=(8, 9), grid=Grid((0.1, 0.2), "um"))
    (case,) = read_cases(folder)
    assert case.grid == Grid((0.1, 0.2), "um")
    assert case.shape == (8, 9)


def test_cases_come_sorted_by_name(put, folder):
    put("b.tif", "b_EA.tif", "images/a.tif", "labels/a.tif")
    assert [case.name for case in read_cases(folder)] == ["a", "b"]


def test_cases_of_one_name_are_told_apart(put, folder):
    put("p/1.tif", "p/1_labels.tif", "q/1.tif", "q/1_labels.tif", "2.tif", "2_EA.tif")
    assert [case.name for case in read_cases(folder)] == ["2", "p-1", "q-1"]


@given(st.sets(st.text("ab/-.12", min_size=1, max_size=6), max_size=12))
def test_no_two_cases_share_a_name(stems):
    images = {f"{stem}{suffix}" for stem in stems for suffix in (".tif", ".nii")}
    names = case_names(CaseFiles((image,)) for image in images)
    assert set(names) == images
    assert len(set(names.values())) == len(images)


def test_files_without_partner_are_named_in_a_warning(put, folder):
    put("a.tif", "a_EA.tif", "b.tif", "c_labels.tif")
    with pytest.warns(UnpairedFilesWarning) as told:
        cases = read_cases(folder)
    assert [case.name for case in cases] == ["a"]
    assert "b.tif" in str(told[0].message)
    assert "c_labels.tif" in str(told[0].message)
    assert told[0].filename == __file__


def test_what_files_leave_open_is_told_once_with_the_way_to_answer(folder):
    folder.mkdir(exist_ok=True)
    for name in ("a", "b"):
        picture = np.zeros((8, 9), np.uint8)
        Image.fromarray(picture).save(folder / f"{name}.png")
        Image.fromarray(picture).save(folder / f"{name}_mask.png")
    with pytest.warns(OpenQuestionWarning, match=r"1 more like it.*spacing=") as told:
        read_cases(folder)
    assert len(told) == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", OpenQuestionWarning)
        read_cases(folder, answers={"spacing": "0.1 0.1 mm"})


def test_nothing_that_pairs_is_an_error_that_shows_how(put, folder):
    put("a.tif", "b.tif")
    with pytest.raises(CaseReadError, match=r"a\.tif, b\.tif.*NAME_labels\.tif"):
        read_cases(folder)


def test_many_files_without_partner_are_counted(put, folder):
    put(*(f"{number}.tif" for number in range(14)), shape=(4, 5), grid=Grid((1, 1)))
    with pytest.raises(CaseReadError, match="and 4 more"):
        read_cases(folder)


def test_images_without_labels_are_cases_where_none_are_needed(put, folder):
    put("a.tif", "a_EA.tif", "b.tif")
    cases = read_cases(folder, needs_labels=False)
    assert [(case.name, list(case.labels)) for case in cases] == [
        ("a", ["EA"]),
        ("b", []),
    ]


def test_a_folder_without_images_or_no_folder_is_told(folder):
    with pytest.raises(CaseReadError, match="no folder"):
        read_cases(folder)
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing")
    with pytest.raises(CaseReadError, match=r"holds no images.*\.nii\.gz"):
        read_cases(folder)
    with pytest.raises(CaseReadError, match="no folder"):
        read_cases(folder / "notes.txt")


def test_labels_of_another_shape_are_told_with_both_files(put, folder):
    put("a.tif")
    put("a_EA.tif", shape=(3, 8, 8))
    with pytest.raises(CaseReadError, match=r"a_EA\.tif is .*/a\.tif is"):
        read_cases(folder)


@pytest.mark.parametrize(
    "grid",
    [
        Grid((0.5, 0.1, 0.3), "mm"),
        Grid((0.5, 0.1, 0.2), "um"),
        Grid((0.5, 0.1, 0.2), "second"),
    ],
    ids=str,
)
def test_labels_of_another_spacing_are_told(put, folder, grid):
    put("a.tif")
    put("a_EA.tif", grid=grid)
    with pytest.warns(SpacingWarning, match=r"a_EA\.tif") as told:
        (case,) = read_cases(folder)
    assert case.grid == GRID
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    "grid", [Grid((500, 100, 200), "um"), Grid((1, 1, 1), "pixel")], ids=str
)
def test_labels_in_another_unit_or_in_none_fit(put, folder, grid):
    put("a.tif")
    put("a_EA.tif", grid=grid)
    assert read_cases(folder)[0].grid == GRID


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [([0, 255], [0, 1]), ([0, 1, 255], [0, 1, 255]), ([0, 2], [0, 2]), ([0], [0])],
)
def test_masks_of_0_and_255_become_0_and_1(put, folder, drawn, expected):
    labels = np.resize(np.array(drawn, np.uint8), (3, 8, 9))
    put("a.tif", "a_EA.tif", labels=labels)
    read = read_cases(folder)[0].labels["EA"]
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.resize(expected, (3, 8, 9)))


def test_a_second_image_is_not_taken_for_labels(put, folder):
    gray = np.random.default_rng(0).integers(0, 255, (3, 8, 9), dtype=np.uint8)
    put("a.tif")
    write_image(folder / "a_contrast.tif", gray, GRID)
    with pytest.raises(CaseReadError, match=r"a_contrast\.tif .* looks like an image"):
        read_cases(folder)
    (folder / "a_contrast.tif").rename(folder / "a_labels.tif")
    assert len(np.unique(read_cases(folder)[0].labels["labels"])) > 100


def test_a_damaged_file_is_told_by_name(put, folder):
    put("a.tif", "a_EA.tif")
    (folder / "a_EA.tif").write_bytes(b"")
    with pytest.raises(CaseReadError, match=r"a_EA\.tif is empty"):
        read_cases(folder)


@pytest.mark.parametrize(
    "table",
    [
        "image,group\na.tif,p1\nb.tif,p1\nother.png,p9\n",
        "group,class,case\np1,benign,a\np1,benign,b\n",
        "﻿Image;Group\nimages/a.tif;p1\nimages/b.tif;p1\n",
    ],
    ids=["files", "cases", "paths, from a spreadsheet"],
)
def test_groups_come_from_a_table(put, folder, table):
    put(*(f"{place}/{name}.tif" for place in ("images", "labels") for name in "abc"))
    (folder / "groups.csv").write_text(table, encoding="utf-8")
    assert [case.group for case in read_cases(folder)] == ["p1", "p1", "c"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "none"),
        (b"file,patient\na,b\n", "file, patient"),
        (b"image,group\n\xff\xfe,1\n", "UTF-8"),
    ],
)
def test_a_table_of_groups_that_makes_no_sense_is_told(put, folder, table, message):
    put("a.tif", "a_EA.tif")
    (folder / "groups.csv").write_bytes(table)
    with pytest.raises(CaseReadError, match=message) as told:
        read_cases(folder)
    assert "groups.csv" in str(told.value)
