"""One truth from several observers, by SimpleITK's STAPLE and by votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK

from specimen_unet.domain.errors import GridMismatchError, NoAnnotationError
from specimen_unet.domain.observers import vote
from specimen_unet.files.consensus import consensus

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

METHODS = ("majority", "union", "intersection", "staple")


def observers(
    spatial: tuple[int, ...],
    *,
    labels: int = 1,
    errors: tuple[float, ...] = (0.02, 0.1, 0.2),
) -> tuple[list[Array], Array]:
    """Make what observers drew who err as often as told, and the truth."""
    generator = np.random.default_rng(1)
    halves = np.indices(spatial)[-1] * (labels + 1) // spatial[-1]
    drawn = []
    for share in errors:
        others = generator.integers(0, labels + 1, spatial)
        drawn.append(np.where(generator.random(spatial) < share, others, halves))
    return [each.astype(np.uint8) for each in drawn], halves


def test_staple_is_that_of_simpleitk_called_by_hand(spatial: tuple[int, ...]) -> None:
    drawn, _ = observers(spatial, labels=3)
    judge = SimpleITK.MultiLabelSTAPLEImageFilter()
    judge.SetLabelForUndecidedPixels(0)
    images = [SimpleITK.GetImageFromArray(each) for each in drawn]
    expected = SimpleITK.GetArrayFromImage(judge.Execute(images))
    found = consensus(drawn, "staple")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


def test_of_one_label_it_is_the_first_staple(spatial: tuple[int, ...]) -> None:
    drawn, _ = observers(spatial)
    images = [SimpleITK.GetImageFromArray(each) for each in drawn]
    probability = SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0))
    np.testing.assert_array_equal(consensus(drawn, "staple"), probability > 0.5)


def test_staple_trusts_a_reliable_observer_more_than_majority_does(
    spatial: tuple[int, ...],
) -> None:
    drawn, truth = observers(spatial, labels=2, errors=(0.01, 0.4, 0.4))
    wrong = [
        (consensus(drawn, method) != truth).sum() for method in ("staple", "majority")
    ]
    assert wrong[0] < wrong[1]


def test_labels_keep_their_values_and_their_type() -> None:
    drawn, _ = observers((32, 32), labels=2)
    values = np.array([0, 2**62, 2**62 + 1], np.int64)
    found = consensus([values[each] for each in drawn], "staple")
    np.testing.assert_array_equal(found, values[consensus(drawn, "staple")])
    assert found.dtype == np.int64
    masks = [each > 0 for each in drawn]
    expected = consensus([mask.astype(np.uint8) for mask in masks], "staple")
    np.testing.assert_array_equal(consensus(masks, "staple"), expected)


def test_a_first_place_that_is_shared_is_background() -> None:
    drawn = [np.array([[1, 1, 2, 0, 0, 0]] * 3), np.array([[1, 2, 1, 0, 0, 0]] * 3)]
    assert consensus(drawn, "staple").tolist() == [[1, 0, 0, 0, 0, 0]] * 3


def test_300_labels_are_told_apart() -> None:
    labels = np.arange(300).reshape(15, 20)
    np.testing.assert_array_equal(consensus([labels] * 3, "staple"), labels)


@pytest.mark.parametrize("method", METHODS)
def test_one_observer_is_right(method: str, spatial: tuple[int, ...]) -> None:
    drawn, _ = observers(spatial, labels=2)
    np.testing.assert_array_equal(consensus(drawn[:1], method), drawn[0])
    empty = np.zeros(spatial, np.uint8)
    np.testing.assert_array_equal(consensus([empty, empty], method), empty)


@pytest.mark.parametrize("method", METHODS[:3])
def test_votes_are_those_of_the_domain(method: str, spatial: tuple[int, ...]) -> None:
    drawn, _ = observers(spatial, labels=2)
    np.testing.assert_array_equal(consensus(drawn, method), vote(drawn, method))


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_merged_is_refused(method: str) -> None:
    with pytest.raises(NoAnnotationError):
        consensus([], method)
    with pytest.raises(GridMismatchError, match="annotation 2"):
        consensus([np.zeros((2, 3), int), np.zeros((2, 4), int)], method)


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="staple"):
        consensus([np.zeros((2, 3), int)], "average")
