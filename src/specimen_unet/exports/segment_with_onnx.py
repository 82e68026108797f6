"""Segment an image with model.onnx; needs numpy and onnxruntime alone.

    python segment.py image.npy labels.npy

The image is (channels, *axes), axes and spacing as in model.json; where that has one
channel, it may be (*axes). A 2D model works on the slices of a volume one by one.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[Any]]


def segment(image: Array, folder: Path) -> tuple[Array, Array]:
    """Return labels (*axes) and probabilities (classes, *axes) of an image."""
    model = json.loads((folder / "model.json").read_text("utf-8"))
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=onnxruntime.get_available_providers()
    )
    if len(image) != model["image_channels"] or image.ndim <= len(model["tile"]):
        image = image[np.newaxis]
    image = normalised(image, model["percentiles"])
    if image.ndim - 1 > len(model["tile"]):
        slices = [answered(one, session, model) for one in np.swapaxes(image, 0, 1)]
        probabilities = np.stack(slices, axis=1)
    else:
        probabilities = answered(image, session, model)
    values = np.array([label["value"] for label in model["labels"]])
    labels = values[probabilities.argmax(axis=0)]
    return labels.astype(np.uint8 if values.max() < 256 else np.uint16), probabilities


def normalised(image: Array, percentiles: list[float]) -> Array:
    """Bring every channel to one scale: two percentiles, or mean and deviation."""
    voxels = image.reshape(len(image), -1).astype(np.float64)
    if percentiles:
        offset, top = np.percentile(voxels, percentiles, axis=1)
        width = top - offset
    else:
        offset, width = voxels.mean(axis=1), voxels.std(axis=1)
    width = np.where(width > 0, width, 1)
    per_channel = (-1,) + (1,) * (image.ndim - 1)
    scaled = (image - offset.reshape(per_channel)) / width.reshape(per_channel)
    return np.asarray(scaled, np.float32)


def answered(image: Array, session: Any, model: dict[str, Any]) -> Array:
    """Return probabilities (classes, *axes), computed at the size the model wants."""
    sizes = model["resize_to"] or image.shape[1:]
    brought = resized(image, sizes, antialiased=model["antialiased"])
    return resized(tiled(brought, session, model), image.shape[1:])


def resized(image: Array, sizes: Sequence[int], *, antialiased: bool = False) -> Array:
    """Interpolate linearly to other sizes; outer faces of outer pixels stay."""
    for axis, size in enumerate(sizes, start=1):
        own = image.shape[axis]
        if antialiased and size < own:
            image = averaged(image, axis, size)
        elif own != size:
            at = np.clip((np.arange(size) + 0.5) * own / size - 0.5, 0, own - 1)
            low = np.minimum(at.astype(int), max(own - 2, 0))
            high = np.minimum(low + 1, own - 1)
            share = (at - low).reshape(-1, *[1] * (image.ndim - axis - 1))
            before, after = image.take(low, axis), image.take(high, axis)
            image = np.asarray(before + (after - before) * share, np.float32)
    return image


def averaged(image: Array, axis: int, size: int) -> Array:
    """Make pixels along an axis fewer; weights fall to 0 at the next new pixel."""
    own = image.shape[axis]
    length = own / size
    centres = (np.arange(size) + 0.5) * length
    distances = np.abs(np.arange(own) + 0.5 - centres[:, np.newaxis])
    weights = np.maximum(1 - distances / length, 0)
    weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return np.moveaxis(np.moveaxis(image, axis, -1) @ weights.T, -1, axis)


def tiled(image: Array, session: Any, model: dict[str, Any]) -> Array:
    """Return probabilities (classes, *axes): overlapping tiles, blended."""
    tile, shape = model["tile"], image.shape[1:]
    missing = [max(t - s, 0) for s, t in zip(shape, tile, strict=True)]
    image = np.pad(image, [(0, 0), *((m // 2, m - m // 2) for m in missing)])
    starts = [
        sorted({min(at, size - t) for at in range(0, size, step(t, size, model))})
        for size, t in zip(image.shape[1:], tile, strict=True)
    ]
    weight = importance(tile)
    sums = np.zeros((len(model["labels"]), *image.shape[1:]), np.float32)
    weights = np.zeros(image.shape[1:], np.float32)
    for corner in itertools.product(*starts):
        where = tuple(slice(at, at + t) for at, t in zip(corner, tile, strict=True))
        (answer,) = session.run(None, {"image": image[:, *where][np.newaxis]})
        sums[:, *where] += answer[0] * weight
        weights[where] += weight
    inside = [slice(m // 2, m // 2 + s) for m, s in zip(missing, shape, strict=True)]
    return np.asarray((sums / weights)[:, *inside])


def step(tile: int, size: int, model: dict[str, Any]) -> int:
    """Return how far the next tile lies from a tile."""
    return tile if tile == size else max(1, int(tile * (1 - model["overlap"])))


def importance(tile: list[int]) -> Array:
    """Return the weights of a tile: a Gaussian, sigma an eighth of its size."""
    weight: Array = np.ones((), np.float32)
    for size in tile:
        at = np.arange(size) - (size - 1) / 2
        weight = weight[..., np.newaxis] * np.exp(-(at**2) / (2 * (size / 8) ** 2))
    return np.maximum(weight, 1e-3).astype(np.float32)


if __name__ == "__main__":
    source, target = sys.argv[1:]
    np.save(target, segment(np.load(source), Path(__file__).parent)[0])
