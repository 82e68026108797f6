"""Tests of what a plan gives up when there are only minutes on a CPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import planning
from specimen_unet.engine.decisions import Decision
from specimen_unet.engine.haste import (
    haste,
    hurried_spacing,
    longer_spacing,
    residual_units,
)
from specimen_unet.engine.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

USUAL = Decision((0.5, 0.15, 0.15), "as the cases have them")
LARGE = (39, 221, 200)


def test_few_minutes_shrink_a_step_and_many_do_not() -> None:
    assert haste(1) == pytest.approx(0.2)
    assert haste(0.05) > 0
    assert haste(5) == haste(math.inf) == 1


def test_a_hurried_plan_coarsens_the_fine_axes_of_large_cases_and_says_so() -> None:
    spacing, reason = hurried_spacing(USUAL, LARGE, 300_000, 1, "mm")
    assert spacing == (0.5, 0.3, 0.3)
    assert "1 min is too short" in reason


@pytest.mark.parametrize(
    ("shape", "minutes"),
    [(LARGE, 3), (LARGE, math.inf), ((35, 51, 35), 1)],
    ids=["time enough", "by steps", "small cases"],
)
def test_nothing_is_coarsened_without_need(
    shape: tuple[int, ...], minutes: float
) -> None:
    assert hurried_spacing(USUAL, shape, 300_000, minutes, "mm") is USUAL


def test_residual_units_are_for_those_who_have_time_unless_chosen() -> None:
    assert residual_units("auto", 1).value == 0
    assert residual_units("auto", 10).value == 2
    assert residual_units(1, 1).value == 1


@pytest.fixture(scope="module")
def specimens() -> list[Case]:
    return [specimen_phantom(seed) for seed in range(2)]


@pytest.fixture
def step_takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def say(seconds: float) -> None:
        monkeypatch.setattr(planning, "seconds_of_step", lambda _: seconds)

    monkeypatch.setattr(planning, "seconds_of_batch", lambda *_: 0.0)
    return say


def test_voxels_are_longer_where_too_few_steps_fit_into_the_time(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    """In five minutes phantoms came to 0.755 otherwise, instead of 0.891."""
    step_takes(4)
    found = plan(specimens, minutes=5, device="cpu")
    assert found.spacing == (0.5, 0.3, 0.3)
    assert (found.network, found.residual_units) == ("UNet", 0)
    assert (
        "in 5 min it learns most from voxels that are longer"
        in found.reasons["network"]
    )
    told = found.reasons["spacing"]
    own = plan(specimens, minutes=5, device="cpu", spacing=(0.5, 0.15, 0.15))
    assert f"at their size 5 min are about {own.steps} steps" in told


def test_a_network_that_was_chosen_stays_on_longer_voxels(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    step_takes(4)
    found = plan(specimens, minutes=5, device="cpu", network="FastUNet")
    assert found.spacing == (0.5, 0.3, 0.3)
    assert found.network == "FastUNet"


def test_slices_keep_the_network_that_learns_most_of_pictures(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    step_takes(4)
    found = plan(specimens, minutes=5, device="cpu", dimensions=2)
    assert found.network == "FastUNet"


def test_voxels_stay_as_they_are_where_there_are_steps_enough(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    step_takes(0.25)
    found = plan(specimens, minutes=5, device="cpu")
    assert found.steps == 1020
    assert found.spacing == pytest.approx((0.5, 0.15, 0.15))
    assert "as all cases have them" in found.reasons["spacing"]


def test_in_a_minute_they_are_made_longer_once(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    step_takes(4)
    assert plan(specimens, minutes=1, device="cpu").spacing == (0.5, 0.3, 0.3)


@pytest.mark.parametrize(
    "chosen",
    [
        {"spacing": (0.5, 0.15, 0.15)},
        {"patch": (16, 64, 64)},
        {"quality": True},
        {"ending": "steps", "steps": 50},
    ],
    ids=lambda chosen: next(iter(chosen)),
)
def test_what_somebody_chose_keeps_its_voxels(
    chosen: dict[str, object],
    specimens: list[Case],
    step_takes: Callable[[float], None],
) -> None:
    step_takes(4)
    found = plan(specimens, minutes=5, device="cpu", **chosen)
    assert found.spacing == pytest.approx((0.5, 0.15, 0.15))


def test_thin_labels_and_small_cases_keep_their_voxels(
    specimens: list[Case], step_takes: Callable[[float], None]
) -> None:
    step_takes(4)
    own = plan(specimens, minutes=5, device="cpu", spacing=(0.5, 0.15, 0.15))
    free = own.model_copy(
        update={"settings": own.settings.model_copy(update={"spacing": "auto"})}
    )
    assert longer_spacing(free) is not None
    assert longer_spacing(seen(free, label_width=15.0)) is None
    assert longer_spacing(seen(free, label_width=None)) is None
    assert longer_spacing(seen(free, shapes=((24, 88, 88),) * 2)) is None
    assert longer_spacing(free.model_copy(update={"steps": 999})) is not None
    assert longer_spacing(free.model_copy(update={"steps": 1000})) is None
    assert longer_spacing(free.model_copy(update={"device": "cuda"})) is None
    assert longer_spacing(free.model_copy(update={"resize_to": (9, 9, 9)})) is None


def seen(found: Plan, **changes: object) -> Plan:
    """Change what was seen in the cases."""
    fingerprint = found.fingerprint.model_copy(update=changes)
    return found.model_copy(update={"fingerprint": fingerprint})
