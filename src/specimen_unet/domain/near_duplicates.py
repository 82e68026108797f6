"""Images that show nearly the same: the same frame cropped, scaled or marked anew.

Two looks at every image, both independent of its size and of how bright it is. A
perceptual hash of its coarse pattern rejects what is clearly another picture; but
images of one kind (ultrasound: bright above, dark below) are alike in that. So what
passes is compared in its detail, without the coarse pattern, and must correlate.
Measured by ``python -m benchmarks near_duplicates``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Array, Case

MOST_BITS_APART = 0.25
"""Share of the hash's bits in which near-duplicates differ at most."""

LEAST_CORRELATION = {1: 0.45, 3: 0.65}
"""How far the detail of near-duplicates correlates at least, by the number of views.

Volumes of one organ, cut out alike, correlate up to 0.6 in their means along an axis.
"""

_DETAIL = 64  # pixels along each side of the small picture
_HASHED = 32
_FREQUENCIES = 9
_COARSE = 4.0  # detail is what a blur by so many pixels takes away


@dataclass(frozen=True, slots=True)
class Print:
    """What is compared of an image.

    Attributes
    ----------
    bits : ndarray of bool, shape (V, 80)
        Of each view: the image itself in 2D, its mean along each axis in 3D.
    detail : ndarray of float32, shape (V, 4096)
        Of length 1; zeros where a view shows nothing.
    """

    bits: Array
    detail: Array


def print_of(image: Array) -> Print:
    """Reduce an image to what is compared of it.

    Parameters
    ----------
    image : ndarray or dask.array.Array, shape (C, *spatial)
        Read one slice after the other, so that it may be larger than the memory.
    """
    views = _views(image)
    bits = [_bits(_resampled(view, _HASHED)) for view in views]
    detail = [_detail(_resampled(view, _DETAIL)) for view in views]
    return Print(np.stack(bits), np.stack(detail).astype(np.float32))


def near_duplicates(cases: Sequence[Case]) -> dict[str, str]:
    """Put cases whose images show nearly the same into one group.

    Parameters
    ----------
    cases : sequence of Case
        In 2D or 3D, of any size; names must differ.

    Returns
    -------
    dict
        Name of the case -> group. Cases that had a group in common before still
        have; a case that is like no other keeps its group.
    """
    prints = {case.name: print_of(case.image) for case in cases}
    return joined_groups({case.name: case.group for case in cases}, alike_pairs(prints))


def alike_pairs(prints: Mapping[str, Print]) -> list[tuple[str, str]]:
    """List the pairs of images that are near-duplicates, 2D with 2D, 3D with 3D."""
    pairs: list[tuple[str, str]] = []
    for views in sorted({len(each.bits) for each in prints.values()}):
        names = [name for name, each in prints.items() if len(each.bits) == views]
        is_alike = np.ones((len(names), len(names)), bool)
        for view in range(views):
            bits = np.stack([prints[name].bits[view] for name in names])
            detail = np.stack([prints[name].detail[view] for name in names])
            is_alike &= _bits_apart(bits) <= MOST_BITS_APART
            is_alike &= detail @ detail.T >= LEAST_CORRELATION[views]
        pairs += [(names[a], names[b]) for a, b in np.argwhere(np.triu(is_alike, 1))]
    return pairs


def joined_groups(
    groups: Mapping[str, str], pairs: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Join the groups of cases that belong together.

    Whoever is linked, also over others, is in one group: two frames of a sweep may
    differ, and yet what lies between them would tell one from the other's labels.

    Parameters
    ----------
    groups : mapping of str to str
        Name of every case -> its group so far.
    pairs : sequence of (str, str)
        Names of cases that belong together.

    Returns
    -------
    dict
        Name -> group; joined groups take the name of that which comes first.
    """
    known = list(dict.fromkeys(groups.values()))
    number = {group: index for index, group in enumerate(known)}
    links = np.array(
        [(number[groups[a]], number[groups[b]]) for a, b in pairs], int
    ).reshape(-1, 2)
    graph: Any = csr_array(
        (np.ones(len(links)), (links[:, 0], links[:, 1])), (len(known), len(known))
    )
    _, part_of = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for group, part in zip(known, part_of, strict=True):
        first.setdefault(int(part), group)
    return {name: first[int(part_of[number[group]])] for name, group in groups.items()}


def _views(image: Array) -> list[Array]:
    """Return the picture (Y, X), or the means of a volume along Z, Y and X."""
    if image.ndim == 3:
        return [np.asarray(image, np.float64).mean(0)]
    planes = [np.asarray(image[:, z], np.float64).mean(0) for z in range(len(image[0]))]
    along_z = sum(planes[1:], planes[0]) / len(planes)
    along_y = np.stack([plane.mean(0) for plane in planes])
    along_x = np.stack([plane.mean(1) for plane in planes])
    return [along_z, along_y, along_x]


def _resampled(picture: Array, size: int) -> Array:
    """Bring a picture to `size` times `size` pixels, each the mean of its area."""
    rows, columns = (_shares(length, size) for length in picture.shape)
    small: Array = rows @ np.nan_to_num(picture) @ columns.T
    return small


def _shares(length: int, size: int) -> Array:
    """Return how much of each new pixel every old one covers, (size, length)."""
    edges = np.linspace(0, length, size + 1)
    start, stop = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    old = np.arange(length)
    covered = np.minimum(stop, old + 1) - np.maximum(start, old)
    share: Array = np.clip(covered, 0, None) * size / length
    return share


def _bits(small: Array) -> Array:
    """Tell which of the coarse patterns are above their median (pHash)."""
    found = dctn(small, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]
    bits: Array = found > np.median(found)
    return bits


def _detail(small: Array) -> Array:
    """Take the coarse pattern away; what is left has the length 1, or 0."""
    fine: Array = (small - gaussian_filter(small, _COARSE)).ravel()
    fine = fine - fine.mean()
    length = float(np.linalg.norm(fine))
    # Rounding leaves a little of a picture that is the same everywhere.
    return fine / length if length > 1e-9 * np.abs(small).max(initial=1) else fine * 0


def _bits_apart(bits: Array) -> Array:
    """Return the share of bits in which each pair differs, (N, N)."""
    signs = np.where(bits, 1.0, -1.0)
    apart: Array = (1 - signs @ signs.T / signs.shape[1]) / 2
    return apart
