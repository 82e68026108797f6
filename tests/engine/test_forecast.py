from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import torch

from specimen_unet.engine.forecast import memory_of_step, seconds_of_step
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan


def test_memory_grows_with_batch_patch_and_digits(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(channels=(8, 8, 8), patch=(16, 32, 32))
    whole = memory_of_step(plan)
    larger = {"batch": 8}, {"patch": (32, 64, 32)}
    for change in larger:
        more = memory_of_step(plan.model_copy(update=change))
        assert 3 * whole < more < 4.01 * whole
    half = memory_of_step(plan.model_copy(update={"precision": "bfloat16"}))
    assert 0.5 * whole < half < 0.9 * whole


def test_memory_is_more_than_what_is_saved_for_the_backward_pass(
    make_plan: Callable[..., Plan],
) -> None:
    """Counted in a real step of the whole patch, by storage, weights apart."""
    plan = make_plan(channels=(8, 8, 8), patch=(16, 32, 32))
    network = build_network(plan)
    alive: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        alive[tensor.untyped_storage().data_ptr()] = tensor.detach()
        return tensor.detach()

    image = torch.zeros(plan.batch, 1, *plan.patch)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        build_loss(plan)(network(image), torch.zeros(plan.batch, *plan.patch).long())
    weights = {w.untyped_storage().data_ptr() for w in network.parameters()}
    saved = sum(t.nbytes for key, t in alive.items() if key not in weights)
    assert saved < memory_of_step(plan) < 2 * saved


def test_a_step_is_timed_in_little_time(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(channels=(8, 8, 8), patch=(16, 32, 32))
    start = time.perf_counter()
    seconds = seconds_of_step(plan)
    assert 0 < seconds < time.perf_counter() - start


@pytest.mark.parametrize("change", [{"batch": 10_000}, {"patch": (8192, 64, 64)}])
def test_a_step_that_would_take_too_long_is_not_taken(
    change: dict[str, object], make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(channels=(4, 4), residual_units=0)
    small = seconds_of_step(plan)
    start = time.perf_counter()
    large = seconds_of_step(plan.model_copy(update=change))
    assert time.perf_counter() - start < 20
    assert large > 50 * small
