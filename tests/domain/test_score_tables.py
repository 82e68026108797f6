from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.grid import Grid
from specimen_unet.domain.score_tables import (
    agreements_in,
    in_a_sentence,
    median_case,
    observers_in,
    prediction_in,
    sizes_in,
    summary_of,
    williams_of,
    worst_first,
)
from specimen_unet.domain.yardsticks import WilliamsIndex


def box(start: int, stop: int, shape=(12, 12)) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[start:stop, start:stop] = 1
    return labels


def scored(predicted: np.ndarray, unit: str = "mm", **truths: np.ndarray):
    grid = Grid((0.5, 0.5), unit)
    return score(Comparison("model", predicted, truths, grid, label_names={1: "t"}))


@pytest.fixture
def table() -> pd.DataFrame:
    """Three cases: good, bad, and one in between; two observers."""
    drawn = {"EA": box(2, 8), "MG": box(2, 9)}
    predictions = {"good": box(2, 8), "bad": box(7, 11), "fair": box(3, 9)}
    return pd.concat(
        [
            scored(predicted, **drawn).table.assign(case=name)
            for name, predicted in predictions.items()
        ],
        ignore_index=True,
    )


def test_the_worst_case_comes_first_and_the_median_is_the_middle_one(table):
    ranked = worst_first(table)
    assert ranked["case"].tolist() == ["bad", "fair", "good"]
    assert median_case(ranked) == "fair"
    among = table.loc[table["between_observers"].astype(bool), "dice"].iloc[0]
    assert ranked["between_observers"].tolist() == pytest.approx([among] * 3)


def test_a_case_without_any_dice_comes_last_and_is_counted(table):
    empty = scored(box(0, 0), EA=box(0, 0)).table.assign(case="empty")
    ranked = worst_first(pd.concat([empty, table], ignore_index=True))
    assert ranked["case"].iloc[-1] == "empty"
    assert ranked["undefined"].iloc[-1] == 1
    assert math.isnan(ranked["dice"].iloc[-1])


def test_names_are_told_apart(table):
    assert observers_in(table) == ["EA", "MG"]
    assert prediction_in(table) == "model"


def test_every_pair_is_summed_up_by_hand(table):
    summary = summary_of(table)
    row = summary[
        (summary["first"] == "model")
        & (summary["second"] == "EA")
        & (summary["score"] == "dice")
    ].iloc[0]
    dice = table.query("first == 'model' and second == 'EA'")["dice"]
    assert row["mean"] == pytest.approx(dice.mean())
    assert row["sd"] == pytest.approx(dice.std())
    assert row["low"] < row["mean"] < row["high"]
    assert set(summary["score"]) >= {"dice", "iou", "precision", "predicted_size"}


def test_groups_are_drawn_whole(table):
    groups = {"good": "a", "bad": "a", "fair": "a"}
    summary = summary_of(table, groups)
    assert summary["low"].isna().all()
    assert (summary["groups"] == 1).all()


def test_sizes_in_different_units_are_not_added_up(table):
    other = scored(box(2, 7), "pixel", EA=box(2, 8)).table.assign(case="other")
    both = pd.concat([table, other], ignore_index=True)
    assert "predicted_size" not in set(summary_of(both)["score"])
    assert set(sizes_in(both)["unit"]) == {"mm²", "pixels"}


def test_distances_in_different_units_are_not_averaged(table):
    measured = table.assign(hd95=2.0, surface_dice=0.5, distance_unit="mm")
    assert {"hd95", "surface_dice"} <= set(summary_of(measured)["score"])
    measured.loc[measured["case"] == "bad", "distance_unit"] = "pixel"
    assert not {"hd95", "surface_dice"} & set(summary_of(measured)["score"])


def test_sizes_of_a_pair_are_compared_by_hand(table):
    row = sizes_in(table).query("first == 'model' and second == 'MG'").iloc[0]
    differences = np.array([36 - 49, 16 - 49, 36 - 49]) * 0.25
    assert row["bias"] == pytest.approx(differences.mean())
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * differences.std(ddof=1))
    assert row["pairs"] == 3


def test_the_index_needs_two_observers(table):
    assert set(agreements_in(table)) == {"good", "bad", "fair"}
    found = williams_of(table)
    assert found is not None
    assert found.cases == 3
    assert found.index < 1
    assert williams_of(table[table["second"] == "EA"]) is None


@pytest.mark.parametrize(
    ("index", "low", "high", "groups", "words"),
    [
        (1.0, 0.9, 1.1, 20, "as close to the observers as they are to each other"),
        (0.8, 0.7, 0.9, 20, "further from the observers"),
        (1.2, 1.1, 1.3, 20, "closer to the observers than"),
        (1.0, 0.9, 1.1, 4, "Of so few the interval is too narrow"),
        (1.0, math.nan, math.nan, 1, "says nothing about others"),
        (math.nan, math.nan, math.nan, 4, "is undefined"),
    ],
)
def test_the_index_is_told_plainly(index, low, high, groups, words):
    found = WilliamsIndex(index, low, high, 0.9, 0.9, ("EA", "MG"), 20, groups, 0)
    assert words in in_a_sentence(found)
