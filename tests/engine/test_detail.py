"""Tests of when a plan works voxel by voxel because there is time for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from specimen_unet.engine import planning
from specimen_unet.engine.planning import plan
from specimen_unet.engine.variety import passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan


@pytest.fixture
def volumes(make_blob_case: Callable[..., Case]) -> list[Case]:
    """Make cases of 16 x 32 x 32 voxels, four of which are learnt from."""
    return [make_blob_case((16, 32, 32), seed=seed) for seed in range(5)]


@pytest.fixture
def step_takes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what a step takes on blocks, and voxel by voxel."""

    def say(folded: float, detailed: float) -> None:
        def seconds(draft: Plan) -> float:
            return detailed if set(draft.strides[0]) == {1} else folded

        monkeypatch.setattr(planning, "seconds_of_step", seconds)

    monkeypatch.setattr(planning, "seconds_of_batch", lambda *_: 0.0)
    return say


def is_detailed(found: Plan) -> bool:
    return set(found.strides[0]) == {1}


@pytest.mark.parametrize("dimensions", [2, 3])
def test_with_time_enough_it_works_voxel_by_voxel(
    dimensions: int, volumes: list[Case], step_takes: Callable[..., None]
) -> None:
    step_takes(0.01, 0.02)
    found = plan(volumes, device="cpu", minutes=10, dimensions=dimensions)
    assert is_detailed(found)
    assert found.channels[0] == 16
    assert found.forecast.seconds_per_step == pytest.approx(0.02)
    told = f"There is time for that: each case is seen about {passes(found):.0f} times."
    assert found.reasons["strides"].startswith("Worked on voxel by voxel. ")
    assert found.reasons["strides"].endswith(told)


def test_with_less_it_works_on_blocks(
    volumes: list[Case], step_takes: Callable[..., None]
) -> None:
    step_takes(0.4, 0.8)
    found = plan(volumes, device="cpu", minutes=10)
    assert not is_detailed(found)
    assert "There is time" not in found.reasons["strides"]


def test_a_network_that_turns_out_slower_than_thought_is_not_taken(
    volumes: list[Case], step_takes: Callable[..., None]
) -> None:
    step_takes(0.1, 2.0)
    found = plan(volumes, device="cpu", minutes=10)
    assert found.steps > 4000
    assert not is_detailed(found)


def test_what_does_not_fit_the_memory_is_not_taken(
    volumes: list[Case],
    step_takes: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Patch and batch are chosen, so that nothing could be made smaller."""
    step_takes(0.01, 0.02)

    def memory(draft: Plan) -> int:
        return 2**60 if is_detailed(draft) else 2**20

    monkeypatch.setattr(planning, "memory_of_step", memory)
    found = plan(volumes, device="cpu", minutes=10, patch=(16, 32, 32), batch=2)
    assert not is_detailed(found)


def test_a_step_that_runs_out_of_memory_is_not_taken(
    volumes: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(draft: Plan) -> float:
        if is_detailed(draft):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0.01

    monkeypatch.setattr(planning, "seconds_of_step", seconds)
    monkeypatch.setattr(planning, "seconds_of_batch", lambda *_: 0.0)
    assert not is_detailed(plan(volumes, device="cpu", minutes=10))


def test_many_steps_are_not_enough_where_each_case_is_seen_seldom(
    volumes: list[Case], step_takes: Callable[..., None]
) -> None:
    step_takes(0.11, 0.22)
    found = plan(volumes, device="cpu", minutes=10, patch=(16, 8, 8), batch=1)
    assert found.steps > 4000
    assert not is_detailed(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": (8, 16)},
        {"network": "UNet"},
        {"minutes": 2, "network": "DynUNet"},
    ],
)
def test_what_has_no_blocks_or_was_chosen_stays(
    changes: dict[str, object],
    volumes: list[Case],
    step_takes: Callable[..., None],
) -> None:
    step_takes(0.01, 0.02)
    found = plan(volumes, **{"device": "cpu", "minutes": 10, **changes})
    assert "There is time" not in found.reasons["strides"]


def test_a_model_that_is_taught_further_keeps_its_blocks(
    volumes: list[Case], step_takes: Callable[..., None]
) -> None:
    step_takes(0.4, 0.8)
    earlier = plan(volumes, device="cpu", minutes=10)
    step_takes(0.01, 0.02)
    found = plan(volumes, start_from=earlier, device="cpu", minutes=10)
    assert found.strides == earlier.strides
