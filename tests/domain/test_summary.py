"""Scores of many cases: means beside pooled scores, intervals, what is undefined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.overlap import compare
from specimen_unet.domain.summary import summarise

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

SPACING = (2.0, 0.5, 0.5)


@pytest.fixture
def pairs(spatial: tuple[int, ...]) -> dict[str, tuple[Array, Array]]:
    """Prediction and truth of six cases with two labels, of very unlike sizes."""
    generator = np.random.default_rng(0)
    found = {}
    for number in range(6):
        share = 0.05 + 0.15 * number
        truth = (generator.random(spatial) < share) * (1 + (number > 2))
        wrong = generator.random(spatial) < 0.1 * (number + 1) / 6
        found[f"case {number}"] = (np.where(wrong, 1, truth), truth)
    return found


@pytest.fixture
def tables(pairs: dict[str, tuple[Array, Array]]) -> dict[str, pd.DataFrame]:
    spacing = SPACING[-next(iter(pairs.values()))[0].ndim :]
    return {case: compare(*pair, spacing=spacing) for case, pair in pairs.items()}


def row(table: pd.DataFrame, score: str, label: int = 1) -> pd.Series:
    (found,) = (
        each
        for _, each in table.iterrows()
        if each["label"] == label and each["score"] == score
    )
    return found


def test_mean_and_spread_are_those_over_cases(
    tables: dict[str, pd.DataFrame],
) -> None:
    found = row(summarise(tables), "dice")
    dice = [table.set_index("label").loc[1, "dice"] for table in tables.values()]
    assert found["mean"] == pytest.approx(np.mean(dice))
    assert found["sd"] == pytest.approx(np.std(dice, ddof=1))
    assert (found["cases"], found["undefined"]) == (6, 0)


def test_pooled_scores_are_those_of_all_cases_as_one(
    pairs: dict[str, tuple[Array, Array]], tables: dict[str, pd.DataFrame]
) -> None:
    predicted, truth = (
        np.concatenate(each) for each in zip(*pairs.values(), strict=True)
    )
    one = compare(predicted, truth).set_index("label")
    summary = summarise(tables)
    for label in (1, 2):
        for score in (
            *("dice", "iou", "precision", "recall", "size_difference_percent"),
        ):
            expected = one.loc[label, score]
            assert row(summary, score, label)["pooled"] == pytest.approx(expected)
    assert row(summary, "dice")["pooled"] != pytest.approx(row(summary, "dice")["mean"])


def test_what_cannot_be_added_up_has_no_pooled_score() -> None:
    tables = {
        name: pd.DataFrame({"label": [1], "name": ["rim"], "hd95": [value]})
        for name, value in (("a", 1.0), ("b", 3.0))
    }
    (found,) = summarise(tables).to_dict("records")
    assert found["mean"] == 2
    assert np.isnan(found["pooled"])


def test_a_label_without_a_value_is_left_out_of_the_mean_and_counted(
    tables: dict[str, pd.DataFrame],
) -> None:
    # The first three cases have no label 2 at all, not even a row.
    found = row(summarise(tables), "dice", 2)
    assert (found["cases"], found["undefined"]) == (3, 3)
    empty = np.zeros((4, 4), int)
    named = compare(empty, empty, label_names={2: "rim"})
    more = row(summarise({**tables, "empty": named}), "dice", 2)
    assert (more["cases"], more["undefined"]) == (3, 4)
    assert more["mean"] == found["mean"]


def test_a_label_missed_on_one_side_counts_as_0_not_as_undefined() -> None:
    truth = np.eye(4, dtype=int)
    tables = {
        "good": compare(truth, truth),
        "missed": compare(0 * truth, truth),
    }
    found = row(summarise(tables), "dice")
    assert (found["mean"], found["undefined"]) == (0.5, 0)
    precision = row(summarise(tables), "precision")
    assert (precision["mean"], precision["undefined"]) == (1, 1)


def test_whole_groups_are_drawn() -> None:
    # Within a group all are alike; between groups they are not.
    values = {"a": 0.2, "b": 0.9}
    tables = {
        f"{group} {number}": pd.DataFrame({"label": [1], "dice": [value]})
        for group, value in values.items()
        for number in range(50)
    }
    by_case = row(summarise(tables), "dice")
    groups = {case: case[0] for case in tables}
    by_group = row(summarise(tables, groups=groups), "dice")
    assert by_group["mean"] == by_case["mean"]
    assert (by_case["groups"], by_group["groups"]) == (100, 2)
    # Of two groups the mean is one's, the other's, or theirs together.
    assert (by_group["low"], by_group["high"]) == pytest.approx((0.2, 0.9))
    assert by_case["low"] > 0.4
    assert by_case["high"] < 0.7


def test_a_large_group_weighs_as_many_cases_as_it_has() -> None:
    values = {"a": [0.0] * 3, "b": [1.0]}
    tables = {
        f"{group}{number}": pd.DataFrame({"label": [1], "dice": [value]})
        for group, each in values.items()
        for number, value in enumerate(each)
    }
    groups = {case: case[0] for case in tables}
    # Expected by hand: both groups three times are (aa: 0, ab: 1/4, bb: 1).
    found = row(summarise(tables, groups=groups, resamples=4000), "dice")
    assert found["mean"] == 0.25
    assert (found["low"], found["high"]) == (0, 1)


def test_the_interval_is_that_of_drawing_one_by_one(
    tables: dict[str, pd.DataFrame],
) -> None:
    groups = {case: case[-1] if case[-1] > "1" else "01" for case in tables}
    found = row(summarise(tables, groups=groups, resamples=20_000), "dice")
    dice = {
        case: table.set_index("label").loc[1, "dice"] for case, table in tables.items()
    }
    members = [
        [dice[case] for case in dice if groups[case] == group]
        for group in sorted(set(groups.values()))
    ]
    generator = np.random.default_rng(9)
    means = [
        np.mean(np.concatenate([members[k] for k in drawn]))
        for drawn in generator.integers(0, len(members), (5000, len(members)))
    ]
    expected = np.percentile(means, [2.5, 97.5])
    assert [found["low"], found["high"]] == pytest.approx(expected, abs=0.01)


def test_a_generator_decides_the_draws(tables: dict[str, pd.DataFrame]) -> None:
    first, again, other = (
        summarise(tables, resamples=20, generator=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["low"].equals(other["low"])
    assert first["mean"].equals(other["mean"])
    pd.testing.assert_frame_equal(summarise(tables), summarise(tables))


def test_one_group_has_no_interval_and_one_case_no_spread(
    tables: dict[str, pd.DataFrame],
) -> None:
    of_one = row(summarise(tables, groups=dict.fromkeys(tables, "all")), "dice")
    assert np.isnan([of_one["low"], of_one["high"]]).all()
    single = row(summarise({"case 0": tables["case 0"]}), "dice")
    assert np.isnan(single["sd"])
    assert single["mean"] == single["pooled"]


def test_columns_are_the_promised_ones(tables: dict[str, pd.DataFrame]) -> None:
    table = summarise(tables)
    assert list(table) == [
        *("label", "name", "score", "mean", "sd", "low", "high", "pooled"),
        *("cases", "groups", "undefined"),
    ]
    scores = table[table["label"] == 1]["score"].tolist()
    assert scores == [
        *("dice", "iou", "precision", "recall"),
        *("predicted_size", "true_size", "shared_size"),
        *("size_difference", "size_difference_percent"),
    ]


def test_no_case_at_all_is_refused_and_an_unknown_group_too(
    tables: dict[str, pd.DataFrame],
) -> None:
    with pytest.raises(NoAnnotationError, match="no case"):
        summarise({})
    with pytest.raises(ValueError, match="case 5"):
        summarise(tables, groups=dict.fromkeys(list(tables)[:5], "a"))
