"""Tests of what changes when a training sees its cases often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.engine import planning
from specimen_unet.engine.planning import plan
from specimen_unet.engine.variety import passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

TINY = {"channels": (4, 8), "device": "cpu", "patch": (8, 16, 16), "batch": 2}


@pytest.fixture
def volumes(make_blob_case: Callable[..., Case]) -> list[Case]:
    return [make_blob_case((8, 32, 32), seed=seed, labels=2) for seed in range(5)]


def planned(cases: list[Case], steps: int, **changes: object) -> Plan:
    return plan(cases, ending="steps", steps=steps, **{**TINY, **changes})


def test_passes_count_how_often_all_that_is_learnt_from_is_seen(
    volumes: list[Case],
) -> None:
    """4 of 5 cases are learnt from; a step shows two quarters of one."""
    assert passes(planned(volumes, 80)) == pytest.approx(10)


def test_passes_of_slices_count_every_slice(volumes: list[Case]) -> None:
    """A step shows one whole slice of 4 x 8."""
    found = planned(volumes, 64, dimensions=2, patch=(32, 32), batch=1)
    assert passes(found) == pytest.approx(2)


def test_pictures_that_are_brought_to_one_size_are_seen_whole() -> None:
    random = np.random.default_rng(0)
    cases = []
    for number, shape in enumerate([(60, 80), (90, 130), (64, 64), (70, 99)]):
        labels = np.zeros(shape, np.uint8)
        labels[20:40, 20:40] = 1
        image = random.random(shape, np.float32)
        cases.append(Case(image, {"a": labels}, name=str(number)))
    found = plan(cases, ending="steps", steps=30, channels=(4, 8), device="cpu")
    assert found.resize_to == found.patch
    seen = 30 * found.batch / len(found.split.training)
    assert passes(found) == pytest.approx(seen)


def test_cases_that_are_seen_often_are_changed_more(volumes: list[Case]) -> None:
    few, many = planned(volumes, 80), planned(volumes, 8000)
    assert (few.augmentation, many.augmentation) == (1, 2)
    assert "each case is seen about 1000 times" in many.reasons["augmentation"]
    assert "times" not in few.reasons["augmentation"]


@pytest.mark.parametrize("chosen", [0.0, 1.0, 1.5])
def test_an_augmentation_that_was_chosen_stays(
    chosen: float, volumes: list[Case]
) -> None:
    found = planned(volumes, 8000, augmentation=chosen)
    assert found.augmentation == chosen
    assert found.reasons["augmentation"] == f"Augmentation {chosen:g}, chosen by you."


def test_minutes_count_by_the_steps_that_fit_into_them(
    volumes: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "seconds_of_batch", lambda *_: 0.0)
    for seconds, expected in ((1.0, 1), (0.01, 2)):
        monkeypatch.setattr(planning, "seconds_of_step", lambda _, s=seconds: s)
        assert plan(volumes, minutes=10, **TINY).augmentation == expected
