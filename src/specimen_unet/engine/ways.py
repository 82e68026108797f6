"""The two ways to lay tiles: disjoint cores, and overlapping tiles that are blended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from specimen_unet.engine.cores import cut_into_cores, tile_rules
from specimen_unet.engine.devices import free_memory
from specimen_unet.engine.tile_reader import Job
from specimen_unet.engine.tiling import Blend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.cores import Spans
    from specimen_unet.engine.own_grid import OwnGrid
    from specimen_unet.engine.tiling import Tiling

# Sums may take this share of a GPU's free memory; the network needs the rest.
_SHARE_FOR_SUMS = 0.3


class Way(Protocol):
    """How an image is cut, and how its tiles become an answer."""

    @property
    def passes(self) -> Sequence[Sequence[Job]]:
        """Tiles of each pass."""

    def take(self, jobs: Sequence[Job], probabilities: torch.Tensor) -> None:
        """Take the probabilities (N, K, *size) of the tiles of one pass."""

    def finish(self) -> None:
        """Hand on what is left; called once, after all passes."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much is computed in one pass: voxels, and tiles or slices."""

    voxels: float
    tiles: int


class Cores:
    """Tiles as large as there is room for; only their cores count.

    Parameters
    ----------
    grid : OwnGrid
        Takes the cores.
    slices : int
        Of a volume that a 2D network sees; 0 where it sees the image whole.
    plan : Plan
        What the network was made for.
    room : Room
        For one pass.
    """

    def __init__(self, grid: OwnGrid, slices: int, plan: Plan, room: Room) -> None:
        self.passes: Sequence[Sequence[Job]]
        self._grid = grid
        pieces = cut_into_cores(grid.shape, tile_rules(plan), room.voxels)
        voxels = math.prod(stop - start for start, stop in pieces[0].tile)
        at_once = max(1, min(int(room.voxels // voxels), room.tiles))
        if slices:
            self.passes = [
                [Job(some, piece.tile, piece.core)]
                for piece in pieces
                for some in _runs(slices, at_once)
            ]
        else:
            jobs = [Job((), piece.tile, piece.core) for piece in pieces]
            self.passes = _dealt(jobs, at_once)

    def take(self, jobs: Sequence[Job], probabilities: torch.Tensor) -> None:
        """Cut the cores out and hand them on."""
        for job, answer in zip(
            jobs, probabilities.split([job.count for job in jobs]), strict=True
        ):
            origin = [start for start, _ in job.tile]
            self._grid.add(job.slices, job.core, answer, origin)

    def finish(self) -> None:
        """Nothing is left."""


class Overlapping:
    """Tiles that overlap and are blended, as MONAI and nnU-Net do.

    Memory: with K classes, K float32 for every voxel at the network's spacing, on the
    device where there is room.

    Parameters
    ----------
    grid, slices, plan
        As in `Cores`.
    tiling : Tiling
        How the image is cut.
    device : torch.device
        Where the network computes.
    """

    def __init__(
        self,
        grid: OwnGrid,
        slices: int,
        plan: Plan,
        tiling: Tiling,
        device: torch.device,
    ) -> None:
        self._grid = grid
        self._slices = _runs(slices, 1) if slices else [()]
        self._tiling = tiling
        self._whole: Spans = tuple((0, length) for length in grid.shape)
        # Tiles are counted from the padding, jobs from the image.
        self._origin = [-front for front, _ in self._tiling.padding]
        jobs = [
            Job(one, self._span(tile), self._whole)
            for one in self._slices
            for tile in self._tiling.tiles
        ]
        # As many voxels a pass as a training step had, which took more memory for each.
        step = plan.batch * math.prod(plan.patch)
        self.passes = _dealt(jobs, max(1, step // math.prod(tiling.size)))
        sums = (len(self._slices), len(plan.label_values), *self._tiling.padded_shape)
        home = home_of_sums(device, 4 * math.prod(sums))
        self._blend = Blend(sums[0], sums[1], self._tiling, home)

    def _span(self, tile: tuple[slice, ...]) -> Spans:
        return tuple(
            (along.start + first, along.stop + first)
            for along, first in zip(tile, self._origin, strict=True)
        )

    def take(self, jobs: Sequence[Job], probabilities: torch.Tensor) -> None:
        """Add to the sums."""
        for job, values in zip(jobs, probabilities, strict=True):
            tile = tuple(
                slice(start - first, stop - first)
                for (start, stop), first in zip(job.tile, self._origin, strict=True)
            )
            self._blend.add(job.slices[0][0] if job.slices else 0, tile, values)

    def finish(self) -> None:
        """Divide the sums by the weights and hand them on."""
        answers = self._blend.result().split(1)
        for one, answer in zip(self._slices, answers, strict=True):
            self._grid.add(one, self._whole, answer, [0] * len(self._whole))


def home_of_sums(device: torch.device, n_bytes: int) -> torch.device:
    """Keep the sums on the device, unless they would fill it."""
    if device.type == "cpu" or n_bytes <= _SHARE_FOR_SUMS * free_memory(device):
        return device
    return torch.device("cpu")


def _runs(slices: int, at_once: int) -> list[Spans]:
    """Cut a stack of slices into runs."""
    return [
        ((start, min(start + at_once, slices)),) for start in range(0, slices, at_once)
    ]


def _dealt(jobs: Sequence[Job], at_once: int) -> list[Sequence[Job]]:
    """Deal jobs out to passes."""
    return [jobs[start : start + at_once] for start in range(0, len(jobs), at_once)]
