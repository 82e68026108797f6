"""Intervals by drawing groups again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from specimen_unet.domain.bootstrap import (
    draws_of_groups,
    percentile_interval,
)


def test_every_draw_is_of_as_many_groups_as_there_are() -> None:
    draws = draws_of_groups(7, resamples=500, generator=np.random.default_rng(0))
    assert draws.shape == (500, 7)
    assert (draws.sum(axis=1) == 7).all()
    assert draws.mean() == pytest.approx(1)
    assert draws.max() > 1


def test_a_seed_gives_the_same_draws_and_no_seed_does_too() -> None:
    first, again = (draws_of_groups(5, resamples=9) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = draws_of_groups(5, resamples=9, generator=np.random.default_rng(3))
    assert (first != other).any()


def test_the_interval_holds_the_middle_95_percent() -> None:
    low, high = percentile_interval(np.arange(1001.0))
    assert (low, high) == (25, 975)


def test_what_is_undefined_is_left_out_of_the_interval() -> None:
    values = np.concatenate([np.arange(1001.0), np.full(50, np.nan)])
    assert percentile_interval(values) == (25, 975)
    assert np.isnan(percentile_interval(np.full(3, np.nan))).all()


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 40)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=2
    ).confidence_interval
    draws = draws_of_groups(40, resamples=20_000)
    assert percentile_interval(draws @ values / 40) == pytest.approx(
        tuple(theirs), abs=0.002
    )
