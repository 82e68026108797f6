"""What the folds of a study have alike, whatever else the computer does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.choices import changed

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings


def settings_like(settings: TrainingSettings, plan: Plan) -> TrainingSettings:
    """Let a fold look as finely as another that was planned by the same settings.

    How busy a computer is just then decides how large voxels are, and whether a light
    network goes with them; and scores of folds that are averaged should be of one kind
    of training.

    Parameters
    ----------
    settings : TrainingSettings
        Of the study.
    plan : Plan
        Of the other fold.
    """
    if plan.resize_to is not None:
        return settings
    alike: dict[str, Any] = {"dimensions": plan.dimensions, "spacing": plan.spacing}
    if settings.network == "auto" and plan.network == "UNet":
        alike |= {"network": plan.network, "residual_units": plan.residual_units}
    return changed(settings, **alike)
