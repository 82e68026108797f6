import math

import pytest

from specimen_unet.engine.decisions import Decision
from specimen_unet.engine.haste import haste, hurried_spacing, residual_units

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
