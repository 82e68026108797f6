"""Images and labels written as OME-Zarr 0.4: in blocks, in several resolutions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import LENGTHS
from specimen_unet.files.ngff import ome_words
from specimen_unet.files.replacing import replaced_folder
from specimen_unet.files.zarr_store import is_group, read_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

_VERSION = "0.4"
# A plane of a level may be so large; coarser levels are made until it is not.
_LARGE = 1024
_BLOCK = (64, 256, 256)
# The names that OME-Zarr wants for units.
_LONG_NAMES = {
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "inch": "inch",
}


def write_zarr_labels(
    path: str | Path,
    labels: Array,
    grid: Grid,
    *,
    colours: Mapping[int, str] | None = None,
) -> None:
    """Write labels as OME-Zarr, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``out.ome.zarr``, or ``x.ome.zarr/labels/NAME`` to put them beside the image
        they belong to. Earlier labels of that name are replaced, an image never is.
    labels : array of int, shape (*spatial)
        Whole numbers from 0 up; dask arrays and memory maps are copied block by block.
    grid : Grid
        Spacing and unit.
    colours : mapping of int to str, optional
        ``#rrggbb`` of each label.

    Raises
    ------
    CaseReadError
        If an image or another folder is at `path`, or the labels are not whole
        numbers.
    """
    path = Path(path)
    if labels.dtype.kind not in "bui":
        raise CaseReadError(
            f"{path} was to hold labels, but these are {labels.dtype} values: labels "
            "are whole numbers."
        )
    if labels.dtype.kind == "b":
        labels = labels.astype(np.uint8)
    _check_free(path, is_labels=True)
    told: dict[str, Any] = {"version": _VERSION}
    if colours:
        told["colors"] = [
            {"label-value": value, "rgba": [*bytes.fromhex(colour[1:]), 255]}
            for value, colour in colours.items()
        ]
    image = _image_of(path)
    if image is not None:
        told["source"] = {"image": "../../"}
    with replaced_folder(path) as folder:
        _write(folder, labels, grid, {"image-label": told}, path.name)
    if image is not None:
        _list_labels(image / "labels", path.name)


def write_zarr(
    path: str | Path, image: Array, grid: Grid, *, channel_names: Sequence[str] = ()
) -> None:
    """Write an image as OME-Zarr, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``out.ome.zarr``.
    image : array, shape (*spatial) or (C, *spatial)
        Dask arrays and memory maps are copied block by block.
    grid : Grid
        Spacing and unit.
    channel_names : sequence of str
        As many as there are channels, or none.

    Raises
    ------
    CaseReadError
        If there is already something at `path`.
    """
    path = Path(path)
    _check_free(path, is_labels=False)
    told: dict[str, Any] = {}
    if channel_names:
        told["omero"] = {"channels": [_channel(name) for name in channel_names]}
    with replaced_folder(path) as folder:
        _write(folder, image, grid, told, path.name)


def _channel(name: str) -> dict[str, Any]:
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    return {"label": name, "color": "FFFFFF", "active": True, "window": window}


def _write(
    folder: Path, array: Array, grid: Grid, told: dict[str, Any], name: str
) -> None:
    """Fill a new folder with the levels of an image and what is told of them."""
    leading = array.ndim - grid.dimensions
    datasets = []
    for number, factor in enumerate(_factors(array.shape)):
        step = (1,) * (array.ndim - 2) + (factor, factor)
        _write_level(folder / str(number), array, step, leading)
        spacing = np.array(grid.spacing) * step[leading:]
        scale = {"type": "scale", "scale": [1.0] * leading + spacing.tolist()}
        datasets.append({"path": str(number), "coordinateTransformations": [scale]})
    axes = [{"name": "c", "type": "channel"}] * leading
    axes += [_axis(axis.lower(), grid.unit) for axis in grid.axes]
    multiscale: Any = {
        "version": _VERSION,
        "name": name,
        "axes": axes,
        "datasets": datasets,
    }
    group = zarr.open_group(str(folder), mode="a", zarr_format=2)
    group.attrs.update({"multiscales": [multiscale], **told})


def _axis(name: str, unit: str) -> dict[str, str]:
    known = {"unit": _LONG_NAMES[unit]} if unit in LENGTHS else {}
    return {"name": name, "type": "space", **known}


def _factors(shape: tuple[int, ...]) -> list[int]:
    """Return by how much each level is coarser than the first, along Y and X."""
    factors = [1]
    while max(shape[-2:]) > _LARGE * factors[-1]:
        factors.append(factors[-1] * 2)
    return factors


def _write_level(
    place: Path, array: Array, step: tuple[int, ...], leading: int
) -> None:
    """Write every so many-th voxel: labels cannot be averaged."""
    level = array[tuple(slice(None, None, n) for n in step)]
    block = (1,) * leading + _BLOCK[leading + 3 - array.ndim :]
    block = tuple(min(n, length) for n, length in zip(block, level.shape, strict=True))
    stored = zarr.create_array(
        str(place),
        shape=level.shape,
        chunks=block,
        dtype=level.dtype.newbyteorder("<"),
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    for start in range(0, level.shape[0], block[0]):
        part = slice(start, start + block[0])
        stored[part] = np.asarray(level[part])


def _check_free(path: Path, *, is_labels: bool) -> None:
    """Refuse to replace what is not labels."""
    if not path.exists():
        return
    words = ome_words(read_attributes(path)) if is_group(path) else {}
    if not (is_labels and "image-label" in words):
        raise CaseReadError(
            f"There is already something at {path}, and it is not replaced: choose "
            "another name."
        )


def _image_of(path: Path) -> Path | None:
    """Return the image in whose folder labels are to be put, if any."""
    image = path.parent.parent
    return image if path.parent.name == "labels" and is_group(image) else None


def _list_labels(labels: Path, name: str) -> None:
    """Add a name to the list of an image's labels."""
    group = zarr.open_group(str(labels), mode="a", zarr_format=2)
    named: Any = group.attrs.asdict().get("labels", [])
    if name not in named:
        group.attrs["labels"] = [*named, name]
