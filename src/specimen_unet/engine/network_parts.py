"""What all networks have in common: how they activate and normalise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

# Not PReLU, MONAI's default: its backward pass is 10-19 % of a whole step.
ACTIVATION = ("leakyrelu", {"negative_slope": 0.01, "inplace": True})
NORM = ("instance", {"affine": True})
SAME: dict[str, Any] = {"act": ACTIVATION, "norm": NORM}

_MOST_GROUPS = 8


def group_norm(channels: int) -> tuple[str, dict[str, Any]]:
    """Name the normalisation over groups of channels, at most 8 groups."""
    return "group", {"num_groups": math.gcd(_MOST_GROUPS, channels)}


def replace_parts(
    network: nn.Module, kind: type[nn.Module], make: Callable[[Any], nn.Module]
) -> None:
    """Put another part in the place of every part of a kind."""
    for name, part in network.named_children():
        if isinstance(part, kind):
            setattr(network, name, make(part))
        else:
            replace_parts(part, kind, make)


def replace_batch_norm(network: nn.Module, make: Callable[[int], nn.Module]) -> None:
    """Normalise by something else: batches of one or two have no statistics."""
    replace_parts(network, _BatchNorm, lambda part: make(part.num_features))
