"""What the folds of a study have alike, whatever else the computer does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.choices import changed
from specimen_unet.engine.decisions import decided_otherwise
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings

_ALIKE = ("dimensions", "spacing", "network", "residual_units")


def plan_of_another_fold(run: RunFolder) -> Plan | None:
    """Return what was planned for another fold first, if the run is one of a study."""
    path = run.path.resolve()
    if not StudyFolder.is_study(path.parent):
        return None
    study = StudyFolder.open(path.parent)
    others = (study.path / f"fold-{fold}" for fold in range(study.folds))
    plans = (
        RunFolder(other).plan
        for other in others
        if other != path and RunFolder.is_run(other)
    )
    return next(filter(None, plans), None)


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


def with_reasons_of_a_fold(plan: Plan, settings: TrainingSettings) -> Plan:
    """Say what a fold has from another one, which its own settings call a choice.

    Parameters
    ----------
    plan : Plan
        Of the fold, by what `settings_like` returned.
    settings : TrainingSettings
        Of the study.
    """
    names = [
        name
        for name in _ALIKE
        if getattr(settings, name) != getattr(plan.settings, name)
    ]
    how = "as in the fold that was planned first"
    reasons = decided_otherwise(plan.reasons, names, how)
    return plan.model_copy(update={"reasons": reasons})
