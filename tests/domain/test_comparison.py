from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.domain.overlap import compare, compare_by_slice_too, compare_slices

EMPTY = np.zeros((4, 6, 6), np.uint8)


def drawn(*places: tuple[object, ...], label: int = 1) -> np.ndarray:
    labels = EMPTY.copy()
    for place in places:
        labels[place] = label
    return labels


def comparison(predicted, truths, **changes) -> Comparison:
    grid = Grid((2.0, 0.5, 0.5)[-predicted.ndim :], "mm")
    return Comparison("model", predicted, truths, grid, **changes)


def test_the_prediction_is_scored_against_each_observer_as_compare_does(
    two_observer_cases,
):
    case = two_observer_cases[0]
    predicted = np.roll(case.labels["EA"], 1, axis=-1)
    scores = score(
        Comparison("model", predicted, case.labels, case.grid)
    ).table.set_index(["first", "second"])
    for observer, truth in case.labels.items():
        alone = compare(predicted, truth, spacing=case.grid.spacing, unit="mm")
        row = scores.loc[("model", observer)]
        assert row["dice"] == alone["dice"].item()
        assert row["predicted_size"] == alone["predicted_size"].item()
    assert (scores["size_unit"] == ("mm²" if predicted.ndim == 2 else "mm³")).all()


def test_observers_are_scored_among_themselves_after_the_prediction():
    truths = {name: drawn((1, slice(0, n))) for n, name in enumerate("ABC", start=2)}
    table = score(comparison(drawn((1,)), truths)).table
    pairs = list(zip(table["first"], table["second"], strict=True))
    assert pairs[:3] == [("model", "A"), ("model", "B"), ("model", "C")]
    assert pairs[3:] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert table["between_observers"].tolist() == [False] * 3 + [True] * 3


def test_observers_are_scored_where_both_annotated_slices():
    # Both drew on slice 1, alike; slices 2 and 3 were annotated by one of them.
    truths = {"A": drawn((1, 2), (2, 2)), "B": drawn((1, 2), (3, 4))}
    table = score(comparison(truths["A"], truths, annotation="slices")).table
    between = table[table["between_observers"]]
    assert between["dice"].tolist() == [1.0]
    assert between["true_size"].tolist() == [6 * 0.5]


def test_slices_pool_to_the_table():
    truths = {"A": drawn((1, slice(0, 3))), "B": drawn((slice(1, 3), 2))}
    scores = score(comparison(drawn((slice(0, 2), slice(1, 4))), truths))
    voxel = scores.grid.voxel_size
    pairs = scores.slices.groupby(["first", "second"], sort=False)
    for (_, whole), (_, rows) in zip(scores.table.iterrows(), pairs, strict=True):
        assert len(rows) == 4
        assert rows["predicted_size"].sum() * voxel == whole["predicted_size"]
        assert rows["true_size"].sum() * voxel == whole["true_size"]


def test_a_2d_image_has_no_slices():
    flat = np.eye(5, dtype=np.uint8)
    assert score(comparison(flat, {"A": flat})).slices.empty


def test_labels_are_called_by_their_names():
    truths = {"A": drawn((1,), label=2)}
    table = score(comparison(drawn((1,)), truths, label_names={1: "tumour"})).table
    assert table["name"].tolist() == ["tumour", "label 2"]


def test_shapes_that_differ_are_refused():
    with pytest.raises(GridMismatchError, match="same image"):
        score(comparison(EMPTY, {"A": EMPTY[:3]}))


@pytest.mark.parametrize("annotation", ["everywhere", "slices", "painted"])
def test_counting_once_gives_what_counting_twice_does(annotation):
    generator = np.random.default_rng(0)
    drawn = [generator.integers(0, 4, (5, 8, 9)) * (generator.random((5, 1, 1)) < 0.7)
             for _ in range(2)]  # fmt: skip
    options = {"spacing": (2, 1, 0.5), "annotation": annotation}
    names = {2: "cyst", 9: "never drawn"}
    table, slices = compare_by_slice_too(*drawn, **options, label_names=names)
    wanted = compare(*drawn, **options, label_names=names)
    pd.testing.assert_frame_equal(table, wanted)
    pd.testing.assert_frame_equal(slices, compare_slices(*drawn, annotation=annotation))
