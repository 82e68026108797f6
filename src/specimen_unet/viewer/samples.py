"""What File > Open Sample opens: phantoms with the outlines of two observers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specimen_unet.domain.phantoms import breast_ultrasound_phantom, specimen_phantom

if TYPE_CHECKING:
    from napari.types import FullLayerData

    from specimen_unet.domain.case import Case

# Okabe and Ito's orange and sky blue, which colour-blind people can tell apart.
COLOURS = {"EA": "#E69F00", "MG": "#56B4E9"}


def sample_specimen() -> list[FullLayerData]:
    """Open an ex-vivo ultrasound specimen (3D) with the outlines of two observers.

    Returns
    -------
    list of layer data tuples
        One image layer (Z, Y, X) and a labels layer an observer, all in mm.
    """
    return _layers_of(specimen_phantom(seed=1))


def sample_other_specimen() -> list[FullLayerData]:
    """Open another specimen, to segment with what was learnt from the first one.

    Returns
    -------
    list of layer data tuples
        As `sample_specimen`.
    """
    return _layers_of(specimen_phantom(seed=11))


def sample_four_specimens() -> list[FullLayerData]:
    """Open four ex-vivo specimens, to learn from; only the first one is shown.

    Returns
    -------
    list of layer data tuples
        As `sample_specimen`, four times.
    """
    return [
        layer
        for seed in (1, 2, 3, 4)
        for layer in _layers_of(specimen_phantom(seed), visible=seed == 1)
    ]


def sample_breast_ultrasound() -> list[FullLayerData]:
    """Open a stack of breast ultrasound images with the outlines of two observers.

    Returns
    -------
    list of layer data tuples
        One image layer (images, Y, X) and a labels layer an observer, all in mm.
    """
    # Its slices are images of their own, which the docks then call so.
    return _layers_of(breast_ultrasound_phantom(seed=1), axes=("image", "y", "x"))


def _layers_of(
    case: Case, *, visible: bool = True, axes: tuple[str, ...] = ()
) -> list[FullLayerData]:
    """Turn a case into layers; the labels bear the image's name before their own."""
    frame: dict[str, Any] = {
        "scale": case.grid.spacing,
        "units": (case.grid.unit,) * case.grid.dimensions,
        "axis_labels": axes or tuple(axis.lower() for axis in case.grid.axes),
        "visible": visible,
    }
    image = {"name": case.name, **frame}
    labels = [
        (drawn, {"name": f"{case.name} {observer}", **_look(observer), **frame})
        for observer, drawn in case.labels.items()
    ]
    return [
        (case.image[0], image, "image"),
        *((drawn, options, "labels") for drawn, options in labels),
    ]


def _look(observer: str) -> dict[str, Any]:
    """Return how an observer's labels are drawn; any other label painted is gray."""
    colours = {0: "transparent", 1: COLOURS[observer], None: "gray"}
    return {"colormap": colours, "opacity": 0.5}
