"""Whether a model can segment an image layer, told before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import ImageError, ModelFileError
from specimen_unet.domain.grid import Grid
from specimen_unet.viewer.layer_checks import check_image_layer, grid_of_layer

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.plan import Plan

# Voxels this many times larger or smaller than in training deserve a word.
_FAR = 3.0


def check_model_fits(card: ModelCard, layer: Any) -> list[str]:
    """Check that a model was made for images like this layer.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    layer : napari.layers.Image or alike, or None
        What is to be segmented.

    Returns
    -------
    list of str
        What is odd, though it does not keep the model from working.

    Raises
    ------
    ImageError
        If there is no image, or not one that can be segmented.
    GridMismatchError
        If the scale of the layer makes no grid.
    ModelFileError
        If the model was made for other images.
    """
    if layer is None:
        raise ImageError("There is no image yet: open one (File ▸ Open).")
    check_image_layer(layer)
    grid, plan = grid_of_layer(layer), card.plan
    if plan.dimensions > grid.dimensions:
        raise ModelFileError(
            f"This model works on volumes (3D), but {layer.name!r} is one 2D image: "
            "choose a volume, or a 2D model."
        )
    if plan.image_channels != 1:
        raise ModelFileError(
            f"This model takes images of {plan.image_channels} channels, but a layer "
            "holds one: choose another model, or use it from a script."
        )
    return _spacing_remarks(grid, plan)


def _spacing_remarks(grid: Grid, plan: Plan) -> list[str]:
    """Say where voxels are unlike those the model was trained on."""
    trained = Grid(plan.spacing, plan.unit)
    voxels = f"voxels of {_told(trained)}"
    if not grid.can_be_in(plan.unit):
        if grid.unit == "pixel":
            return [
                f"The image does not say how large its voxels are; the model was "
                f"trained on {voxels}. They are taken as they are: set the scale of "
                "the layer if they differ."
            ]
        return [
            f"The image has voxels of {_told(grid)}, but the images the model was "
            "trained on did not say how large theirs were. They are taken as they are."
        ]
    steps = grid.in_unit(plan.unit).spacing[-plan.dimensions :]
    ratios = [a / b for a, b in zip(steps, plan.spacing, strict=True)]
    if all(1 / _FAR <= ratio <= _FAR for ratio in ratios):
        return []
    return [
        f"The image has voxels of {_told(grid)}, but the model was trained on "
        f"{voxels}: expect less of it, or check the scale of the layer."
    ]


def _told(grid: Grid) -> str:
    steps = " × ".join(f"{step:.3g}" for step in grid.spacing)
    return f"{steps} {grid.unit.replace('um', 'µm')}"
