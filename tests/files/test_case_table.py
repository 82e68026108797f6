from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable, natural
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.files.predictions import Prediction, UsedModel


@pytest.fixture
def table(tmp_path, two_observer_cases):
    """Four cases that EA and MG drew, and an image that nobody did."""
    for case in two_observer_cases:
        write_image(tmp_path / f"{case.name}.tif", case.image[0], case.grid)
        for who, drawn in case.labels.items():
            write_labels(tmp_path / f"{case.name}_{who}.tif", drawn, case.grid)
    write_image(tmp_path / "blob 10.tif", case.image[0], case.grid)
    return CaseTable(CaseFolder.open(tmp_path))


def read(table, row, *kinds):
    for kind in kinds:
        table.keep(row, table.read(row, kind))


def test_rows_are_there_by_number_before_anything_is_read(table, monkeypatch):
    assert [row.name for row in table.rows][-2:] == ["blob 3", "blob 10"]
    row = table.rows[0]
    assert [table.text(row, c) for c in ("case", "size", "observers", "labels")] == [
        "blob 0",
        "…",
        "EA, MG",
        "…",
    ]
    assert table.text(row, "dice") == "–"


def test_what_is_read_stands_in_the_cells_and_sorts_by_number(table, spatial):
    row = table.rows[0]
    read(table, row, "image", "labels")
    shape = " × ".join(map(str, spatial))
    spacing = "0.5 mm" if len(spatial) == 2 else "2 × 0.5 × 0.5 mm"
    assert table.text(row, "size") == shape
    assert table.text(row, "spacing") == spacing
    assert table.text(row, "labels") == "1"
    assert table.key(row, "size") == np.prod(spatial)
    assert table.key(table.rows[1], "size") is None


def test_the_score_of_a_prediction_has_three_digits_or_a_dash(table, tmp_path):
    row = table.rows[0]
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "blob 0.tif"
    path.write_bytes((tmp_path / "blob 0_EA.tif").read_bytes())
    made = Prediction(
        case="blob 0",
        labels=path.name,
        models=(UsedModel(name="m"),),
    )
    row.predicted = path, made
    assert table.text(row, "dice") == "…"
    read(table, row, "score")
    assert table.text(row, "dice") == f"{table.key(row, 'dice'):.3f}"
    assert 0.9 < table.key(row, "dice") < 1
    without = table.rows[-1]
    without.predicted = row.predicted
    assert table.text(without, "dice") == "–"
    assert not without.lacks("score")


def test_bad_files_are_unreadable_with_their_reason(table, tmp_path):
    (tmp_path / "blob 0.tif").write_bytes(b"")
    (tmp_path / "blob 0_EA.tif").write_bytes(b"")
    row = table.rows[0]
    read(table, row, "image", "labels")
    assert table.text(row, "size") == table.text(row, "labels") == "unreadable"
    assert "blob 0.tif" in row.problem
    assert "blob 0_EA.tif" in row.problem


def test_cases_are_found_by_words_in_name_group_split_and_observer(table):
    table.mark(table.rows[:2], group="Patient 7", split="test")
    found = [row.name for row in table.rows if table.matches(row, ["7", "test", "mg"])]
    assert found == ["blob 0", "blob 1"]
    assert not any(table.matches(row, ["nobody"]) for row in table.rows)


def test_marks_are_saved_and_hold_for_what_is_chosen(table, tmp_path):
    assert not table.is_marked
    table.mark(table.rows[:2], group=" P7 ")
    table.mark(table.rows[1:2], split="validation")
    assert table.is_marked
    chosen = table.chosen(table.rows[:2])
    assert [(c.group, c.split) for c in chosen.read()] == [
        ("P7", ""),
        ("P7", "validation"),
    ]
    table.save_marks()
    assert not table.is_marked
    again = CaseTable(CaseFolder.open(tmp_path))
    assert [(row.group, row.split) for row in again.rows[:3]] == [
        ("P7", ""),
        ("P7", "validation"),
        ("blob 2", ""),
    ]
    assert again.summary() == "5 cases · 4 groups · 1 validation · 1 without labels"


def test_an_empty_group_is_one_of_its_own(table):
    table.mark(table.rows[:1], group="P7")
    table.mark(table.rows[:1], group="")
    assert table.rows[0].group == "blob 0"
    assert table.text(table.rows[0], "group") == ""


def test_marking_what_is_marked_already_changes_nothing(table):
    table.mark(table.rows, split="")
    assert not table.is_marked


def test_many_labels_are_counted_and_names_of_labels_are_used(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(
        tmp_path / "a_labels.png"
    )
    (tmp_path / "dataset.json").write_text('{"labels": {"rim": 1}}')
    table = CaseTable(CaseFolder.open(tmp_path))
    read(table, table.rows[0], "labels")
    assert table.text(table.rows[0], "labels") == "rim … 63 (63)"


def test_chosen_cases_are_named_counted_and_weighed(table):
    chosen = table.chosen(table.rows)
    assert chosen.title == f"5 cases of {chosen.place}"
    assert chosen.drawn.names == ("blob 0", "blob 1", "blob 2", "blob 3")
    root = chosen.folder.listing.root
    assert chosen.bytes_on_disk == sum(p.stat().st_size for p in root.glob("*.tif"))
    assert table.chosen(table.rows[:1]).title.startswith("1 case of")


def test_names_are_sorted_as_people_do():
    names = ["b2", "a10", "a9", "10", "9", "a", "A1"]
    assert sorted(names, key=natural) == ["9", "10", "a", "A1", "a9", "a10", "b2"]


def test_a_folder_without_images_is_said_to_have_none(tmp_path):
    table = CaseTable(CaseFolder.open(tmp_path))
    assert table.summary().startswith("There is no image in it")
