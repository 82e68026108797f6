"""Label files against what observers drew, as the terminal compares them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.answers import Status
from specimen_unet.runs.compare_files import compare_files

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((2.0, 0.5, 0.5), "mm")
SLICES = ComparisonSettings(annotation="slices")


def box(size: int) -> np.ndarray:
    labels = np.zeros((4, 16, 16), np.uint8)
    labels[1:3, 2 : 2 + size, 2:10] = 1
    return labels


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return predictions of two cases, and the folder of cases that two drew."""
    for name, size in (("032", 8), ("033", 4)):
        write_labels(tmp_path / "predicted" / f"{name}.tif", box(size), GRID)
        image = np.random.default_rng(0).integers(0, 200, (4, 16, 16)).astype("u1")
        write_image(tmp_path / "cases" / f"{name}.tif", image, GRID)
        write_labels(tmp_path / "cases" / f"{name}_EA.tif", box(8), GRID)
        write_labels(tmp_path / "cases" / f"{name}_MG.tif", box(6), GRID)
    return tmp_path / "predicted", tmp_path / "cases"


def rows(answer) -> dict[tuple[str, str, str], dict]:
    scores = answer.content["scores"]
    return {(row["case"], row["first"], row["second"]): row for row in scores}


def test_a_folder_against_a_folder_of_cases(folders):
    answer = compare_files(folders[0], [folders[1]])
    table = rows(answer)
    assert answer.status is Status.OK
    assert table["032", "prediction", "EA"]["dice"] == 1
    assert table["033", "prediction", "MG"]["dice"] == pytest.approx(0.8)
    assert table["033", "EA", "MG"]["dice"] == pytest.approx(12 / 14)
    assert table["033", "EA", "MG"]["between_observers"]
    assert table["032", "prediction", "EA"]["predicted_size"] == 2 * 8 * 8 * 0.5
    assert "032" in answer.text
    json.dumps(answer.content, allow_nan=False)


def test_a_file_against_the_file_of_each_observer(folders):
    predicted, cases = folders
    answer = compare_files(
        predicted / "032.tif", [cases / "032_EA.tif", cases / "032_MG.tif"]
    )
    assert {row["second"] for row in answer.content["scores"]} == {"EA", "MG"}
    assert len(answer.content["scores"]) == 3


def test_a_file_against_a_folder_of_cases(folders):
    predicted, cases = folders
    table = rows(compare_files(predicted / "033.tif", [cases]))
    assert table.keys() == {
        ("033", "prediction", "EA"),
        ("033", "prediction", "MG"),
        ("033", "EA", "MG"),
    }


def test_files_of_the_same_name_are_told_apart_by_their_folders(folders, tmp_path):
    paths = [tmp_path / observer / "032.tif" for observer in ("first", "second")]
    for path in paths:
        write_labels(path, box(8), GRID)
    table = rows(compare_files(folders[0] / "032.tif", paths))
    assert table["032", "first", "second"]["dice"] == 1


def test_folders_of_bare_labels_one_for_each_observer(folders, tmp_path):
    for observer, size in (("EA", 8), ("MG", 6)):
        for name in ("032", "033"):
            write_labels(tmp_path / observer / f"{name}.tif", box(size), GRID)
    table = rows(compare_files(folders[0], [tmp_path / "EA", tmp_path / "MG"]))
    assert table["033", "EA", "MG"]["dice"] == pytest.approx(12 / 14)
    assert table["032", "prediction", "EA"]["dice"] == 1


def test_bare_labels_that_name_their_observer(folders):
    for name in ("032", "033"):
        (folders[1] / f"{name}.tif").unlink()
    assert ("032", "prediction", "MG") in rows(compare_files(folders[0], [folders[1]]))


def test_what_cannot_be_compared_is_listed_and_the_rest_is(folders):
    predicted, cases = folders
    write_labels(predicted / "034.tif", box(3), GRID)
    write_labels(predicted / "033.tif", box(3)[:2], GRID)
    answer = compare_files(predicted, [cases])
    assert answer.status is Status.SOME_FILES_FAILED
    assert {name.rpartition("/")[2] for name in answer.content["failed"]} == {
        "033.tif",
        "034.tif",
    }
    assert "034.tif" in answer.text
    assert ("032", "prediction", "EA") in rows(answer)


def test_nothing_to_compare_is_an_error(folders, tmp_path):
    predicted, cases = folders
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaseReadError, match="no label files"):
        compare_files(tmp_path / "empty", [cases])
    with pytest.raises(CaseReadError, match="not a folder"):
        compare_files(predicted, [cases / "032_EA.tif"])
    write_labels(tmp_path / "small.tif", box(3)[:2], GRID)
    with pytest.raises(CaseReadError, match=r"032\.tif is \(4"):
        compare_files(predicted / "032.tif", [tmp_path / "small.tif"])


def test_unlabelled_slices_are_left_out_where_only_slices_were_annotated(folders):
    predicted, cases = folders
    labels = box(8)
    labels[0, :4] = 1  # a slice that nobody annotated
    write_labels(predicted / "032.tif", labels, GRID)
    everywhere = rows(compare_files(predicted, [cases]))
    slices = rows(compare_files(predicted, [cases], SLICES))
    key = ("032", "prediction", "EA")
    assert everywhere[key]["dice"] < slices[key]["dice"] == 1


def test_surfaces_of_every_pair_are_measured_where_it_is_asked_for(folders):
    answer = compare_files(folders[0], [folders[1]], ComparisonSettings(tolerance=1))
    table = rows(answer)
    # Its far side is 2 voxels of 0.5 mm short of EA's.
    assert table["033", "EA", "MG"]["hd95"] == pytest.approx(1)
    assert table["033", "EA", "MG"]["surface_dice"] == 1
    assert table["033", "prediction", "EA"]["hd95"] == pytest.approx(2)
    assert table["033", "prediction", "EA"]["surface_dice"] < 1
    assert table["032", "prediction", "EA"]["mean_surface_distance"] == 0
    assert {row["distance_unit"] for row in table.values()} == {"mm"}
    assert "hd95" in answer.text
    assert "in: mm" in answer.text
    assert "Rows without" not in answer.text


def test_without_a_tolerance_surfaces_have_distances_alone(folders):
    answer = compare_files(folders[0], [folders[1]], ComparisonSettings(surfaces=True))
    assert all("surface_dice" not in row for row in rows(answer).values())
    assert all(row["hd95"] >= 0 for row in rows(answer).values())
    plain = compare_files(folders[0], [folders[1]])
    assert all("hd95" not in row for row in rows(plain).values())


def test_a_label_on_one_side_is_told_to_have_no_distance(folders):
    write_labels(folders[0] / "032.tif", 0 * box(8), GRID)
    answer = compare_files(folders[0], [folders[1]], ComparisonSettings(tolerance=1))
    found = rows(answer)["032", "prediction", "EA"]
    assert found["hd95"] is None
    assert found["surface_dice"] == 0
    assert "2 of 6" in answer.text
    json.dumps(answer.content, allow_nan=False)


def test_surfaces_need_everything_annotated(folders):
    settings = ComparisonSettings(annotation="slices", surfaces=True)
    with pytest.raises(CaseReadError, match="without surfaces"):
        compare_files(folders[0], [folders[1]], settings)


def test_an_observer_who_is_called_prediction_is_not_taken_for_it(folders, tmp_path):
    for name, size in (("prediction", 2), ("EA", 8)):
        write_labels(tmp_path / name / "032.tif", box(size), GRID)
    answer = compare_files(
        folders[0] / "032.tif",
        [tmp_path / "prediction" / "032.tif", tmp_path / "EA" / "032.tif"],
        ComparisonSettings(surfaces=True),
    )
    found = {
        (row["between_observers"], row["second"]): row["hd95"]
        for row in answer.content["scores"]
    }
    assert found[False, "EA"] == 0
    assert found[True, "EA"] == pytest.approx(3)
