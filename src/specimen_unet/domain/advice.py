"""When to choose which network, backbone and loss: a line each.

The form, the terminal and the plan show these lines; they are written nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.settings import BackboneName, LossName, NetworkName

FOR_NETWORK: dict[NetworkName, str] = {
    "FastUNet": "learns most in the time there is.",
    "UNet": "MONAI's, good with a minute or two.",
    "BasicUNet": "more work at full resolution, for fine structures.",
    "AttentionUnet": "for one small structure among others that look like it.",
    "SegResNet": "residual blocks, steady with one patch a step, given an hour.",
    "DynUNet": "as in nnU-Net, for long trainings on a GPU.",
    "ResidualDynUNet": "nnU-Net's with residual blocks, for the longest ones on a GPU.",
    "FlexibleUNet": "a ready-made backbone, for few cases with pretrained weights.",
}
FOR_BACKBONE: dict[BackboneName, str] = {
    "ResNet-18": "the quickest in 3D.",
    "ResNet-34": "deeper, for many cases.",
    "ResNet-50": "the deepest and slowest, for a GPU.",
    "EfficientNet-b0": "the fewest weights, for 2D.",
    "EfficientNet-Lite0": "simpler and quicker, for 2D and few images.",
}
FOR_LOSS: dict[LossName, str] = {
    "Dice": "only overlap counts.",
    "Dice + cross-entropy": "steady for small and large structures.",
    "Dice + focal": "for very small structures.",
    "Tversky": "when too little is found: what is missed costs more than what is too "
    "much.",
    "Focal Tversky": "as Tversky, for small structures that are still found badly.",
    "Generalised Dice + boundary": "when labels differ much in size and outlines "
    "matter.",
}


def as_list(advice: Mapping[Any, str]) -> str:
    """Write advice as people read it, a line a choice."""
    return "\n".join(f"{name}: {line}" for name, line in advice.items())
