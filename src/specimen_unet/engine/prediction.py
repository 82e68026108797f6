"""Run a network over a whole image, tile by tile.

Memory: one tile and what the network makes of it, as large as there is room for, and
what is kept of the answer: a byte a voxel where labels are wanted, K float32 where
probabilities are. `Overlapping` tiles need K float32 a voxel besides.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from specimen_unet.domain.errors import SegmentationStopped
from specimen_unet.domain.events import TileDone
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.devices import free_memory, memory_errors
from specimen_unet.engine.evaluation import Evaluator
from specimen_unet.engine.intensity import intensity_scale
from specimen_unet.engine.networks import size_multiple
from specimen_unet.engine.openvino_network import OpenVinoNetwork
from specimen_unet.engine.own_grid import OwnGrid
from specimen_unet.engine.resampling import spacing_for
from specimen_unet.engine.tile_reader import TileReader
from specimen_unet.engine.tiling import tile_image, tile_size
from specimen_unet.engine.ways import Cores, Overlapping, Room

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.segmentation_settings import EngineName
    from specimen_unet.engine.sinks import Sink
    from specimen_unet.engine.tiling import Tiling
    from specimen_unet.engine.ways import Way

DEFAULTS = SegmentationSettings()

# Share of the free memory that a pass may take; and no more than this on a CPU, where
# larger tiles are not faster.
_SHARE = {"cpu": 0.5, "cuda": 0.7, "mps": 0.5}
_MOST_ON_CPU = 5 * 2**28
# Slices at once on a GPU; on a CPU as many as a training step has.
_MOST_SLICES = 64
# Convolutions count the values of a tensor in 32 bits; a network's are fewer than
# the bytes it takes, halved.
_MOST_VALUES = 2**31
MOST_VOXELS = 2**28
"""Never more in one pass; the benchmarks lower it."""
# Float32 values beside what the network takes: tiles that are read ahead, and sums.
_TILES_AHEAD = 3
_COPIES_OF_ANSWER = 2
_ADVICE = (
    "Segment on the CPU (Device: cpu), close other programs, or train with a smaller "
    "patch."
)


def predict_into(  # noqa: PLR0913 (what is segmented, with what, how)
    sink: Sink,
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
) -> Generator[TileDone, None, None]:
    """Hand the probabilities of every class to a sink, part by part.

    Gray values are normalised as in training, and the image is brought to the spacing
    of the plan where its own differs by more than 1 % (not where the units cannot be
    compared). Without overlap it is cut into disjoint cores, each computed within a
    tile as large as there is room for; else into tiles of about the plan's patch whose
    probabilities are blended. A 2D plan on a volume works slice by slice along the
    first axis.

    Parameters
    ----------
    sink : Sink
        Takes the probabilities, on the grid of the image.
    image : ndarray, shape (C, *spatial)
        Gray values as stored; may be memory-mapped or loaded lazily.
    grid : Grid
        Where the voxels lie.
    network : torch.nn.Module
        On `device`; it is evaluated as in eval mode, and its mode left as it was.
    plan : Plan
        What the network was made for; `plan.precision` is used.
    settings : SegmentationSettings, optional
        Overlap of tiles, mirrored copies, and what computes the network.
    device : torch.device
        Where to compute.
    control : Control, optional
        Looked at before every pass.
    scale : tuple of ndarray, optional
        Offset and factor of the gray values, where `image` is a part of a larger one:
        those of `intensity_scale` for the whole.
    whole : sequence of int, optional
        Shape of that larger image, all its spatial axes.

    Yields
    ------
    TileDone
        After every pass; mirrored copies of a tile count as tiles.

    Raises
    ------
    SegmentationStopped
        If `control` asked to stop.
    MemoryExceededError
        If the device ran out of memory.
    PlanError
        If OpenVINO was asked for, and is not installed, or not for this device.
    """
    # First, since it may have to say that it cannot.
    logits = _logits(settings.engine, network, plan, device)
    scale = scale or intensity_scale(image, plan.normalisation)
    spacing = spacing_for(plan, grid, whole or image.shape[1:])
    reader = TileReader(
        *(image, scale, spacing, plan.spacing, device), antialiased=plan.antialiased
    )
    evaluator = Evaluator(network, plan, device, mirror=settings.mirror, logits=logits)
    with memory_errors(_ADVICE):
        way = _way(OwnGrid(reader.own, reader.shape, sink), image, evaluator, settings)
    mirrors = evaluator.mirrors
    clock = _Clock(sum(job.count for jobs in way.passes for job in jobs) * len(mirrors))
    with reader.ahead(way.passes) as next_tiles:
        for jobs in way.passes:
            total = None
            for axes in mirrors:
                _wait(control)
                with clock.running(sum(job.count for job in jobs)), _computing():
                    if total is None:
                        tiles = next_tiles()
                        total = evaluator.probabilities(tiles, axes)
                    else:
                        total += evaluator.probabilities(tiles, axes)
                    if axes == mirrors[-1]:
                        way.take(jobs, total.div_(len(mirrors)))
                yield clock.event()
    with _computing():
        way.finish()
        sink.finish()


def _logits(
    engine: EngineName, network: torch.nn.Module, plan: Plan, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return what computes in place of the network, if anything does."""
    return OpenVinoNetwork(network, plan, device) if engine == "openvino" else None


@contextmanager
def _computing() -> Iterator[None]:
    """Keep no gradients, and say what to do when memory ends."""
    with torch.inference_mode(), memory_errors(_ADVICE):
        yield


def _way(
    grid: OwnGrid, image: Array, evaluator: Evaluator, settings: SegmentationSettings
) -> Way:
    """Lay out the work."""
    plan, device = evaluator.plan, evaluator.device
    slices = image.shape[1] if image.ndim - 1 > plan.dimensions else 0
    if settings.overlap > 0:
        tiling = _tiling(grid.shape, plan, settings)
        return Overlapping(grid, slices, plan, tiling, device)
    return Cores(grid, slices, plan, _room(grid, evaluator, slices))


def _tiling(shape: Sequence[int], plan: Plan, settings: SegmentationSettings) -> Tiling:
    """Lay overlapping tiles over an image."""
    size = plan.patch
    if settings.fit_tiles:
        size = tile_size(shape, size, size_multiple(plan), settings.overlap)
    return tile_image(shape, size, settings.overlap)


def bytes_of_a_pass(device: torch.device) -> float:
    """Return how much memory a pass may take on the device now."""
    room = _SHARE[device.type] * free_memory(device)
    return min(room, _MOST_ON_CPU) if device.type == "cpu" else room


def _room(grid: OwnGrid, evaluator: Evaluator, slices: int) -> Room:
    """Tell how much fits into one pass."""
    plan, device = evaluator.plan, evaluator.device
    most_tiles = plan.batch if device.type == "cpu" else _MOST_SLICES
    step = plan.batch * math.prod(plan.patch)
    if max(slices, 1) * math.prod(grid.shape) <= step:
        # Training took more memory for as much.
        return Room(step, most_tiles)
    room = bytes_of_a_pass(device)
    zoom = math.prod(grid.own) / math.prod(grid.shape)
    read = 0 if grid.own == grid.shape else 3 * zoom
    beside = plan.image_channels * (_TILES_AHEAD + read)
    beside += len(plan.label_values) * _COPIES_OF_ANSWER
    needed = evaluator.bytes_per_voxel()
    voxels = min(room / (needed + 4 * beside), 2 * _MOST_VALUES / needed, MOST_VOXELS)
    return Room(voxels, most_tiles)


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
