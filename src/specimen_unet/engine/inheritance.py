"""What a plan takes over from the plan of the model it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.engine.decisions import decided_otherwise, is_chosen
from specimen_unet.engine.shape_rules import Levels

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import TrainingSettings

# Weights mean something only in the same network, for images brought to the same
# scale; a person who chose one of these otherwise is told when training starts.
_OF_NETWORK = (
    *("backbone", "pretrained"),
    *("channels", "residual_units", "deep_supervision"),
)
_INHERITED = (
    *("dimensions", "network", *_OF_NETWORK),
    *("spacing", "normalisation", "patch"),
)


def inherited(settings: TrainingSettings, earlier: Plan) -> TrainingSettings:
    """Fill in what nobody chose from an earlier plan, as far as that means anything."""
    is_other = settings.network not in ("auto", earlier.network)
    taken: dict[str, Any] = {
        name: getattr(earlier, name)
        for name in _INHERITED
        if not is_chosen(settings, name)
        and not (is_other and name in _OF_NETWORK)
        and getattr(earlier, name) is not None
    }
    return changed(settings, **taken)


def inherited_levels(settings: TrainingSettings, earlier: Plan) -> Levels | None:
    """Return the levels of an earlier plan, if the settings lead to its network."""
    same = (
        settings.network == earlier.network
        and settings.channels == earlier.channels
        and settings.dimensions == earlier.dimensions
    )
    return Levels(earlier.strides, earlier.kernels) if same else None


def check_unit(unit: str, earlier: Plan) -> None:
    """Refuse cases whose voxel size has another unit than the earlier plan's."""
    if unit != earlier.unit:
        raise GridMismatchError(
            f"The cases have voxels in {unit!r}, but the model to start from was "
            f"trained with {earlier.unit!r}: give the cases that unit, or start anew."
        )


def with_reasons(plan: Plan, settings: TrainingSettings) -> Plan:
    """Say what was inherited, and keep the settings that a person chose."""
    names = [name for name in _INHERITED if not is_chosen(settings, name)]
    reasons = decided_otherwise(plan.reasons, names, "as in the model it starts from")
    return plan.model_copy(update={"settings": settings, "reasons": reasons})
