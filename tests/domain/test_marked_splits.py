from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import NoAnnotationError, PlanError
from specimen_unet.domain.splits import split_cases


def case(name: str, split: str = "", group: str | None = None, label: int = 1) -> Case:
    drawn = np.zeros((4, 4), np.uint8)
    drawn[1, 1] = label
    return Case(np.zeros((4, 4)), {"EA": drawn}, name=name, group=group, split=split)


def divided(cases: list[Case], folds: int = 3, fold: int = 0):
    return split_cases(cases, folds=folds, fold=fold, seed=0, dimensions=2)


def test_cases_marked_for_validation_are_the_validation_and_no_others() -> None:
    cases = [case("a"), case("b", "validation"), case("c", "training"), case("d")]
    for fold in (0, 2):
        split = divided(cases, fold=fold)
        assert split.validation == ("b",)
        assert split.training == ("a", "c", "d")
        assert split.caution == ""


def test_test_cases_stand_on_neither_side_and_that_is_told() -> None:
    cases = [case("a"), case("b"), case("c", "test"), case("d", "test")]
    split = divided(cases)
    assert {*split.training, *split.validation} == {"a", "b"}
    assert "2 cases are marked for test" in split.caution


def test_cases_marked_for_training_and_their_groups_are_never_held_out() -> None:
    cases = [case("a", "training", "P"), case("b", "", "P"), case("c"), case("d")]
    held_out = {divided(cases, folds=2, fold=fold).validation for fold in (0, 1)}
    assert held_out == {("c",), ("d",)}
    assert {"a", "b"} <= {*divided(cases, folds=2).training}


@pytest.mark.parametrize("other", ["", "training"])
@pytest.mark.parametrize("mark", ["validation", "test"])
def test_a_group_that_is_marked_in_part_is_refused_by_name(mark, other) -> None:
    cases = [case("a", mark, "P7"), case("b", other, "P7"), case("c")]
    with pytest.raises(PlanError, match=f"group 'P7' are marked for {mark}"):
        divided(cases)


def test_without_any_case_to_hold_out_the_marks_are_to_be_changed() -> None:
    with pytest.raises(PlanError, match="mark some for validation"):
        divided([case("a", "training"), case("b", "training")])


def test_without_labels_on_a_side_that_is_told() -> None:
    with pytest.raises(NoAnnotationError, match="1 cases marked for validation"):
        divided([case("a", "validation", label=0), case("b"), case("c")])
    with pytest.raises(NoAnnotationError, match="1 cases to learn from"):
        divided([case("a", "validation"), case("b", label=0)])
    with pytest.raises(NoAnnotationError, match="marked for test"):
        divided([case("a", "test")])


def test_other_labels_on_a_case_leave_its_mark() -> None:
    marked = case("a", "test")
    assert marked.with_labels({}).split == "test"
