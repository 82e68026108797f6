"""All resolutions of an OME-Zarr image, opened without loading any of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import AXES, Grid
from specimen_unet.files.ngff import Multiscale, image_words, ome_words
from specimen_unet.files.zarr_store import (
    Blocks,
    is_group,
    open_blocks,
    read_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

# Each block costs dask some work: of more than these, several are read together.
_MOST_BLOCKS = 50_000
# What lies beside the images of a folder of several.
_NO_IMAGES = ("OME", "labels")


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """An image in several resolutions, none of them loaded.

    Attributes
    ----------
    path : Path
        The group of the image.
    levels : tuple of dask.array.Array, shape (*spatial) or (C, *spatial)
        The finest first; spatial is (Y, X) or (Z, Y, X).
    grids : tuple of Grid
        Of each level.
    origins : tuple of tuple of float
        Where the first voxel of each level lies, in the grid's unit.
    channel_names : tuple of str
        As many as there are channels, or none.
    observers : tuple of str
        Names of the labels that lie in the same folder.
    is_labels : bool
        Whether the folder says that it holds labels.
    """

    path: Path
    levels: tuple[Array, ...]
    grids: tuple[Grid, ...]
    origins: tuple[tuple[float, ...], ...]
    channel_names: tuple[str, ...]
    observers: tuple[str, ...]
    is_labels: bool

    @property
    def has_channels(self) -> bool:
        """Whether the arrays have a channel axis in front."""
        return self.levels[0].ndim > self.grids[0].dimensions

    def shape(self, level: int) -> tuple[int, ...]:
        """Return the number of voxels of a level along each spatial axis."""
        return tuple(self.levels[level].shape[-self.grids[level].dimensions :])

    def labels(self, observer: str) -> Pyramid:
        """Open the labels of an observer; CaseReadError if they are damaged."""
        return open_pyramid(self.path / "labels" / observer)


def open_pyramid(path: str | Path) -> Pyramid:
    """Open all levels of an image, or of labels, without loading any.

    Parameters
    ----------
    path : str or Path
        The image's folder. One that holds a single image (as bioformats2raw writes
        them) will do.

    Raises
    ------
    CaseReadError
        If the folder is damaged, or holds no or several images.
    """
    path = _single_image(Path(path))
    attributes = read_attributes(path)
    words = image_words(attributes, str(path))
    multiscale = words.multiscales[0]
    axes = [axis.kind for axis in multiscale.axes]
    parts = [_Part.of(multiscale, n, path) for n in range(len(multiscale.levels))]
    channels = parts[0].channels if "channel" in axes else 0
    names = words.channel_names
    return Pyramid(
        path,
        tuple(part.image for part in parts),
        tuple(part.grid for part in parts),
        tuple(part.origin for part in parts),
        names if len(names) == channels > 1 and all(names) else (),
        _observers(path),
        "image-label" in ome_words(attributes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One level, its axes brought into our order."""

    image: Array
    grid: Grid
    origin: tuple[float, ...]
    channels: int

    @classmethod
    def of(cls, multiscale: Multiscale, level: int, path: Path) -> _Part:
        """Open a level; axes of length 1 beyond Y and X are left out."""
        place = path / multiscale.levels[level].path
        blocks = open_blocks(place)
        order = _order(multiscale, blocks, place)
        kept = sorted(order)
        whole_or_first = (slice(None) if n in kept else 0 for n in range(blocks.ndim))
        image = _lazy(blocks)[tuple(whole_or_first)]
        image = image.transpose([kept.index(axis) for axis in order])
        spatial = [a for a in order if multiscale.axes[a].kind == "space"]
        return cls(
            image,
            _grid(multiscale, level, spatial, place),
            tuple(multiscale.place(level)[1][axis] for axis in spatial),
            image.shape[0] if len(order) > len(spatial) else 1,
        )


def _lazy(blocks: Blocks) -> Any:
    """Wrap an array so that only the blocks are loaded that are looked at."""
    import dask.array

    return dask.array.from_array(  # type: ignore[no-untyped-call]
        blocks,
        chunks=_not_too_many(blocks),
        name=False,
        inline_array=True,
        meta=np.empty((0,) * blocks.ndim, blocks.dtype),
    )


def _not_too_many(blocks: Blocks) -> tuple[int, ...]:
    """Return the array's own blocks, joined along the slices if there are too many."""
    chunks = list(blocks.chunks)
    for axis, length in enumerate(blocks.shape):
        while _count(blocks.shape, chunks) > _MOST_BLOCKS and chunks[axis] < length:
            chunks[axis] *= 2
    return tuple(chunks)


def _count(shape: tuple[int, ...], chunks: Sequence[int]) -> int:
    return math.prod(-(-n // step) for n, step in zip(shape, chunks, strict=True))


def _order(multiscale: Multiscale, blocks: Blocks, place: Path) -> list[int]:
    """Return the axes to keep, in the order (C, Z, Y, X)."""
    axes = multiscale.axes
    if len(axes) != blocks.ndim:
        raise CaseReadError(
            f"{place} is an array of {blocks.ndim} axes {blocks.shape}, but its image "
            f"names {len(axes)}: it is damaged. Copy or export it again."
        )
    long = [n for n, length in enumerate(blocks.shape) if length > 1]
    spatial = _spatial(multiscale, long, place)
    channels = [n for n in long if axes[n].kind == "channel"][:1]
    _check_others(set(long) - {*spatial, *channels}, multiscale, place)
    return [*channels, *spatial]


def _spatial(multiscale: Multiscale, long: list[int], place: Path) -> list[int]:
    """Return the axes of space; of a volume of one slice, those of the slice."""
    spatial = [n for n, axis in enumerate(multiscale.axes) if axis.kind == "space"]
    if len(spatial) not in (2, 3):
        raise CaseReadError(
            f"{place} has {len(spatial)} axes of space, but an image has 2 or 3 "
            "(Y, X or Z, Y, X): export it with one of these."
        )
    spatial = _in_our_order(multiscale, spatial)
    return spatial[1:] if len(spatial) == 3 and spatial[0] not in long else spatial


def _in_our_order(multiscale: Multiscale, spatial: list[int]) -> list[int]:
    """Sort axes that are called Z, Y and X; others stay as they are stored."""
    names = [multiscale.axes[axis].name.upper() for axis in spatial]
    if sorted(names) != sorted(AXES[-len(names) :]):
        return spatial
    return [spatial[names.index(name)] for name in AXES[-len(names) :]]


def _check_others(axes: set[int], multiscale: Multiscale, place: Path) -> None:
    """Refuse movies, and whatever else an image has no axis for."""
    for axis in sorted(axes):
        kind, name = multiscale.axes[axis].kind, multiscale.axes[axis].name
        what = "is a movie" if kind == "time" else f"has an axis {name!r} ({kind})"
        raise CaseReadError(
            f"{place} {what}: one 2D or 3D image was expected. Write each point along "
            f"{name!r} as an image of its own (in napari: right-click the layer > "
            "Split Stack, and save the parts)."
        )


def _grid(multiscale: Multiscale, level: int, spatial: list[int], place: Path) -> Grid:
    steps, _ = multiscale.place(level)
    units = [multiscale.axes[axis].unit or "pixel" for axis in spatial]
    try:
        return Grid.of_axes([_rounded(steps[axis]) for axis in spatial], units)
    except GridMismatchError as error:
        raise CaseReadError(f"{place} has a wrong scale. {error}") from error


def _rounded(step: float) -> float:
    """Undo the noise of a product: 0.30000000000000004 is meant to be 0.3."""
    return float(f"{step:.12g}")


def _single_image(path: Path) -> Path:
    """Return the image's group: this one, or the only one that lies in it."""
    words = ome_words(read_attributes(path))
    if "multiscales" in words:
        return path
    if "plate" in words or "well" in words:
        raise CaseReadError(
            f"{path} is a plate of many images: choose one of them, for example "
            f"{path / 'A' / '1' / '0'}."
        )
    images = [group for group in _groups_in(path) if group.name not in _NO_IMAGES]
    if "bioformats2raw.layout" in words and len(images) == 1:
        return images[0]
    inside = ", ".join(group.name for group in images[:10])
    advice = f"Choose one of those in it: {inside}." if inside else "Export it again."
    raise CaseReadError(
        f"{path} is no OME-Zarr image: its group names no multiscales. {advice}"
    )


def _groups_in(path: Path) -> list[Path]:
    return sorted(group for group in path.iterdir() if is_group(group))


def _observers(path: Path) -> tuple[str, ...]:
    """List the labels that lie beside an image, as their group names them."""
    labels = path / "labels"
    if not is_group(labels):
        return ()
    named = ome_words(read_attributes(labels)).get("labels", [])
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise CaseReadError(
            f"{labels} does not list its labels by name: it is damaged. Copy or export "
            "it again."
        )
    return tuple(named)
