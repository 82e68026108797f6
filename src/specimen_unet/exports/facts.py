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
        "network": f"{plan.dimensions}D {plan.network}",
        "axes": list(axes_of(card)),
        "spacing": list(plan.spacing),
        "unit": plan.unit,
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


def write_facts(path: Path, card: ModelCard) -> None:
    """Write `model_facts` as JSON."""
    path.write_text(json.dumps(model_facts(card), indent=2) + "\n", "utf-8")


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


def spacing_text(card: ModelCard) -> str:
    """Write the spacing the network works at: "2 x 0.5 x 0.5 mm"."""
    return f"{by(card.plan.spacing)} {card.plan.unit}"


def by(numbers: tuple[float, ...]) -> str:
    """Write numbers of axes: "8 x 32 x 32"."""
    return " x ".join(f"{number:g}" for number in numbers)


def normalisation_text(card: ModelCard) -> str:
    """Say how gray values are brought to one scale."""
    return _NORMALISATIONS[card.plan.normalisation]
