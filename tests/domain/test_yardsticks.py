"""A model among observers: the matrix of pairs, Williams' index, Bland-Altman."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.bland_altman import bland_altman
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.observers import agreement
from specimen_unet.domain.yardsticks import agreement_matrix, williams_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array

OBSERVERS = ("EA", "MG", "third")
Drawn = dict[str, dict[str, "Array"]]


def dice(a: Array, b: Array) -> float:
    """Count voxel by voxel, as sets."""
    first, second = (set(np.flatnonzero(mask.ravel())) for mask in (a, b))
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else np.nan


@pytest.fixture
def make_drawn(spatial: tuple[int, ...]) -> Callable[..., Drawn]:
    """Make what three observers and a model drew on eight cases.

    Each moves the outline of a ball by chance, the model by `noise` times as much.
    """

    def make(noise: float = 1.0, seed: int = 0) -> Drawn:
        generator = np.random.default_rng(seed)
        position = np.moveaxis(np.indices(spatial), 0, -1)
        drawn = {}
        for case in range(8):
            radius = np.array(spatial) * generator.uniform(0.2, 0.4)
            centre = np.array(spatial) / 2
            drawn[f"case {case}"] = {
                name: _ball(
                    position,
                    centre + generator.normal(0, 0.7 * size, len(spatial)),
                    radius * generator.normal(1, 0.06 * size),
                )
                for name, size in {
                    **dict.fromkeys(OBSERVERS, 1),
                    "model": noise,
                }.items()
            }
        return drawn

    return make


def _ball(position: Array, centre: Array, radius: Array) -> Array:
    return ((((position - centre) / radius) ** 2).sum(-1) <= 1).astype(np.uint8)


def agreements(drawn: Drawn) -> dict[str, pd.DataFrame]:
    return {case: agreement(by_name) for case, by_name in drawn.items()}


def dice_of_pairs(drawn: Drawn) -> dict[tuple[str, str], dict[str, float]]:
    return {
        (first, second): {c: dice(drawn[c][first], drawn[c][second]) for c in drawn}
        for first, second in combinations([*OBSERVERS, "model"], 2)
    }


def williams_by_hand(pairs: dict[tuple[str, str], dict], cases: list[str]) -> float:
    """Follow the formula of Bouix et al. 2007 with loops.

    WI = (r - 2) sum_j a(model, j) / (2 sum_(j < k) a(j, k)), r raters.
    """
    raters = [*OBSERVERS, "model"]
    agreed = {pair: np.mean([each[c] for c in cases]) for pair, each in pairs.items()}
    with_model = sum(value for pair, value in agreed.items() if "model" in pair)
    others = sum(value for pair, value in agreed.items() if "model" not in pair)
    return (len(raters) - 2) * with_model / (2 * others)


def test_the_matrix_holds_every_pair_averaged_over_cases(make_drawn) -> None:
    drawn = make_drawn()
    found = agreement_matrix(agreements(drawn))
    assert list(found.mean) == list(found.mean.index) == [*OBSERVERS, "model"]
    for first, second in combinations(found.mean, 2):
        expected = np.mean([dice(each[first], each[second]) for each in drawn.values()])
        assert found.mean.loc[first, second] == pytest.approx(expected)
        assert found.mean.loc[second, first] == found.mean.loc[first, second]
    assert (np.diag(found.mean) == 1).all()
    assert (found.cases == 8).all(axis=None)
    assert (found.undefined == 0).all(axis=None)


def test_one_case_is_enough_for_a_matrix(make_drawn) -> None:
    (case, by_name), *_ = make_drawn().items()
    alone = agreement_matrix(agreement(by_name))
    same = agreement_matrix({case: agreement(by_name)})
    pd.testing.assert_frame_equal(alone.mean, same.mean)


def test_pairs_are_the_same_whoever_is_named_first(make_drawn) -> None:
    drawn = make_drawn()
    turned = {
        case: dict(reversed(by_name.items())) if number % 2 else by_name
        for number, (case, by_name) in enumerate(drawn.items())
    }
    pd.testing.assert_frame_equal(
        agreement_matrix(agreements(turned)).mean,
        agreement_matrix(agreements(drawn)).mean,
    )


def test_cases_where_a_pair_has_no_score_are_left_out_and_counted(make_drawn) -> None:
    drawn = make_drawn()
    empty = np.zeros_like(drawn["case 0"]["EA"])
    drawn["case 0"] |= {"EA": empty, "MG": empty}  # neither saw anything
    del drawn["case 1"]["third"]  # who was not there
    drawn["case 2"] = dict.fromkeys(drawn["case 2"], empty)  # no table has a row
    found = agreement_matrix(agreements(drawn))
    assert found.cases.loc["EA", "MG"] == 6
    assert found.undefined.loc["EA", "MG"] == 2
    assert found.cases.loc["MG", "third"] == 6
    assert found.cases.loc["third", "model"] == 6
    assert found.undefined.loc["EA", "model"] == 1
    expected = np.nanmean([dice(each["EA"], each["MG"]) for each in drawn.values()])
    assert found.mean.loc["EA", "MG"] == pytest.approx(expected)


def test_one_label_or_the_mean_over_labels(spatial: tuple[int, ...]) -> None:
    first, second = np.random.default_rng(0).integers(0, 3, (2, *spatial))
    tables = {"032": agreement({"EA": first, "MG": second})}
    by_label = [dice(first == label, second == label) for label in (1, 2)]
    found = [
        agreement_matrix(tables, label=label).mean.loc["EA", "MG"]
        for label in (1, 2, None)
    ]
    assert found == pytest.approx([*by_label, np.mean(by_label)])
    iou = agreement_matrix(tables, score="iou", label=1).mean.loc["EA", "MG"]
    assert iou == pytest.approx(by_label[0] / (2 - by_label[0]))


def test_williams_index_is_that_of_the_formula(make_drawn) -> None:
    drawn = make_drawn(noise=2)
    found = williams_index(agreements(drawn))
    assert found.index == pytest.approx(
        williams_by_hand(dice_of_pairs(drawn), list(drawn))
    )
    assert found.index == pytest.approx(found.with_observers / found.among_observers)
    assert found.observers == OBSERVERS
    assert (found.cases, found.groups, found.undefined) == (8, 8, 0)


def test_its_interval_is_that_of_drawing_groups_one_by_one(make_drawn) -> None:
    drawn = make_drawn(noise=2)
    groups = {case: f"patient {number // 2}" for number, case in enumerate(drawn)}
    found = williams_index(agreements(drawn), groups=groups, resamples=20_000)
    cases, generator = list(drawn), np.random.default_rng(5)
    pairs = dice_of_pairs(drawn)
    drawn_again = [
        [
            cases[2 * group + half]
            for group in generator.integers(0, 4, 4)
            for half in (0, 1)
        ]
        for _ in range(3000)
    ]
    expected = np.percentile(
        [williams_by_hand(pairs, chosen) for chosen in drawn_again], [2.5, 97.5]
    )
    assert found.groups == 4
    assert [found.low, found.high] == pytest.approx(expected, abs=0.01)
    assert found.low < found.index < found.high


def test_a_model_like_an_observer_has_an_index_near_1(make_drawn) -> None:
    alike = williams_index(agreements(make_drawn(noise=1)))
    steady = williams_index(agreements(make_drawn(noise=0)))
    wild = williams_index(agreements(make_drawn(noise=5)))
    assert alike.low < 1 < alike.high
    assert steady.low > 1
    assert wild.high < 1


def test_one_group_has_no_interval(make_drawn) -> None:
    drawn = make_drawn()
    found = williams_index(agreements(drawn), groups=dict.fromkeys(drawn, "one"))
    assert np.isnan([found.low, found.high]).all()
    assert np.isfinite(found.index)


def test_a_generator_decides_the_interval(make_drawn) -> None:
    tables = agreements(make_drawn())
    first, again, other = (
        williams_index(tables, resamples=30, generator=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert williams_index(tables) == williams_index(tables)


def test_observers_who_agree_nowhere_give_no_index() -> None:
    masks = dict(zip(("EA", "MG", "model"), np.eye(3, dtype=int)[:, None], strict=True))
    found = williams_index({"032": agreement(masks), "033": agreement(masks)})
    assert found.among_observers == 0
    assert np.isnan([found.index, found.low, found.high]).all()


def test_two_observers_and_the_model_are_needed(make_drawn) -> None:
    drawn = make_drawn()
    tables = agreements(drawn)
    with pytest.raises(NoAnnotationError, match="'nobody'"):
        williams_index(tables, "nobody")
    pair = {
        case: agreement({"EA": each["EA"], "model": each["model"]})
        for case, each in drawn.items()
    }
    with pytest.raises(NoAnnotationError, match="two observers"):
        williams_index(pair)
    for function in (agreement_matrix, williams_index):
        with pytest.raises(NoAnnotationError, match="no case"):
            function({})


def test_cases_where_nobody_drew_anything_are_told() -> None:
    empty = np.zeros((3, 4), int)
    tables = {"032": agreement(dict.fromkeys(("EA", "MG", "model"), empty))}
    for function in (agreement_matrix, williams_index):
        with pytest.raises(NoAnnotationError, match="drew anything"):
            function(tables)


def test_limits_of_agreement_are_those_of_the_paper() -> None:
    # Bland & Altman 1986, table 1: peak flow of 17 people, Wright and mini meter.
    wright = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178,
              423, 427]  # fmt: skip
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259,
            350, 451]  # fmt: skip
    found = bland_altman(wright, mini)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert found.pairs == 17
    # The paper takes 2 SD where we take 1.96.
    assert found.low == pytest.approx(found.bias - 1.96 * found.sd)
    assert found.high == pytest.approx(found.bias + 1.96 * found.sd)


def test_pairs_that_are_not_whole_are_left_out_and_counted() -> None:
    found = bland_altman([1.0, np.nan, 3.0, 4.0], [0.0, 1.0, np.nan, 2.0])
    assert (found.bias, found.pairs, found.undefined) == (1.5, 2, 2)
    assert found.sd == pytest.approx(np.sqrt(0.5))


def test_one_pair_has_a_bias_and_no_limits_and_none_has_neither() -> None:
    found = bland_altman([3.0], [1.0])
    assert found.bias == 2
    assert np.isnan([found.sd, found.low, found.high]).all()
    assert np.isnan(bland_altman([], []).bias)


def test_sizes_that_are_not_in_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        bland_altman([1.0, 2.0], [1.0])
