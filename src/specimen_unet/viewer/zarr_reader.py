"""napari opens OME-Zarr folders lazily, with their spacing, channels and labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.files.zarr_format import ask_unit, is_zarr
from specimen_unet.files.zarr_images import read_zarr, zarr_stem
from specimen_unet.files.zarr_pyramid import open_pyramid
from specimen_unet.files.zarr_store import is_group
from specimen_unet.viewer.layer_checks import frame_of_grid
from specimen_unet.viewer.open_questions import asked_of_layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.files.zarr_pyramid import Pyramid

    LayerData = tuple[Any, dict[str, Any], str]

# Labels up to this size are loaded, so that they can be painted on.
_PAINTABLE_BYTES = 2**28


def get_zarr_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Offer to read a folder; napari asks this for every folder NAME.zarr it opens.

    Parameters
    ----------
    path : str or list of str
        What a person opened.

    Returns
    -------
    callable or None
        `read_zarr_layers`, or None when another reader should be asked.
    """
    if not isinstance(path, str) or not Path(path).is_dir() or not is_zarr(path):
        return None
    return read_zarr_layers


def read_zarr_layers(path: str) -> list[LayerData]:
    """Read an OME-Zarr folder into layers of all its levels, which load lazily.

    Each channel becomes an image layer, each observer's labels a labels layer. Labels
    of up to 256 MB are loaded at full resolution, since nobody can paint on lazy ones.

    Parameters
    ----------
    path : str
        ``x.ome.zarr``, one of its levels (which is opened alone), or of its labels.

    Returns
    -------
    list of (data, attributes, kind of layer)
        As napari takes them.

    Raises
    ------
    CaseReadError
        If it is damaged, or a movie; napari shows the message.
    """
    place = Path(path)
    if not is_group(place):
        return _level_layers(place)
    opened = open_pyramid(place)
    if opened.is_labels:
        return [_labels_layer(opened, place.name)]
    layers = _image_layers(opened, zarr_stem(place.name))
    return [
        *layers,
        *(_labels_layer(opened.labels(name), name) for name in opened.observers),
    ]


def _level_layers(path: Path) -> list[LayerData]:
    image, grid = read_zarr(path)
    frame = frame_of_grid(grid)
    if image.ndim == grid.dimensions:
        return [(image, {"name": path.name, **frame}, "image")]
    return [
        (
            channel,
            {"name": f"{path.name} [{n}]", "blending": "additive", **frame},
            "image",
        )
        for n, channel in enumerate(image)
    ]


def _image_layers(opened: Pyramid, name: str) -> list[LayerData]:
    if not opened.has_channels:
        return [(_shown(opened.levels), {"name": name, **_frame(opened)}, "image")]
    names = opened.channel_names or [f"[{n}]" for n in range(len(opened.levels[0]))]
    return [
        (
            _shown(tuple(level[number] for level in opened.levels)),
            {"name": f"{name} {title}", "blending": "additive", **_frame(opened)},
            "image",
        )
        for number, title in enumerate(names)
    ]


def _labels_layer(opened: Pyramid, name: str) -> LayerData:
    labels = opened.levels[0]
    size = labels.size * labels.dtype.itemsize
    data = np.asarray(labels) if size <= _PAINTABLE_BYTES else _shown(opened.levels)
    return data, {"name": name, **_frame(opened)}, "labels"


def _shown(levels: tuple[Array, ...]) -> Array | list[Array]:
    """Give napari a list where there are several levels to choose from."""
    return levels[0] if len(levels) == 1 else list(levels)


def _frame(opened: Pyramid) -> dict[str, Any]:
    return {
        **frame_of_grid(opened.grids[0]),
        "translate": opened.origins[0],
        **asked_of_layer(opened.path, ask_unit(opened.path, opened.grids[0]), {}),
    }
