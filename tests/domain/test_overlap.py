"""Overlap scores: known values, laws they obey, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from specimen_unet.domain import overlap
from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.overlap import (
    compare,
    compare_slices,
    error_map,
    mean_dice,
)

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

DTYPES = st.sampled_from([np.uint8, np.int16, np.uint16, np.int64, np.uint64])


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    """Two small label images of one shape, 2D or 3D, with large labels among them."""
    shape = draw(numpy_strategies.array_shapes(min_dims=2, max_dims=3, max_side=5))
    values = st.sampled_from([0, 0, 1, 2, 3, draw(st.sampled_from([7, 5000, 2**40]))])
    images = numpy_strategies.arrays(np.int64, shape, elements=values)
    return draw(images), draw(images)


def row(table: pd.DataFrame, label: int = 1) -> pd.Series:
    return table.set_index("label").loc[label]


@pytest.fixture
def half_agreed() -> tuple[Array, Array]:
    """Predicted columns 0-3 and true columns 2-7 of ten, in a 3D image."""
    predicted, truth = np.zeros((2, 3, 4, 10), np.uint8)
    predicted[..., 0:4] = 1
    truth[..., 2:8] = 1
    return predicted, truth


def test_scores_of_a_known_overlap(half_agreed: tuple[Array, Array]) -> None:
    found = row(compare(*half_agreed))
    assert found["dice"] == pytest.approx(2 * 2 / (4 + 6))
    assert found["iou"] == pytest.approx(2 / 8)
    assert found["precision"] == pytest.approx(2 / 4)
    assert found["recall"] == pytest.approx(2 / 6)


def test_sizes_are_volumes_in_the_unit_of_the_grid(
    half_agreed: tuple[Array, Array],
) -> None:
    table = compare(*half_agreed, spacing=(2.0, 0.5, 0.25), unit="mm")
    assert row(table)["predicted_size"] == pytest.approx(4 * 12 * 0.25)
    assert row(table)["true_size"] == pytest.approx(6 * 12 * 0.25)
    assert row(table)["size_difference"] == pytest.approx(-2 * 12 * 0.25)
    assert table.attrs["size_unit"] == "mm³"


def test_sizes_are_voxel_counts_without_a_spacing(
    half_agreed: tuple[Array, Array],
) -> None:
    table = compare(*half_agreed, unit="mm")
    assert row(table)["true_size"] == 6 * 12
    assert table.attrs["size_unit"] == "voxels"


def test_sizes_of_slices_are_areas(half_agreed: tuple[Array, Array]) -> None:
    table = compare_slices(*half_agreed, axis=0, spacing=(2.0, 0.5, 0.25))
    assert set(table["true_size"]) == {6 * 4 * 0.125}


def test_the_difference_of_sizes_has_a_sign_a_unit_and_a_share() -> None:
    predicted, truth = np.zeros((2, 3, 4, 5), np.uint8)
    truth[0, :, :4] = 1
    predicted[0, :3, :4] = 1
    predicted[1, 0, :2] = 2
    table = compare(predicted, truth, spacing=(2.0, 0.5, 0.5), unit="mm")
    assert row(table)["size_difference"] == pytest.approx(-4 * 0.5)
    assert row(table)["size_difference_percent"] == pytest.approx(-25)
    assert row(table)["shared_size"] == pytest.approx(12 * 0.5)
    assert table.attrs["size_unit"] == "mm³"
    # There is no share of nothing.
    assert row(table, 2)["size_difference"] == pytest.approx(2 * 0.5)
    assert np.isnan(row(table, 2)["size_difference_percent"])


def test_columns_are_the_promised_ones(half_agreed: tuple[Array, Array]) -> None:
    assert list(compare(*half_agreed)) == [
        *("label", "name", "dice", "iou", "precision", "recall"),
        *("predicted_size", "true_size", "shared_size"),
        *("size_difference", "size_difference_percent"),
    ]
    assert list(compare_slices(*half_agreed))[:4] == ["slice", "label", "dice", "iou"]


def test_a_label_absent_from_both_is_undefined_and_left_out_of_the_mean() -> None:
    truth = np.array([[0, 1], [0, 1]])
    table = compare(truth, truth, label_names={1: "tumour", 2: "vessel"})
    assert list(table["name"]) == ["tumour", "vessel"]
    assert np.isnan(
        row(table, 2)[["dice", "iou", "precision", "recall"]].tolist()
    ).all()
    assert mean_dice(table) == 1


def test_a_label_absent_from_one_scores_zero() -> None:
    empty, full = np.zeros((4, 4), int), np.ones((4, 4), int)
    missed, invented = row(compare(empty, full)), row(compare(full, empty))
    assert missed["dice"] == missed["iou"] == missed["recall"] == 0
    assert np.isnan(missed["precision"])
    assert invented["dice"] == invented["iou"] == invented["precision"] == 0
    assert np.isnan(invented["recall"])


def test_two_empty_images_have_no_score() -> None:
    table = compare(np.zeros((4, 4), int), np.zeros((4, 4), int))
    assert table.empty
    assert np.isnan(mean_dice(table))


def test_slices_without_the_label_are_undefined() -> None:
    predicted, truth = np.zeros((2, 3, 4, 4), int)
    predicted[1], truth[1:] = 1, 1
    found = compare_slices(predicted, truth)["dice"]
    assert np.isnan(found[0])
    assert list(found[1:]) == [1, 0]


def test_volume_scores_are_pooled_not_means_of_slices() -> None:
    predicted, truth = np.zeros((2, 2, 10, 10), int)
    truth[0], predicted[0] = 1, 1
    truth[1, 0, 0] = 1
    by_slice = compare_slices(predicted, truth)
    assert by_slice["dice"].mean() == pytest.approx(0.5)
    assert mean_dice(compare(predicted, truth)) == pytest.approx(200 / 201)


def test_slices_along_another_axis_equal_slices_of_the_transposed_image(
    rng_pair: tuple[Array, Array],
) -> None:
    expected = compare_slices(*(np.moveaxis(labels, 2, 0) for labels in rng_pair))
    pd.testing.assert_frame_equal(compare_slices(*rng_pair, axis=2), expected)
    pd.testing.assert_frame_equal(compare_slices(*rng_pair, axis=-1), expected)


@pytest.fixture
def rng_pair() -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    predicted, truth = generator.integers(0, 4, (2, 5, 6, 7))
    return predicted, truth


def test_slices_nobody_annotated_are_left_out() -> None:
    predicted, truth = np.zeros((2, 3, 4, 4), int)
    predicted[:] = 1
    truth[1] = 1
    assert mean_dice(compare(predicted, truth, annotation="slices")) == 1
    assert mean_dice(compare(predicted, truth)) == pytest.approx(2 / 4)
    by_slice = compare_slices(predicted, truth, annotation="slices")["dice"]
    assert np.isnan(by_slice[[0, 2]]).all()
    assert by_slice[1] == 1


def test_unpainted_voxels_are_left_out_and_the_first_label_is_background() -> None:
    truth = np.array([[0, 0, 1, 1, 2, 2]])
    predicted = np.array([[2, 2, 0, 2, 2, 0]])
    table = compare(predicted, truth, annotation="painted")
    assert list(table["label"]) == [2]
    assert row(table, 2)["dice"] == pytest.approx(2 * 1 / (2 + 2))
    assert row(table, 2)["predicted_size"] == 2


def test_error_map_names_every_kind_of_voxel() -> None:
    predicted = np.array([[0, 1, 0, 1, 2]])
    truth = np.array([[0, 1, 1, 0, 1]])
    expected = [
        overlap.BACKGROUND,
        overlap.AGREED,
        overlap.MISSED,
        overlap.ADDED,
        overlap.OTHER_LABEL,
    ]
    found = error_map(predicted, truth)
    assert found.dtype == np.uint8
    assert found.tolist() == [expected]


def test_error_map_leaves_out_what_is_not_annotated() -> None:
    truth = np.array([[0, 1, 1, 2, 2]])
    predicted = np.array([[2, 0, 2, 0, 2]])
    found = error_map(predicted, truth, annotation="painted")
    assert found.tolist() == [
        [
            overlap.BACKGROUND,
            overlap.BACKGROUND,
            overlap.ADDED,
            overlap.MISSED,
            overlap.AGREED,
        ]
    ]


def test_images_of_different_shape_are_refused() -> None:
    with pytest.raises(GridMismatchError, match=r"\(2, 2\).*\(2, 3\)"):
        compare(np.zeros((2, 2), int), np.zeros((2, 3), int))


@pytest.mark.parametrize("bad", [np.full((2, 2), -1), np.zeros((2, 2))])
def test_what_is_no_label_image_is_refused(bad: Array) -> None:
    with pytest.raises(GridMismatchError, match="labels must"):
        compare(np.zeros((2, 2), int), bad)


def test_a_spacing_of_other_length_is_refused() -> None:
    labels = np.ones((2, 2), int)
    with pytest.raises(GridMismatchError, match="3 numbers"):
        compare(labels, labels, spacing=(1, 1, 1))


def test_huge_labels_cost_no_memory() -> None:
    truth = np.array([[0, 2**63 + 1], [2**63, 3]], np.uint64)
    table = compare(truth, truth)
    assert [int(label) for label in table["label"]] == [3, 2**63, 2**63 + 1]
    assert (table["dice"] == 1).all()


def test_booleans_are_label_one() -> None:
    truth = np.array([[True, False]])
    assert list(compare(truth, truth)["label"]) == [1]


@given(label_pairs())
@settings(deadline=None)
def test_scores_equal_those_counted_naively(pair: tuple[Array, Array]) -> None:
    predicted, truth = pair
    for _, found in compare(predicted, truth).iterrows():
        a, b = predicted == found["label"], truth == found["label"]
        assert found["dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
        assert found["iou"] == pytest.approx((a & b).sum() / (a | b).sum())
        assert found["predicted_size"] == a.sum()
        assert found["true_size"] == b.sum()


@given(label_pairs())
@settings(deadline=None)
def test_every_label_that_occurs_has_a_row(pair: tuple[Array, Array]) -> None:
    expected = sorted(set(np.unique(pair).tolist()) - {0})
    assert compare(*pair)["label"].tolist() == expected


@given(label_pairs())
@settings(deadline=None)
def test_dice_is_symmetric_and_swaps_precision_with_recall(
    pair: tuple[Array, Array],
) -> None:
    there, back = compare(*pair), compare(*pair[::-1])
    np.testing.assert_array_equal(there["dice"], back["dice"])
    np.testing.assert_array_equal(there["precision"], back["recall"])


@given(label_pairs())
@settings(deadline=None)
def test_scores_lie_between_0_and_1_and_dice_follows_from_iou(
    pair: tuple[Array, Array],
) -> None:
    table = compare(*pair)
    scores = table[["dice", "iou", "precision", "recall"]].to_numpy()
    scores = scores[~np.isnan(scores)]
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_allclose(table["dice"], 2 * table["iou"] / (1 + table["iou"]))


@given(label_pairs(), st.data())
@settings(deadline=None)
def test_scores_do_not_change_when_both_images_are_flipped(
    pair: tuple[Array, Array], data: st.DataObject
) -> None:
    axis = data.draw(st.integers(0, pair[0].ndim - 1))
    flipped = compare(*(np.flip(labels, axis) for labels in pair))
    pd.testing.assert_frame_equal(compare(*pair), flipped)


@given(label_pairs())
@settings(deadline=None)
def test_sizes_of_slices_add_up_to_sizes_of_the_volume(
    pair: tuple[Array, Array],
) -> None:
    columns = ["predicted_size", "true_size"]
    total = compare_slices(*pair).groupby("label")[columns].sum()
    expected = compare(*pair).set_index("label")[columns]
    pd.testing.assert_frame_equal(total, expected, check_index_type=False)


@given(label_pairs())
@settings(deadline=None)
def test_an_image_agrees_with_itself(pair: tuple[Array, Array]) -> None:
    truth = pair[1]
    assert (compare(truth, truth)[["dice", "iou"]] == 1).all(axis=None)
    assert set(np.unique(error_map(truth, truth))) <= {
        overlap.BACKGROUND,
        overlap.AGREED,
    }


@given(label_pairs(), DTYPES, DTYPES)
@settings(deadline=None)
def test_the_integer_type_does_not_matter(
    pair: tuple[Array, Array], first: type, second: type
) -> None:
    pair = (pair[0] % 200, pair[1] % 200)
    found = compare(pair[0].astype(first), pair[1].astype(second))
    pd.testing.assert_frame_equal(found, compare(*pair))
