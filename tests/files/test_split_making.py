from __future__ import annotations

from collections import Counter

import pytest

from specimen_unet.domain.errors import PlanError
from specimen_unet.files.case_facts import LabelFacts
from specimen_unet.files.case_table import Row
from specimen_unet.files.pairing import CaseFiles
from specimen_unet.files.split_making import SplitSettings, made_splits


def row(number: int, group: str, present=(1,), foreground=10) -> Row:
    files = CaseFiles((f"{number}.png",), {"EA": (f"{number}_EA.png",)})
    facts = LabelFacts(tuple(present), foreground)
    return Row(str(number), files, "", group, "", labels=facts)


@pytest.fixture
def rows() -> list[Row]:
    """Thirty cases in groups of three; the rare label 2 is in every fifth group."""
    return [
        row(n, f"g{n // 3}", (1, 2) if n // 3 % 5 == 0 else (1,)) for n in range(30)
    ]


def test_whole_groups_go_to_parts_of_like_size_and_labels(rows: list[Row]) -> None:
    marks = made_splits(rows, SplitSettings(parts=5, validation=1, test=2))
    counts = Counter(marks.values())
    assert counts == {"training": 18, "validation": 6, "test": 6}
    sides = {
        row.group: {marks[r.name] for r in rows if r.group == row.group} for row in rows
    }
    assert all(len(side) == 1 for side in sides.values())
    halves = made_splits(rows, SplitSettings(parts=2, validation=1))
    with_rare = {halves[row.name] for row in rows if 2 in row.labels.present}
    assert with_rare == {"training", "validation"}


def test_each_part_in_turn_validates_every_case_once(rows: list[Row]) -> None:
    held_out = [
        name
        for part in (1, 2, 3)
        for name, mark in made_splits(
            rows, SplitSettings(parts=3, validation=part)
        ).items()
        if mark == "validation"
    ]
    assert sorted(held_out) == sorted(row.name for row in rows)


def test_the_same_seed_makes_the_same_split(rows: list[Row]) -> None:
    made = [made_splits(rows, SplitSettings(seed=seed)) for seed in (3, 3, 4)]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": 2, "validation": 3}, "Part 3 was chosen, but there are 2"),
        ({"validation": 2, "test": 2}, "same part"),
        ({"validation": 0, "test": 0}, "same part"),
        ({"parts": 11}, "choose 2 to 10 folds"),
    ],
)
def test_what_cannot_be_made_is_told(rows, settings, message) -> None:
    with pytest.raises(PlanError, match=message):
        made_splits(rows, SplitSettings(**settings))
