"""Which layers this package made, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

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


def mark_until_painted(layer: napari.layers.Labels) -> None:
    """Mark an empty layer as nobody's labels, until somebody paints on it."""
    mark_layer(layer, "to draw on")

    def forget(event: Any) -> None:
        layer.metadata.pop(_KEY, None)

    layer.events.paint.connect(forget)


def image_of_segmentation(layer: Any) -> str | None:
    """Return the name that the image had which was segmented; None if not known."""
    mark: dict[str, str] = getattr(layer, "metadata", {}).get(_KEY, {})
    return mark.get("image")


def model_of_segmentation(layer: Any) -> str | None:
    """Return the file of the model that segmented; None if not known."""
    mark: dict[str, str] = getattr(layer, "metadata", {}).get(_KEY, {})
    return mark.get("model")


def kind_of_layer(layer: Any) -> Kind | None:
    """Return what a layer of this package shows; None for anybody else's."""
    mark: dict[str, Kind] = getattr(layer, "metadata", {}).get(_KEY, {})
    return mark.get("kind")
