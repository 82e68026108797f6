"""Run a network over a whole image, tile by tile.

Memory: with K classes, K float32 values for every voxel of the image at the network's
spacing (on the device where there is room, in main memory otherwise), and K more at
the image's own spacing where that differs. 512 x 512 x 512 voxels and 2 classes take
1 GiB each.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from specimen_unet.domain.errors import SegmentationStopped
from specimen_unet.domain.events import TileDone
from specimen_unet.domain.settings import SegmentationSettings
from specimen_unet.engine.devices import autocast, free_memory, memory_errors
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.engine.resampling import resample, resampled_shape, spacing_for
from specimen_unet.engine.tiling import Blend, cut_tile, pad_tile, tile_image

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.tiling import Slices, Tiling

DEFAULTS = SegmentationSettings()

# Sums may take this share of a GPU's free memory; the network needs the rest.
_SHARE_FOR_SUMS = 0.3
_ADVICE = (
    "Segment on the CPU (Device: cpu), or train with a smaller patch or batch: tiles "
    "are as large as the patch."
)


def predict(  # noqa: PLR0913 (what is segmented, with what, how)
    image: Array,
    grid: Grid,
    network: torch.nn.Module,
    plan: Plan,
    *,
    settings: SegmentationSettings = DEFAULTS,
    device: torch.device,
    control: Control | None = None,
    scale: tuple[Array, Array] | None = None,
    whole: Sequence[int] | None = None,
) -> Generator[TileDone, None, Array]:
    """Return the probability of every class in every voxel.

    Gray values are normalised as in training, the image is brought to the spacing of
    the plan where its own differs by more than 1 % (not where the units cannot be
    compared), cut into tiles of the size of the plan's patch, and the softmax of the
    network's answers is blended. A 2D plan on a volume works slice by slice along
    the first axis.

    Parameters
    ----------
    image : ndarray, shape (C, *spatial)
        Gray values as stored; may be memory-mapped.
    grid : Grid
        Where the voxels lie.
    network : torch.nn.Module
        On `device`; it is evaluated as in eval mode, and its mode left as it was.
    plan : Plan
        What the network was made for; `plan.precision` is used.
    settings : SegmentationSettings, optional
        Overlap of tiles and mirrored copies.
    device : torch.device
        Where to compute.
    control : Control, optional
        Looked at before every pass of a few tiles.
    scale : tuple of ndarray, optional
        Offset and factor of the gray values, where `image` is a part of a larger one:
        those of `intensity_scale` for the whole.
    whole : sequence of int, optional
        Shape of that larger image, all its spatial axes.

    Yields
    ------
    TileDone
        After every pass; mirrored copies of a tile count as tiles.

    Returns
    -------
    ndarray of float32, shape (K, *spatial)
        On the grid of the image, background first; sums to 1 over K.

    Raises
    ------
    SegmentationStopped
        If `control` asked to stop.
    MemoryExceededError
        If the device ran out of memory.
    """
    scale = scale or intensity_scale(image, plan.normalisation)
    spacing = spacing_for(plan, grid, whole or image.shape[1:])
    task = _task(image, spacing, plan, settings, scale)
    shape = (len(task.images), len(plan.label_values), *task.tiling.padded_shape)
    with memory_errors(_ADVICE):
        home = _home_of_sums(device, 4 * int(np.prod(shape)))
        blend = Blend(shape[0], shape[1], task.tiling, home)
    clock = _Clock(len(task.jobs) * len(task.mirrors))
    for batch in task.batches(plan.batch):
        tiles = torch.stack([task.tile(*job) for job in batch]).to(device)
        total = tiles.new_zeros(())
        for axes in task.mirrors:
            _wait(control)
            with clock.running(len(batch)), memory_errors(_ADVICE):
                total = total + _probabilities(network, tiles, axes, plan)
            yield clock.event()
        for (number, tile), values in zip(
            batch, total / len(task.mirrors), strict=True
        ):
            blend.add(number, tile, values)
    return _on_own_grid(blend.result(), image.shape[1:], plan.dimensions)


@dataclass(frozen=True, slots=True)
class _Task:
    """All tiles of all images, and how to read them.

    `images` is (N, C, *axes of the network): one image, or the slices of a volume.
    A job is the number of an image and a tile of it.
    """

    images: Array
    offset: Array
    factor: Array
    tiling: Tiling
    mirrors: Sequence[tuple[int, ...]]
    jobs: Sequence[tuple[int, Slices]]

    def batches(self, size: int) -> Iterator[Sequence[tuple[int, Slices]]]:
        """Deal the jobs out, some at once."""
        for start in range(0, len(self.jobs), size):
            yield self.jobs[start : start + size]

    def tile(self, number: int, tile: Slices) -> torch.Tensor:
        """Read a tile, normalised and padded, (C, *size)."""
        values = cut_tile(self.images, number, tile, self.tiling)
        values = normalised(values, self.offset, self.factor)
        return pad_tile(torch.from_numpy(values), self.tiling)


def _task(
    image: Array,
    spacing: Sequence[float],
    plan: Plan,
    settings: SegmentationSettings,
    scale: tuple[Array, Array],
) -> _Task:
    """Lay out the work."""
    is_stack = image.ndim - 1 > plan.dimensions
    images = np.swapaxes(image, 0, 1) if is_stack else image[np.newaxis]
    images = _at_spacing_of(plan, images, spacing)
    tiling = tile_image(images.shape[2:], plan.patch, settings.overlap)
    return _Task(
        images,
        *scale,
        tiling,
        _mirrors(plan.mirror_axes) if settings.mirror else [()],
        [(number, tile) for number in range(len(images)) for tile in tiling.tiles],
    )


def _at_spacing_of(plan: Plan, images: Array, spacing: Sequence[float]) -> Array:
    """Resample images (N, C, *axes) to the spacing the network works at."""
    now = images.shape[2:]
    then = resampled_shape(now, spacing, plan.spacing)
    if then == now:
        return images
    with memory_errors("Train with a coarser spacing, or segment a part of the image."):
        values = torch.from_numpy(images.astype(np.float32))
        return np.asarray(resample(values, then))


def _on_own_grid(
    probabilities: torch.Tensor, shape: tuple[int, ...], dimensions: int
) -> Array:
    """Bring (N, K, *axes at the network's spacing) to (K, *shape)."""
    with memory_errors("Segment a part of the image."):
        probabilities = resample(probabilities, shape[-dimensions:])
        if len(shape) > dimensions:
            return np.ascontiguousarray(probabilities.cpu().numpy().swapaxes(0, 1))
        return np.ascontiguousarray(probabilities[0].cpu().numpy())


@torch.inference_mode()
def _probabilities(
    network: torch.nn.Module, tiles: torch.Tensor, axes: tuple[int, ...], plan: Plan
) -> torch.Tensor:
    """Return the softmax (N, K, *size) of tiles that are mirrored and mirrored back."""
    flipped = [axis + 2 for axis in axes]
    with _evaluating(network), autocast(tiles.device, plan.precision):
        logits = network(tiles.flip(flipped) if flipped else tiles)
    probabilities: torch.Tensor = logits.float().softmax(dim=1)
    return probabilities.flip(flipped) if flipped else probabilities


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Put the network into eval mode, and back: it may be in training."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def _mirrors(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """List every combination of axes, the one without any first."""
    return [
        chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)
    ]


def _home_of_sums(device: torch.device, n_bytes: int) -> torch.device:
    """Keep the sums on the device, unless they would fill it."""
    if device.type == "cpu" or n_bytes <= _SHARE_FOR_SUMS * free_memory(device):
        return device
    return torch.device("cpu")


def _wait(control: Control | None) -> None:
    """Wait while paused; leave when stopped."""
    if control is None:
        return
    control.wait_while_paused()
    if control.is_stopped:
        raise SegmentationStopped(
            "The segmentation was stopped before its end, so there is no result: "
            "start it again to get one."
        )


class _Clock:
    """Counts tiles and the seconds spent on them; pauses do not count."""

    def __init__(self, of: int) -> None:
        self._of = of
        self._done = 0
        self._seconds = 0.0

    @contextmanager
    def running(self, tiles: int) -> Iterator[None]:
        """Time the work on some tiles."""
        start = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - start
        self._done += tiles

    def event(self) -> TileDone:
        """Tell how many tiles are done, and how long the others will take."""
        left = self._seconds / self._done * (self._of - self._done)
        return TileDone(self._done, self._of, left)
