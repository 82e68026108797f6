"""Tests of the loss where every patch shows a whole case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.engine.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

TINY = {"channels": (4, 8), "device": "cpu", "batch": 2, "ending": "steps", "steps": 9}


@pytest.fixture
def cases(spatial: tuple[int, ...], make_blob_case: Callable[..., Case]) -> list[Case]:
    return [make_blob_case(spatial, seed=seed) for seed in range(4)]


def planned(cases: list[Case], **changes: object) -> Plan:
    size = cases[0].shape
    whole = tuple(16 * -(-length // 16) for length in size)
    return plan(cases, **{**TINY, "dimensions": len(size), "patch": whole, **changes})


def empty(case: Case) -> Case:
    nothing = {"EA": np.zeros(case.shape, np.uint8)}
    grid = {"spacing": case.grid.spacing, "unit": case.grid.unit}
    return Case(case.image[0], nothing, name="normal", **grid)


def test_dice_is_that_of_each_patch_where_each_is_a_whole_case(
    cases: list[Case],
) -> None:
    found = planned(cases)
    assert found.dice_of == "patch"
    assert "each shows a whole case" in found.reasons["loss"]


def test_it_is_pooled_where_a_case_lacks_a_label(cases: list[Case]) -> None:
    """What the other does to findings in healthy cases was not measured."""
    found = planned([*cases, empty(cases[0])])
    assert found.dice_of == "batch"
    assert "each patch" not in found.reasons["loss"]


def test_it_is_pooled_where_patches_show_parts(cases: list[Case]) -> None:
    half = tuple(length // 2 for length in planned(cases).patch)
    assert planned(cases, patch=half).dice_of == "batch"


def test_it_is_pooled_over_slices(make_blob_case: Callable[..., Case]) -> None:
    """Of which many hold no label."""
    volumes = [make_blob_case((8, 32, 32), seed=seed) for seed in range(4)]
    found = planned(volumes, dimensions=2, patch=(32, 32))
    assert found.dice_of == "batch"


def test_losses_without_dice_stay_as_they_are(cases: list[Case]) -> None:
    found = planned(cases, loss="Tversky")
    assert found.dice_of == "batch"
    assert "Dice is that" not in found.reasons["loss"]
