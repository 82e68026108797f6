"""Which network a plan takes, and what belongs to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.advice import FOR_BACKBONE, FOR_NETWORK
from specimen_unet.domain.errors import PlanError
from specimen_unet.engine.common_size import learns_small
from specimen_unet.engine.decisions import Decision, by_hand, with_advice
from specimen_unet.engine.haste import is_hurried, no_residual_units, residual_units
from specimen_unet.engine.pretrained import DIMENSIONS, damage, is_installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Fingerprint, Plan
    from specimen_unet.domain.settings import (
        BackboneName,
        NetworkName,
        TrainingSettings,
    )

_SUPERVISED = ("DynUNet", "ResidualDynUNet")
_HALVING = ("AttentionUnet", "FlexibleUNet")
# Those for which there are pretrained weights; by dimensions.
_USUAL_BACKBONE: dict[int, BackboneName] = {2: "EfficientNet-Lite0", 3: "ResNet-18"}
# What backbones learnt from photographs is of blobs and textures, not of thin lines:
# labels are at least so many pixels across.
_WIDE = 8
# Where a light UNet was found to learn more on longer voxels.
_DIMENSIONS_OF_LIGHT = 3
_FOR_PICTURES = (
    "Network FlexibleUNet: of single pictures it learns most, as its backbone has seen "
    "many."
)
_STARTS_FROM = "The backbone starts from what it learnt from"


def decide_architecture(
    settings: TrainingSettings, seen: Fingerprint, dimensions: int, minutes: float
) -> dict[str, Decision[Any]]:
    """Choose the network and what belongs to it.

    Parameters
    ----------
    settings : TrainingSettings
        What a person chose.
    seen : Fingerprint
        Of the cases.
    dimensions : int
        Of the network.
    minutes : float
        To hurry; infinite where there is no need.

    Returns
    -------
    dict of str to Decision
        By field of the plan: network, backbone, pretrained and residual units.

    Raises
    ------
    PlanError
        If something was chosen that the network does not have.
    """
    is_small = learns_small(settings, seen, minutes)
    network = decide_network(settings, minutes, is_small=is_small)
    is_ready = (
        settings.network == "auto" and network.value == "FastUNet" and not is_small
    )
    knows_pictures = is_ready and _suit_pictures(settings, seen, dimensions)
    broken = damage(_USUAL_BACKBONE[dimensions]) if knows_pictures else ""
    if broken:
        # Nobody chose these weights, so that nobody has to mend them to go on.
        knows_pictures = False
        network = Decision(
            "FastUNet", f"Network FastUNet instead of FlexibleUNet: {broken}."
        )
    elif knows_pictures:
        network = Decision("FlexibleUNet", _FOR_PICTURES)
    _check(network.value, settings)
    backbone = _backbone(settings, network.value, dimensions)
    return {
        "network": network,
        "backbone": backbone,
        "pretrained": (
            Decision(True, f"{_STARTS_FROM} photographs (ImageNet).")
            if knows_pictures
            else _pretrained(settings, backbone.value, dimensions)
        ),
        "residual_units": (
            residual_units(settings.residual_units, minutes)
            if network.value == "UNet"
            else Decision(0, "")
        ),
    }


def _suit_pictures(
    settings: TrainingSettings, seen: Fingerprint, dimensions: int
) -> bool:
    """Tell whether to start from what a backbone learnt from photographs.

    Where its weights were installed, cases are single pictures with wide labels, and
    nobody chose anything that it does not have.
    """
    is_free = (
        settings.channels == "auto"
        and settings.residual_units == "auto"
        and not settings.deep_supervision
    )
    are_pictures = dimensions == 2 and all(len(shape) == 2 for shape in seen.shapes)
    are_wide = seen.label_width is not None and seen.label_width >= _WIDE
    return (
        is_free
        and are_pictures
        and are_wide
        and is_installed(_USUAL_BACKBONE[dimensions])
    )


def decide_network(
    settings: TrainingSettings, minutes: float = math.inf, *, is_small: bool = False
) -> Decision[NetworkName]:
    """Choose the architecture; `minutes` are those to hurry, with small pictures."""
    if settings.network != "auto":
        chosen = by_hand(settings.network, f"Network {settings.network}")
        return with_advice(chosen, FOR_NETWORK)
    if settings.quality:
        return by_hand("DynUNet", "Network DynUNet, nnU-Net's: best in the end")
    if is_hurried(minutes) and not is_small:
        return Decision("UNet", "Network UNet: it learns most in a minute or two.")
    return Decision(
        "FastUNet",
        "Network FastUNet: it learns most for the time a step takes.",
    )


def quick_network(plan: Plan) -> dict[str, Decision[Any]]:
    """Choose the network that learns most in few steps on voxels made longer.

    Measured on phantom specimens, in five and in ten minutes (docs/benchmarks.md).

    Parameters
    ----------
    plan : Plan
        With voxels as the cases have them, for which there is no time.

    Returns
    -------
    dict of str to Decision
        By field of the plan; nothing where somebody chose, or in 2D.
    """
    is_free = plan.settings.network == "auto" and plan.network == "FastUNet"
    if not is_free or plan.dimensions != _DIMENSIONS_OF_LIGHT:
        return {}
    return {
        "network": Decision(
            "UNet",
            f"Network UNet: in {plan.minutes:g} min it learns most from voxels that "
            "are longer than in the cases.",
        ),
        "residual_units": no_residual_units(plan.minutes),
    }


def _check(network: NetworkName, settings: TrainingSettings) -> None:
    """Refuse what the network does not have."""
    is_flexible = network == "FlexibleUNet"
    _check_one(
        "Deep supervision was",
        settings.deep_supervision and network not in _SUPERVISED,
        network,
        _SUPERVISED,
    )
    _check_one(
        "A backbone was",
        settings.backbone != "auto" and not is_flexible,
        network,
        ["FlexibleUNet"],
    )
    _check_one(
        "A pretrained backbone was",
        settings.pretrained and not is_flexible,
        network,
        ["FlexibleUNet"],
    )
    _check_one(
        "Residual units were",
        settings.residual_units not in ("auto", 0) and network != "UNet",
        network,
        ["UNet"],
    )
    if network in _HALVING and settings.channels != "auto" and 1 in settings.channels:
        raise PlanError(
            f"A level with 1 channel was chosen, but {network} works with half of them "
            "too: give each level 2 or more."
        )


def _check_one(
    what: str, is_wrong: bool, network: NetworkName, better: Sequence[str]
) -> None:
    """Refuse one choice."""
    if is_wrong:
        raise PlanError(
            f"{what} chosen, but {network} has none: choose {' or '.join(better)}, "
            "or leave it as it is by default."
        )


def _backbone(
    settings: TrainingSettings, network: NetworkName, dimensions: int
) -> Decision[BackboneName | None]:
    """Choose what stands on the way down of a FlexibleUNet."""
    if network != "FlexibleUNet":
        return Decision(None, "")
    if settings.backbone != "auto":
        chosen = by_hand(settings.backbone, f"Backbone {settings.backbone}")
        told = with_advice(chosen, FOR_BACKBONE)
        return Decision(told.value, told.reason)
    name = _USUAL_BACKBONE[dimensions]
    return Decision(name, f"Backbone {name}: {FOR_BACKBONE[name]}")


def _pretrained(
    settings: TrainingSettings, backbone: BackboneName | None, dimensions: int
) -> Decision[bool]:
    """Say what a pretrained backbone brings along."""
    if backbone is None:
        return Decision(False, "")
    if not settings.pretrained:
        return Decision(
            False, "The backbone starts from nothing, as pretrained is not chosen."
        )
    if DIMENSIONS[backbone] != dimensions:
        others = [name for name, d in DIMENSIONS.items() if d == dimensions]
        raise PlanError(
            f"{backbone} was to start pretrained, but there are such weights in "
            f"{DIMENSIONS[backbone]}D only, and the network is {dimensions}D: choose "
            f"{' or '.join(others)}, or a {DIMENSIONS[backbone]}D network, or switch "
            "it off."
        )
    return by_hand(
        True,
        f"{_STARTS_FROM} "
        + ("photographs (ImageNet)" if dimensions == 2 else "23 medical data sets"),
    )
