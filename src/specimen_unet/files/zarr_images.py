"""OME-Zarr images (0.4 and 0.5), read lazily: only what is looked at is loaded.

The arrays that come back are dask arrays. They behave as numpy arrays do where this
package slices them block by block, and are loaded by ``numpy.asarray``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.ngff import image_words
from specimen_unet.files.zarr_pyramid import Pyramid, open_pyramid
from specimen_unet.files.zarr_store import is_group, read_attributes

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid

__all__ = [
    "level_path",
    "read_drawn",
    "read_zarr",
    "read_zarr_labels",
    "zarr_stem",
]

_SUFFIXES = (".ome.zarr", ".zarr")
# How deep below its image's group the array of a level may lie ("scale0/image").
_DEEPEST = 3


def read_zarr(path: str | Path, *, level: int = 0) -> tuple[Array, Grid]:
    """Read one level of an OME-Zarr image, lazily.

    Parameters
    ----------
    path : str or Path
        ``x.ome.zarr``, one of its levels (``x.ome.zarr/1``), or one of its labels
        (``x.ome.zarr/labels/EA``).
    level : int
        0 is the full resolution. Not heeded where `path` names a level.

    Returns
    -------
    image : dask.array.Array, shape (*spatial) or (C, *spatial)
        Spatial is (Y, X) or (Z, Y, X); axes of length 1 beyond Y and X are left out.
        Blocks that have no file hold the fill value, as zarr defines.
    grid : Grid
        Of that level; in pixels when the axes have no unit.

    Raises
    ------
    CaseReadError
        If it is damaged, has no such level, or is a movie. A damaged block is told
        when it is loaded.
    """
    group, named = _image_and_level(Path(path))
    pyramid = open_pyramid(group)
    level = _level_named(group, named) if named else _checked(level, pyramid)
    return pyramid.levels[level], pyramid.grids[level]


def read_zarr_labels(path: str | Path, *, level: int = 0) -> tuple[Array, Grid]:
    """Read labels that are stored as OME-Zarr, lazily.

    Parameters
    ----------
    path : str or Path
        ``x.ome.zarr/labels/EA``, or a folder of its own that holds labels.
    level : int
        As in `read_zarr`.

    Returns
    -------
    labels : dask.array.Array of int, shape (*spatial)
    grid : Grid

    Raises
    ------
    CaseReadError
        As `read_zarr` does, and if the values are not whole numbers.
    """
    labels, grid = read_zarr(path, level=level)
    if labels.ndim > grid.dimensions or labels.dtype.kind not in "bui":
        channels = (
            f"{len(labels)} channels of " if labels.ndim > grid.dimensions else ""
        )
        raise CaseReadError(
            f"{path} holds {channels}{labels.dtype} values, but labels are whole "
            "numbers without channels: choose a folder of labels."
        )
    return labels, grid


def read_drawn(path: str | Path, *, level: int = 0) -> dict[str, Array]:
    """Open what observers drew on an image, lazily.

    Parameters
    ----------
    path : str or Path
        ``x.ome.zarr``.
    level : int
        Of the image; labels are read at the level that has its shape.

    Returns
    -------
    dict of str to dask.array.Array of int, shape (*spatial)
        By observer.

    Raises
    ------
    CaseReadError
        As `read_zarr` does, or if labels have no level of the image's shape.
    """
    pyramid = open_pyramid(path)
    level = _checked(level, pyramid)
    return {
        observer: _labels_of_shape(pyramid, observer, level)
        for observer in pyramid.observers
    }


def level_path(path: Path, level: int) -> Path:
    """Return where a level of an image lies; where `path` names a level, that one.

    Raises
    ------
    CaseReadError
        If it is damaged, or has no such level.
    """
    group, named = _image_and_level(path)
    if named:
        return named
    pyramid = open_pyramid(group)
    words = image_words(read_attributes(pyramid.path), str(pyramid.path))
    return pyramid.path / words.multiscales[0].levels[_checked(level, pyramid)].path


def zarr_stem(name: str) -> str:
    """Return the name of a zarr folder without its suffix."""
    known = (suffix for suffix in _SUFFIXES if name.lower().endswith(suffix))
    return name[: len(name) - len(next(known, ""))]


def _image_and_level(path: Path) -> tuple[Path, Path | None]:
    """Tell x.ome.zarr/1 from x.ome.zarr: the image's group, and the level if named."""
    if not path.exists():
        raise CaseReadError(
            f"There is nothing at {path}: choose a folder NAME.ome.zarr, or one of "
            "its levels."
        )
    if is_group(path):
        return path, None
    groups = [parent for parent in list(path.parents)[:_DEEPEST] if is_group(parent)]
    if not groups:
        raise CaseReadError(
            f"{path} is no OME-Zarr image: there is no group with multiscales in or "
            "around it. Write it as OME-Zarr, with its axes and scale."
        )
    return groups[0], path


def _level_named(group: Path, array: Path) -> int:
    """Return the number of the level whose array this is."""
    levels = image_words(read_attributes(group), str(group)).multiscales[0].levels
    names = [level.path for level in levels]
    name = array.relative_to(group).as_posix()
    if name not in names:
        raise CaseReadError(
            f"{group} has no level {name!r}: choose one of {', '.join(names)}."
        )
    return names.index(name)


def _checked(level: int, pyramid: Pyramid) -> int:
    if not 0 <= level < len(pyramid.levels):
        raise CaseReadError(
            f"{pyramid.path} has the levels 0 to {len(pyramid.levels) - 1}, but "
            f"{level} was asked for: choose one of these."
        )
    return level


def _labels_of_shape(pyramid: Pyramid, observer: str, level: int) -> Array:
    """Open an observer's labels at the level that has the image's shape."""
    drawn = pyramid.labels(observer)
    shapes = [drawn.shape(n) for n in range(len(drawn.levels))]
    wanted = pyramid.shape(level)
    if wanted not in shapes:
        raise CaseReadError(
            f"The labels {drawn.path} are {shapes[0]} voxels, but the image is "
            f"{wanted} at level {level}: choose the level that was drawn on."
        )
    return read_zarr_labels(drawn.path, level=shapes.index(wanted))[0]
