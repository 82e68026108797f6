"""Whether a model was made for an image, and models for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.domain.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model

# Fields of a plan without which probabilities of two models cannot be averaged.
_MUST_AGREE = {
    "dimensions": "dimensions of the network",
    "image_channels": "channels of the images",
    "label_values": "labels",
    "label_names": "names of the labels",
}


def check_fit(case: Case, plan: Plan, name: str) -> None:
    """Refuse a model that was made for other images.

    Raises
    ------
    ModelFileError
        If it takes volumes, or another number of channels.
    """
    if plan.dimensions > case.grid.dimensions:
        raise ModelFileError(
            f"The model {name} works on volumes (3D), but {case.name} is one 2D image: "
            "choose a volume, or a 2D model."
        )
    if plan.image_channels != case.channels:
        raise ModelFileError(
            f"The model {name} takes images with {_channels(plan.image_channels)}, but "
            f"{case.name} has {case.channels}: choose another model or image."
        )


def check_alike(models: Sequence[Model]) -> None:
    """Refuse models whose probabilities do not mean the same.

    Raises
    ------
    ModelFileError
        If there is none, or naming those that differ, and in what.
    """
    if not models:
        raise ModelFileError("There is no model to segment with: give at least one.")
    first, *others = models
    for other in others:
        differences = [
            f"{words}: {_shown(getattr(first.plan, field))} in {first.name}, "
            f"{_shown(getattr(other.plan, field))} in {other.name}"
            for field, words in _MUST_AGREE.items()
            if getattr(first.plan, field) != getattr(other.plan, field)
        ]
        if differences:
            raise ModelFileError(
                "These models cannot segment together, because they differ in "
                f"{'; '.join(differences)}. Leave one of them out."
            )


def unit_caution(grid: Grid, plan: Plan) -> str:
    """Say what is done with an image whose voxel size means nothing to the model."""
    if grid.unit == "pixel":
        return (
            f"The image does not say how large its voxels are, and the model was "
            f"trained on voxels of {_size(plan.spacing)} {plan.unit}: voxels are taken "
            "as they are. Set scale and units of the layer if they differ."
        )
    return (
        f"The image's voxels are {_size(grid.spacing)} {grid.unit}, but the model was "
        f"trained on images with spacing in {plan.unit}: voxels are taken as they are."
    )


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _size(spacing: Sequence[float]) -> str:
    return " x ".join(f"{step:g}" for step in spacing)
