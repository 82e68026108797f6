"""Studies of some cases of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from specimen_unet.domain.errors import PlanError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study_making import (
    check_chosen,
    new_study_path,
    study_of_chosen,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case


@pytest.fixture
def table(tmp_path: Path, study_cases: list[Case]) -> CaseTable:
    """Return six cases of three patients, of which only groups in the table tell."""
    root = tmp_path / "specimens"
    for case in study_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(root / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    table = CaseTable(CaseFolder.open(root))
    for number in range(3):
        rows = table.rows[2 * number : 2 * number + 2]
        table.mark(rows, group=f"patient {number}")
    return table


def test_groups_and_places_of_the_table_are_in_the_study(
    table, tmp_path, small_settings
):
    chosen = table.chosen(table.rows[:4])
    study = study_of_chosen(chosen, small_settings(), 2, tmp_path / "s")
    assert [(case.name, case.group) for case in study.record.cases] == [
        (f"blob {n}", f"patient {n // 2}") for n in range(4)
    ]
    first = study.record.cases[0]
    assert study.image_path(first) == tmp_path / "specimens" / "blob 0.tif"
    assert study.record.source.folder == tmp_path / "specimens"


def test_too_few_groups_are_refused_before_anything_is_read(table):
    check_chosen(table.chosen(table.rows), 3)
    with pytest.raises(PlanError, match="choose 2 to 3 folds"):
        check_chosen(table.chosen(table.rows), 4)
    table.mark(table.rows[:2], split="test")
    with pytest.raises(PlanError, match="2 groups only: choose 2 folds"):
        check_chosen(table.chosen(table.rows), 3)


def test_a_reading_that_is_left_leaves_nothing_behind(table, tmp_path, small_settings):
    def watch(cases: Iterable[Case]) -> Iterator[Case]:
        yield next(iter(cases))
        raise RuntimeError("left")

    with pytest.raises(RuntimeError, match="left"):
        study_of_chosen(
            table.chosen(table.rows), small_settings(), 2, tmp_path / "x" / "s", watch
        )
    assert list((tmp_path / "x").iterdir()) == []


def test_a_new_study_never_takes_the_place_of_another_one(tmp_path):
    first = new_study_path("my cases")
    assert first.parent == runs_folder()
    assert first.name.startswith("my-cases-study_20")
    taken = new_study_path("a", tmp_path)
    taken.mkdir()
    assert new_study_path("a", tmp_path) != taken
