"""Whether a model can segment an image layer, told before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import ImageError, ModelFileError
from specimen_unet.domain.grid import Grid
from specimen_unet.viewer.channels import channels_in, check_channels
from specimen_unet.viewer.layer_checks import grid_of_layer

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.plan import Plan

# Voxels this many times larger or smaller than in training deserve a word.
_FAR = 3.0


def check_model_fits(card: ModelCard, *layers: Any) -> list[str]:
    """Check that a model was made for images like these layers.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    *layers : napari.layers.Image or alike, or None
        What is to be segmented: a layer a channel, or three of them.

    Returns
    -------
    list of str
        What is odd, though it does not keep the model from working.

    Raises
    ------
    ImageError
        If there is no image, or not one that can be segmented.
    GridMismatchError
        If the scale of a layer makes no grid, or the channels do not lie together.
    ModelFileError
        If the model was made for other images.
    """
    _check_number(card.plan.image_channels, layers)
    check_channels(layers)
    grid, plan = grid_of_layer(layers[0]), card.plan
    if plan.dimensions > grid.dimensions:
        raise ModelFileError(
            f"This model works on volumes (3D), but {layers[0].name!r} is one 2D "
            "image: choose a volume, or a 2D model."
        )
    return _spacing_remarks(grid, plan)


def _check_number(channels: int, layers: tuple[Any, ...]) -> None:
    """Check that there is a layer, or a colour of one, for every channel of a model."""
    if not layers or layers[0] is None:
        raise ImageError("There is no image yet: open one (File ▸ Open).")
    chosen = [layer for layer in layers if layer is not None]
    found = len(channels_in(chosen))
    wanted = f"This model takes images of {channels} channel{'s'[: channels > 1]}, but "
    if found > channels:
        raise ModelFileError(
            f"{wanted}{chosen[0].name!r} is in colours, which are {found}: right-click "
            "it > Split RGB, and choose one of them, or choose another model."
        )
    if found < channels:
        raise ModelFileError(
            f"{wanted}{found} {'is' if found == 1 else 'are'} chosen: open the others "
            "as layers of the same shape and scale, or choose another model."
        )


def _spacing_remarks(grid: Grid, plan: Plan) -> list[str]:
    """Say where voxels are unlike those the model was trained on."""
    if plan.resize_to is not None:
        return []
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
