"""Agreement between observers, and what they say together by their votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from specimen_unet.domain.errors import GridMismatchError, NoAnnotationError
from specimen_unet.domain.observers import MEAN, agreement, vote
from specimen_unet.domain.overlap import compare, mean_dice

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

ANNOTATIONS = st.lists(
    numpy_strategies.arrays(np.uint8, (3, 4), elements=st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


def drawn(*values: int) -> Array:
    return np.array([values], np.uint8)


def test_every_pair_of_observers_has_a_row() -> None:
    table = agreement(
        {"EA": drawn(1, 1, 0), "MG": drawn(1, 0, 0), "model": drawn(0, 0, 1)}
    )
    found = table[["first", "second", "dice"]].to_numpy().tolist()
    assert found == [
        ["EA", "MG", pytest.approx(2 / 3)],
        ["EA", "model", 0],
        ["MG", "model", 0],
    ]


def test_pairs_score_as_compare_does(spatial: tuple[int, ...]) -> None:
    first, second = np.random.default_rng(0).integers(0, 3, (2, *spatial))
    table = agreement({"EA": first, "MG": second}, spacing=(0.5,) * len(spatial))
    expected = compare(first, second, spacing=(0.5,) * len(spatial))
    by_label = table[table["label"] != MEAN]
    assert by_label["label"].tolist() == expected["label"].tolist()
    np.testing.assert_array_equal(by_label["dice"], expected["dice"])
    np.testing.assert_array_equal(by_label["first_size"], expected["predicted_size"])
    mean = table[table["label"] == MEAN]
    assert mean["dice"].tolist() == [pytest.approx(mean_dice(expected))]


def test_a_label_that_neither_of_a_pair_drew_is_undefined() -> None:
    table = agreement({"EA": drawn(1, 0), "MG": drawn(1, 0), "third": drawn(1, 2)})
    pair = table[(table["first"] == "EA") & (table["second"] == "MG")]
    assert pair["label"].tolist() == [1, 2, MEAN]
    assert pair["dice"].tolist() == pytest.approx([1, np.nan, 1], nan_ok=True)


def test_labels_of_many_things_are_paired_by_label() -> None:
    first = np.array([[70_000, 70_001, 0]])
    table = agreement({"EA": first, "MG": np.array([[70_000, 0, 3]])})
    assert table["label"].tolist() == [3, 70_000, 70_001, MEAN]
    assert table["dice"].tolist() == pytest.approx([0, 1, 0, 1 / 3])


def test_what_is_no_label_image_is_refused() -> None:
    for bad in (np.array([[-1]]), np.array([[0.5]])):
        with pytest.raises(GridMismatchError, match="labels must"):
            agreement({"EA": drawn(1), "MG": bad})


def test_agreement_needs_two_annotations() -> None:
    with pytest.raises(NoAnnotationError, match="two"):
        agreement({"EA": drawn(1)})


def test_majority_takes_most_votes_and_background_where_they_are_shared() -> None:
    found = vote([drawn(1, 1, 1, 0, 2), drawn(1, 2, 0, 0, 2), drawn(1, 3, 0, 1, 1)])
    assert found.tolist() == [[1, 0, 0, 0, 2]]


def test_majority_of_two_is_what_both_drew() -> None:
    assert vote([drawn(1, 1, 0, 2), drawn(1, 0, 0, 1)]).tolist() == [[1, 0, 0, 0]]


def test_union_is_what_anyone_drew_and_the_smallest_label_where_they_differ() -> None:
    annotations = [drawn(0, 2, 3, 0), drawn(0, 0, 1, 0), drawn(0, 0, 3, 1)]
    assert vote(annotations, "union").tolist() == [[0, 2, 3, 1]]
    assert vote([drawn(3), drawn(2)], "union").tolist() == [[2]]


def test_intersection_is_what_all_drew_alike() -> None:
    annotations = [drawn(1, 1, 2, 0), drawn(1, 0, 1, 0)]
    assert vote(annotations, "intersection").tolist() == [[1, 0, 0, 0]]


def test_consensus_keeps_the_integer_type_and_takes_booleans() -> None:
    assert vote([drawn(1), drawn(1)]).dtype == np.uint8
    masks = [np.array([[True, False]]), np.array([[True, True]])]
    assert vote(masks, "union").tolist() == [[1, 1]]
    huge = np.array([[2**63]], np.uint64)
    found = vote([huge, np.array([[1]]), huge])
    assert found.tolist() == [[2**63]]


@pytest.mark.parametrize("method", ["majority", "union", "intersection"])
def test_what_cannot_be_merged_is_refused(method: str) -> None:
    with pytest.raises(NoAnnotationError):
        vote([], method)
    with pytest.raises(GridMismatchError, match="annotation 2"):
        vote([drawn(1), drawn(1, 1)], method)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="union"):
        vote([drawn(1)], "average")


@given(ANNOTATIONS)
@settings(deadline=None)
def test_majority_equals_counting_votes_voxel_by_voxel(
    annotations: list[Array],
) -> None:
    found = vote(annotations)
    for index in np.ndindex(found.shape):
        votes = np.bincount([labels[index] for labels in annotations])
        winners = np.flatnonzero(votes == votes.max())
        assert found[index] == (winners[0] if len(winners) == 1 else 0)


@given(ANNOTATIONS)
@settings(deadline=None)
def test_union_equals_counting_the_votes_for_labels(annotations: list[Array]) -> None:
    found = vote(annotations, "union")
    for index in np.ndindex(found.shape):
        votes = np.bincount([labels[index] for labels in annotations], minlength=2)
        expected = 1 + votes[1:].argmax() if votes[1:].any() else 0
        assert found[index] == expected


@given(ANNOTATIONS, st.sampled_from(["majority", "union", "intersection"]))
@settings(deadline=None)
def test_the_order_of_observers_does_not_matter(
    annotations: list[Array], method: str
) -> None:
    np.testing.assert_array_equal(
        vote(annotations, method), vote(annotations[::-1], method)
    )


@given(ANNOTATIONS)
@settings(deadline=None)
def test_intersection_lies_in_majority_lies_in_union(annotations: list[Array]) -> None:
    common, most, any_one = (
        vote(annotations, method) != 0
        for method in ("intersection", "majority", "union")
    )
    assert (common <= most).all()
    assert (most <= any_one).all()
