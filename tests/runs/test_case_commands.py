"""``specimen-unet cases`` shows what belongs together, and writes it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from specimen_unet.cli import main
from specimen_unet.domain.grid import Grid
from specimen_unet.files.cases import read_cases
from specimen_unet.files.images import write_image, write_labels

GRID = Grid((0.5, 0.1, 0.2), "mm")


def box(*values):
    labels = np.zeros((3, 8, 9), np.uint8)
    for number, value in enumerate(values):
        labels[:, 2 + number, 2:5] = value
    return labels


@pytest.fixture
def observers(tmp_path):
    """Return a folder of two specimens; three drew on the first, one on the second."""
    folder = tmp_path / "specimens"
    gray = np.random.default_rng(0).integers(0, 255, (3, 8, 9)).astype(np.uint8)
    for name in ("032", "033"):
        write_image(folder / f"{name}.tif", gray, GRID)
    for who, labels in (("EA", box(1, 5)), ("MG", box(1)), ("RW", box(5, 5))):
        write_labels(folder / f"032_{who}.tif", labels, GRID)
    write_labels(folder / "033_EA.tif", box(1, 5), GRID)
    return folder


@pytest.fixture
def busi(tmp_path):
    """Return a small copy of BUSI's layout."""
    folder = tmp_path / "busi"
    random = np.random.default_rng(0)
    mask = np.zeros((20, 30), np.uint8)
    for kind, stem in (("benign", "benign (1)"), ("normal", "normal (1)")):
        (folder / kind).mkdir(parents=True)
        gray = random.integers(0, 255, (20, 30, 1), np.uint8)
        Image.fromarray(gray.repeat(3, 2)).save(folder / kind / f"{stem}.png")
        Image.fromarray(mask).save(folder / kind / f"{stem}_mask.png")
    for end, columns in (("", slice(2, 8)), ("_1", slice(20, 26))):
        mask[5:15] = 0
        mask[5:15, columns] = 255
        Image.fromarray(mask).save(folder / "benign" / f"benign (1)_mask{end}.png")
    (folder / "groups.csv").write_text(
        "group,class,image\ng7,benign,benign (1).png\ng7,normal,normal (1).png\n"
    )
    return folder


@pytest.fixture
def answered(capsys):
    """Run `cases` and return what it prints."""

    def run(*arguments, status=0):
        capsys.readouterr()
        assert main(["cases", *map(str, arguments)]) == status
        told = capsys.readouterr()
        return told.out if status != 1 else told.out + told.err

    return run


def test_the_table_shows_every_pair(observers, answered):
    lines = answered(observers).splitlines()
    assert lines[0].split() == [
        *("case", "image", "size", "spacing", "observer", "labels", "values")
    ]
    assert lines[1].split() == [
        *("032", "032.tif", "3", "x", "8", "x", "9"),
        *("0.5", "x", "0.1", "x", "0.2", "mm", "EA", "032_EA.tif", "0", "1", "5"),
    ]
    assert [line.split()[0] for line in lines[2:5]] == ["MG", "RW", "033"]
    assert lines[-1] == "Cases with labels: 2 (layout: names)"


def test_classes_groups_and_parts_of_masks_are_shown(busi, answered):
    text = answered(busi)
    assert "benign/benign (1)_mask.png + benign/benign (1)_mask_1.png" in text
    assert "1 group of 2 cases from groups.csv" in text
    told = json.loads(answered(busi, "--json"))
    assert told["layout"] == "numbered-masks"
    assert [case["folder"] for case in told["cases"]] == ["benign", "normal"]
    assert [case["group"] for case in told["cases"]] == ["g7", "g7"]
    assert [case["channels"] for case in told["cases"]] == [1, 1]
    values = [case["labels"]["labels"]["values"] for case in told["cases"]]
    assert values == [[0, 1], [0]]
    benign = read_cases(busi)[0].labels["labels"]
    assert benign.sum() == 10 * (6 + 6)


def test_what_is_left_out_has_a_reason(observers, answered):
    (observers / "034_mask.tif").write_bytes((observers / "032_EA.tif").read_bytes())
    (observers / "035.tif").write_bytes((observers / "032.tif").read_bytes())
    (observers / "LICENSE").touch()
    text = answered(observers)
    assert "Not paired: 3" in text
    assert "034_mask.tif: no image has the name" in text
    assert "035.tif: no labels are named after it" in text
    assert "LICENSE: it is no image" in text


def test_a_damaged_file_is_listed_with_the_others(observers, answered):
    (observers / "033_EA.tif").write_bytes(b"II*\0 and no more")
    told = json.loads(answered(observers, "--json", status=3))
    assert [case["case"] for case in told["cases"]] == ["032"]
    assert "033_EA.tif" in told["failed"]["033"]


def test_groups_that_are_assumed_are_told(tmp_path, answered):
    for name in ("12_3", "12_4", "7_1"):
        write_image(tmp_path / "images" / f"{name}.tif", box(9), GRID)
        write_labels(tmp_path / "labels" / f"{name}.tif", box(1), GRID)
    assert "2 groups of 3 cases assumed" in answered(tmp_path)
    by_hand = json.loads(answered(tmp_path, "--group-pattern", r"_(\d)", "--json"))
    assert [case["group"] for case in by_hand["cases"]] == ["3", "4", "1"]


def test_a_folder_without_pairs_says_how_to_lay_it_out(tmp_path, answered):
    write_image(tmp_path / "032.tif", box(9), GRID)
    text = answered(tmp_path, status=1)
    assert "032.tif: no labels are named after it" in text
    assert "NAME_labels.tif" in text
    (tmp_path / "032.tif").unlink()
    assert "holds no images" in answered(tmp_path, status=1)


def test_labels_of_another_spacing_are_told(observers, answered):
    write_labels(observers / "033_EA.tif", box(1), Grid((1, 1, 1), "mm"))
    assert "the image's is used" in answered(observers)


def test_the_observer_to_be_exported_can_be_chosen(observers, answered, tmp_path):
    text = answered(observers, "--export", tmp_path / "out", "--observer", "EA")
    assert "labels were numbered anew without gaps: 1 is 1, 5 is 2" in text
    first, second = read_cases(tmp_path / "out")
    np.testing.assert_array_equal(first.labels["labels"], box(1, 2))
    np.testing.assert_array_equal(second.labels["labels"], box(1, 2))
    assert first.grid == GRID


def test_cases_that_the_observer_did_not_draw_on_are_told(
    observers, answered, tmp_path
):
    text = answered(
        observers, "--export", tmp_path / "out", "--observer", "MG", status=3
    )
    assert "'MG' drew nothing on 033" in text
    assert [case.name for case in read_cases(tmp_path / "out")] == ["032"]


def test_several_observers_become_what_most_of_them_drew(observers, answered, tmp_path):
    out = tmp_path / "Dataset001_Vessels"
    told = json.loads(answered(observers, "--export", out, "--json"))
    assert told["written"] == ["032", "033"]
    assert "merged (majority)" in told["notes"][0]
    first, _ = read_cases(out)
    np.testing.assert_array_equal(first.labels["labels"], box(1, 2))


def test_nnunet_raw_goes_back_into_folders(busi, answered, tmp_path):
    answered(busi, "--export", tmp_path / "raw")
    answered(tmp_path / "raw", "--export", tmp_path / "back", "--format", "folders")
    cases, back = read_cases(busi), read_cases(tmp_path / "back")
    for case, other in zip(cases, back, strict=True):
        assert (case.name, case.group, case.grid) == (
            *(other.name, other.group, other.grid),
        )
        np.testing.assert_array_equal(case.image, other.image)
        np.testing.assert_array_equal(case.labels["labels"], other.labels["labels"])


@pytest.mark.parametrize("format_", ["nnunet", "folders"])
def test_names_of_labels_and_channels_survive_an_export(
    observers, answered, tmp_path, format_
):
    (observers / "dataset.json").write_text(
        '{"labels": {"background": 0, "vessel": 1, "wall": 5},'
        ' "channel_names": {"0": "ultrasound"}}'
    )
    first, _ = read_cases(observers)
    assert first.label_names == {0: "background", 1: "vessel", 5: "wall"}
    assert first.channel_names == ("ultrasound",)
    answered(observers, "--export", tmp_path / "out", "--format", format_)
    names = dict(read_cases(tmp_path / "out")[0].label_names)
    wall = 2 if format_ == "nnunet" else 5
    assert names == {0: "background", 1: "vessel", wall: "wall"}


def test_an_export_refuses_places_that_are_taken(observers, answered, tmp_path):
    assert "lies in" in answered(observers, "--export", observers / "out", status=1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    assert "not empty" in answered(observers, "--export", tmp_path / "out", status=1)
    assert not (observers / "out").exists()


def test_what_has_no_labels_is_not_exported(tmp_path, answered):
    write_image(tmp_path / "in" / "032.tif", box(9), GRID)
    text = answered(tmp_path / "in", "--export", tmp_path / "out", status=1)
    assert "no image has labels" in text
    assert not (tmp_path / "out").exists()


def test_what_images_leave_open_is_asked_once(busi, answered, tmp_path, capsys):
    assert "does not say what a pixel measures" in answered(busi)
    assert "(1 more like it) Say otherwise with --answer spacing=" in answered(busi)
    answers = ("--answer", "spacing=0.1 0.2 mm")
    assert "--answer" not in answered(busi, *answers)
    answered(busi, "--export", tmp_path / "out", *answers)
    assert {case.grid for case in read_cases(tmp_path / "out")} == {
        Grid((0.1, 0.2), "mm")
    }
    for wrong in ("spacing", "colour=red", "spacing="):
        with pytest.raises(SystemExit) as end:
            main(["cases", str(busi), "--answer", wrong])
        assert end.value.code == 2
        assert "ABOUT=ANSWER" in capsys.readouterr().err
