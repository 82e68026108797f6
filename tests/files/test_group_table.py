from __future__ import annotations

import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.group_table import GroupTable, save_groups
from specimen_unet.files.groups import find_groups

NAMES = {"x/a.png": "a", "x/b.png": "b", "c.png": "c"}


def test_what_is_saved_is_found_again(tmp_path):
    save_groups(tmp_path, NAMES, {"a": "P1", "b": "P1"}, {"c": "test", "a": "training"})
    groups = find_groups(tmp_path, NAMES)
    assert groups.of_image == {"x/a.png": "P1", "x/b.png": "P1", "c.png": "c"}
    assert groups.splits == {"x/a.png": "training", "c.png": "test"}
    assert [path.name for path in tmp_path.iterdir()] == ["groups.csv"]


def test_other_columns_and_other_rows_of_a_table_are_kept(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("\ufeffGroup;Image;Age\nP1;a.png;61\nP9;z.png;70\n", "utf-8")
    save_groups(tmp_path, NAMES, {"a": "P2"}, {"b": "validation"})
    assert table.read_text("utf-8").splitlines() == [
        "Group;Image;Age;split",
        "P2;a.png;61;",
        "P9;z.png;70;",
        "b;x/b.png;;validation",
        "c;c.png;;",
    ]


def test_splits_hold_whatever_the_groups_are_taken_from(tmp_path):
    (tmp_path / "groups.csv").write_text("case,group,split\na,,Val\nb,P1,train\n")
    found = find_groups(tmp_path, NAMES, "")
    assert found.of_image["x/b.png"] == "b"
    assert found.splits == {"x/a.png": "validation", "x/b.png": "training"}


def test_a_mark_that_means_nothing_is_told_with_the_case(tmp_path):
    (tmp_path / "groups.csv").write_text("case,group,split\na,P1,perhaps\n")
    with pytest.raises(CaseReadError, match=r"'a' for 'perhaps', but training"):
        GroupTable.read(tmp_path / "groups.csv")


def test_a_table_that_makes_no_sense_is_not_overwritten(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("what,ever\n1,2\n")
    with pytest.raises(CaseReadError, match="columns what, ever"):
        save_groups(tmp_path, NAMES, {}, {})
    assert table.read_text() == "what,ever\n1,2\n"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(CaseReadError, match=r"cannot be written \(Permission denied\)"):
        save_groups(tmp_path, NAMES, {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_thousand_cases_can_be_saved_again(tmp_path):
    names = {f"{number}.png": str(number) for number in range(1000)}
    save_groups(tmp_path, names, {"7": "P"}, {})
    save_groups(tmp_path, names, {"8": "P"}, {})
    assert find_groups(tmp_path, names).of_image["8.png"] == "P"
