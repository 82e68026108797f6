from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import NoAnnotationError, PlanError
from specimen_unet.domain.splits import split_cases

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Split


def case(name: str, group: str | None = None, labels: int = 1) -> Case:
    """Make a tiny image; `labels` is the label of one of its pixels."""
    drawn = np.zeros((4, 4), np.uint8)
    drawn[1, 1] = labels
    return Case(np.zeros((4, 4)), {"EA": drawn}, name=name, group=group)


def volume(labelled: list[int], n: int = 40, name: str = "only") -> Case:
    """Make a volume in which these slices hold labels."""
    drawn = np.zeros((n, 4, 4), np.uint8)
    drawn[labelled, 1] = 1
    return Case(np.zeros((n, 4, 4)), {"EA": drawn}, name=name)


def split(cases: list[Case], folds: int = 5, fold: int = 0, seed: int = 0) -> Split:
    dimensions = cases[0].grid.dimensions
    return split_cases(cases, folds=folds, fold=fold, seed=seed, dimensions=dimensions)


@given(
    groups=st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=20).filter(
        lambda groups: len(set(groups)) > 1
    ),
    folds=st.integers(2, 6),
    seed=st.integers(0, 100),
)
def test_groups_stay_together_and_every_case_is_held_out_once(
    groups: list[str], folds: int, seed: int
) -> None:
    cases = [case(str(number), group) for number, group in enumerate(groups)]
    group_of = {one.name: one.group for one in cases}
    held_out = []
    for fold in range(min(folds, len(set(groups)))):
        found = split(cases, folds, fold, seed)
        assert found.training
        assert found.validation
        sides = [{group_of[name] for name in side} for side in (found.training,
                 found.validation)]  # fmt: skip
        assert sides[0].isdisjoint(sides[1])
        assert sorted(found.training + found.validation) == sorted(group_of)
        assert found.caution == ""
        held_out += found.validation
    assert sorted(held_out) == sorted(group_of)


def test_about_one_part_in_folds_is_held_out() -> None:
    cases = [case(str(number)) for number in range(160)]
    assert len(split(cases).validation) == 32


def test_the_seed_decides_and_the_order_of_the_cases_does_not() -> None:
    cases = [case(str(number)) for number in range(20)]
    assert split(cases) == split(cases)
    assert set(split(cases[::-1]).validation) == set(split(cases).validation)
    assert set(split(cases, seed=1).validation) != set(split(cases).validation)


def test_labelled_cases_are_on_both_sides_although_few() -> None:
    cases = [case(f"normal {n}", labels=0) for n in range(18)]
    cases += [case("ill 1"), case("ill 2")]
    for fold in range(2):
        found = split(cases, fold=fold)
        assert len(found.validation) == 10
        assert len({"ill 1", "ill 2"} & set(found.validation)) == 1


def test_a_label_that_is_only_held_out_is_told() -> None:
    cases = [case("a"), case("b"), case("c", labels=7)]
    cautions = [split(cases, fold=fold).caution for fold in range(3)]
    assert sum("Label 7 occurs only in what is held out" in c for c in cautions) == 1


def test_one_group_of_several_cases_is_split_with_a_caution() -> None:
    cases = [case(name, group="patient 1") for name in "abc"]
    found = split(cases)
    assert (found.training, found.validation) == (("b", "c"), ("a",))
    assert "'patient 1'" in found.caution
    assert "not independent" in found.caution


def test_one_case_holds_out_a_block_of_slices_with_a_gap() -> None:
    found = split([volume(list(range(5, 35)))])
    assert found.training == found.validation == ("only",)
    assert found.held_out == (17, 23)
    assert found.excluded == (15, 25)
    assert "slices 17 to 22 are held out and 4 beside them are left out" in (
        found.caution
    )
    assert "on another one it may do much worse" in found.caution


def test_a_block_of_one_slice_is_not_told_as_several() -> None:
    """It was "slices 5 to 5 are held out"."""
    caution = split([volume([1, 5, 9])]).caution
    assert "its slice 5 is held out and 4 beside it are left out" in caution


def test_one_image_holds_out_a_block_of_rows() -> None:
    drawn = np.zeros((100, 20), np.uint8)
    drawn[20:70, 5] = 3
    found = split([Case(np.zeros((100, 20)), {"EA": drawn}, name="only")])
    assert found.held_out == (40, 50)
    assert found.excluded == (35, 55)
    assert "rows 40 to 49" in found.caution


@given(
    labelled=st.lists(st.integers(0, 29), min_size=2, max_size=30, unique=True),
    folds=st.integers(2, 6),
    dimensions=st.sampled_from([2, 3]),
)
def test_one_case_always_has_labels_on_both_sides(
    labelled: list[int], folds: int, dimensions: int
) -> None:
    only = volume(labelled, n=30)
    held_out: list[int] = []
    for fold in range(min(folds, len(labelled))):
        found = split_cases(
            [only], folds=folds, fold=fold, seed=0, dimensions=dimensions
        )
        assert found.held_out is not None
        assert found.excluded is not None
        inside = [n for n in labelled if n in range(*found.held_out)]
        learnt = [n for n in labelled if n not in range(*found.excluded)]
        assert inside
        assert learnt
        assert set(range(*found.held_out)) <= set(range(*found.excluded))
        assert found.caution
        held_out += inside
    assert sorted(held_out) == sorted(labelled)


def test_with_two_labelled_slices_the_gap_is_given_up_and_it_says_so() -> None:
    found = split([volume([10, 11])])
    assert found.held_out == found.excluded == (10, 11)
    assert "too few labelled slices to leave any out" in found.caution


def test_one_labelled_case_among_normal_ones_is_split_by_slices() -> None:
    found = split([volume(list(range(10))), volume([], name="normal")])
    assert found.training == ("only", "normal")
    assert found.validation == ("only",)
    assert found.held_out is not None


def test_a_single_labelled_slice_cannot_be_split() -> None:
    with pytest.raises(NoAnnotationError, match="label more slices"):
        split([volume([10])])


def test_cases_without_any_label_cannot_be_split() -> None:
    with pytest.raises(NoAnnotationError, match="None of the cases holds a label"):
        split([volume([]), volume([], name="other")])


def test_names_must_differ() -> None:
    with pytest.raises(PlanError, match="Several cases are called 'a'"):
        split([case("a"), case("b"), case("a")])


def test_a_fold_that_is_not_there_is_told() -> None:
    with pytest.raises(PlanError, match="choose a fold from 0 to 2"):
        split([case("a"), case("b"), case("c")], fold=4)


def test_a_stack_is_called_images_where_the_network_is_flat() -> None:
    """Of a stack of single pictures nobody says slices."""
    case = volume(list(range(5, 35)))
    found = split_cases([case], folds=5, fold=0, seed=0, dimensions=2)
    assert "its images 17 to 22 are held out" in found.caution
