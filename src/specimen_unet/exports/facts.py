"""What other tools must know of a model: as numbers and words in model.json.

Nothing that names a specimen: a model file lists its training cases, an export, which
is made to be handed on, does not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from specimen_unet import __version__
from specimen_unet.engine.intensity import PERCENTILES

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.settings import Normalisation

OVERLAP = 0.25
"""Share by which neighbouring tiles overlap."""

RANGES: dict[Normalisation, tuple[float, float]] = {
    "percentile": PERCENTILES,
    "range": (0, 100),
}
"""Percentiles that become 0 and 1, where it is not mean and standard deviation."""

_NORMALISATIONS: dict[Normalisation, str] = {
    "z-score": "its mean becomes 0 and its standard deviation 1",
    "percentile": "its percentiles {} and {} become 0 and 1".format(*PERCENTILES),
    "range": "its least and its greatest value become 0 and 1",
}


def model_facts(card: ModelCard) -> dict[str, Any]:
    """Return what is needed to use the network, as JSON can hold it."""
    plan = card.plan
    return {
        "name": card.name,
        "date": card.date,
        "made_by": f"specimen-unet {__version__}",
        "network": network_text(card),
        "axes": list(axes_of(card)),
        "spacing": list(plan.spacing),
        "unit": plan.unit,
        "resize_to": None if plan.resize_to is None else list(plan.resize_to),
        "antialiased": plan.antialiased,
        "image_channels": plan.image_channels,
        "tile": list(plan.patch),
        "overlap": OVERLAP,
        "normalisation": plan.normalisation,
        "percentiles": list(RANGES.get(plan.normalisation, ())),
        "labels": [
            {"value": value, "name": name, "colour": card.label_colours.get(value)}
            for value, name in zip(plan.label_values, plan.label_names, strict=True)
        ],
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write what JSON can hold, for people to read too."""
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def network_text(card: ModelCard) -> str:
    """Name the network: "3D UNet", "2D FlexibleUNet (ResNet-18)"."""
    plan = card.plan
    backbone = f" ({plan.backbone})" if plan.backbone else ""
    return f"{plan.dimensions}D {plan.network}{backbone}"


def found_text(card: ModelCard) -> str:
    """Name what the model finds: "tumour, duct"."""
    return ", ".join(card.plan.label_names[1:])


def axes_of(card: ModelCard) -> tuple[str, ...]:
    """Return the names of the network's axes; a 2D network has (Y, X)."""
    return card.axes[-card.plan.dimensions :]


def works_on_slices(card: ModelCard) -> bool:
    """Whether it is a 2D model of volumes, used slice by slice."""
    shapes = card.plan.fingerprint.shapes
    return any(len(shape) > card.plan.dimensions for shape in shapes)


def has_lengths(card: ModelCard) -> bool:
    """Whether the spacing the model works at is one in space."""
    return card.plan.unit != "pixel"


def grid_text(card: ModelCard) -> str:
    """Say what images are brought to: a spacing, or one number of pixels."""
    plan = card.plan
    if plan.resize_to is not None:
        return f"{by(plan.resize_to)} pixels, whatever their size"
    return f"a spacing of {by(plan.spacing)} {plan.unit}"


def interpolation_text(card: ModelCard) -> str:
    """Say how images are brought to it."""
    if card.plan.antialiased:
        return "linear interpolation, averaging where voxels become fewer (antialiased)"
    return "linear interpolation"


def by(numbers: tuple[float, ...]) -> str:
    """Write numbers of axes: "8 x 32 x 32"."""
    return " x ".join(f"{number:g}" for number in numbers)


def normalisation_text(card: ModelCard) -> str:
    """Say how gray values are brought to one scale."""
    return _NORMALISATIONS[card.plan.normalisation]
