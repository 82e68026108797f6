"""Which layers this package made, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import napari.layers

Kind = Literal[
    "segmentation",
    "probability",
    "errors",
    "preview",
    "margins",
    "disagreement",
    "consensus",
    "to draw on",
]
_KEY = "specimen-unet"


def mark_layer(layer: napari.layers.Layer, kind: Kind, **details: str) -> None:
    """Write into a layer's metadata what it is.

    Parameters
    ----------
    layer : napari.layers.Layer
        A layer that this package made.
    kind : str
        What it shows: one of `Kind`.
    **details : str
        Whatever else should be known of it (model, image, ...).
    """
    layer.metadata[_KEY] = {"kind": kind, **details}


def image_of_segmentation(layer: Any) -> str | None:
    """Return the name that the image had which was segmented; None if not known."""
    mark: dict[str, str] = getattr(layer, "metadata", {}).get(_KEY, {})
    return mark.get("image")


def model_of_segmentation(layer: Any) -> str | None:
    """Return the file of the model that segmented; None if not known."""
    mark: dict[str, str] = getattr(layer, "metadata", {}).get(_KEY, {})
    return mark.get("model")


def kind_of_layer(layer: Any) -> Kind | None:
    """Return what a layer of this package shows; None for anybody else's.

    A layer to draw on is somebody's as long as there is a label in it: strokes are
    undone, and scripts draw without them, so that only its voxels can tell.
    """
    mark: dict[str, Kind] = getattr(layer, "metadata", {}).get(_KEY, {})
    kind = mark.get("kind")
    return None if kind == "to draw on" and np.any(layer.data) else kind
