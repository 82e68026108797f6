"""Tests of what the folds of a study have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.runs.fold_settings import settings_like, with_reasons_of_a_fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings


def test_a_light_network_goes_with_voxels_made_longer(
    small_settings: Callable[..., TrainingSettings], plan_of_ours: Plan
) -> None:
    light = plan_of_ours.model_copy(update={"network": "UNet", "residual_units": 0})
    settings = small_settings(network="auto", residual_units="auto")
    found = settings_like(settings, light)
    assert (found.network, found.residual_units) == ("UNet", 0)
    assert found.spacing == light.spacing


def test_a_network_that_was_chosen_stays(
    small_settings: Callable[..., TrainingSettings], plan_of_ours: Plan
) -> None:
    settings = small_settings(network="FastUNet")
    assert settings_like(settings, plan_of_ours).network == "FastUNet"


def test_another_network_is_left_to_the_plan_of_each_fold(
    small_settings: Callable[..., TrainingSettings], plan_of_ours: Plan
) -> None:
    other = plan_of_ours.model_copy(update={"network": "FastUNet"})
    settings = small_settings(network="auto")
    assert settings_like(settings, other).network == "auto"


def test_what_a_fold_took_over_is_not_said_to_be_chosen(
    small_settings: Callable[..., TrainingSettings], plan_of_ours: Plan
) -> None:
    of_study = small_settings(network="auto", residual_units="auto")
    plan = plan_of_ours.model_copy(
        update={
            "settings": settings_like(of_study, plan_of_ours),
            "reasons": {
                "spacing": "0.5 × 0.5 mm, chosen by you.",
                "network": "UNet, chosen by you.",
                "patch": "16 × 16 pixels, chosen by you.",
            },
        }
    )
    assert with_reasons_of_a_fold(plan, of_study).reasons == {
        "spacing": "0.5 × 0.5 mm, as in the fold that was planned first.",
        "network": "UNet, as in the fold that was planned first.",
        "patch": "16 × 16 pixels, chosen by you.",
    }


def test_pictures_of_one_size_have_no_voxels_to_take_over(
    small_settings: Callable[..., TrainingSettings], plan_of_ours: Plan
) -> None:
    resized = plan_of_ours.model_copy(update={"resize_to": (16, 16)})
    assert settings_like(small_settings(), resized) == small_settings()
