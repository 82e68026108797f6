"""A case as patches are read from it: where they may lie, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.intensity import intensity_scale
from specimen_unet.engine.pixels import ResidentPixels, StoredPixels
from specimen_unet.engine.resampling import TOLERANCE, spacing_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.pixels import Pixels
    from specimen_unet.engine.voxel_index import VoxelIndex


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a case, on the axes of the network.

    Attributes
    ----------
    image : Tensor of float32, shape (C, *size)
        Normalised; 0 outside the case.
    classes : Tensor of int16, shape (O, *size)
        Of every observer who is learnt from. `IGNORED` outside the case and where
        nothing is annotated.
    start : ndarray of int, shape (dimensions,)
        Where in the case the first voxel lies.
    """

    image: Tensor
    classes: Tensor
    start: Array


class Source:
    """A case that is learnt from.

    Parameters
    ----------
    case : Case
        Stays as it is stored.
    plan : Plan
        Of a 2D plan the patches of a 3D case are slices. Where one case is both
        learnt from and validated on, nothing in the excluded slices is ever read.
    device : torch.device
        Where blocks are put.
    is_resident : bool
        Whether the case is kept there, too.
    """

    def __init__(
        self, case: Case, plan: Plan, device: torch.device, *, is_resident: bool = False
    ) -> None:
        self.case = case
        # Slices stand in front of the axes of a 2D network.
        self._slices = len(case.shape) - plan.dimensions
        keep = ResidentPixels if is_resident else StoredPixels
        scale = intensity_scale(case.image, plan.normalisation)
        self._pixels: Pixels = keep(case, plan, scale, device)
        self._regions = _regions(case, plan)
        # Slices (rows in 2D) that may be learnt from.
        self.is_allowed: Array = np.zeros(case.shape[0], bool)
        for start, stop in self._regions:
            self.is_allowed[start:stop] = True
        spacing = spacing_for(plan, case.grid, case.shape)
        # As in segmentation, scanners that round do not make an image resampled.
        zoom = np.array(plan.spacing) / np.array(spacing)
        self.zoom: Array = np.where(np.abs(zoom - 1) < TOLERANCE, 1.0, zoom)
        covered = np.maximum(1, np.rint(np.array(plan.patch) * self.zoom)).astype(int)
        self.size: Array = np.array([*(1,) * self._slices, *covered])

    def bounds(self, centre: Array) -> Array:
        """Return first and last + 1 of what may be read around a voxel, (axes, 2)."""
        bounds = np.array([(0, length) for length in self.case.shape])
        for region in self._regions:
            if region[0] <= centre[0] < region[1]:
                bounds[0] = region
        return bounds

    def start(self, centre: Array) -> Array:
        """Return where a patch around a voxel starts, moved to lie inside if it can.

        What is smaller than the patch lies in its middle.
        """
        low, high = self.bounds(centre).T
        room = high - low - self.size
        inside = np.clip(centre - self.size // 2, low, low + np.maximum(room, 0))
        start: Array = np.where(room >= 0, inside, low + room // 2)
        return start

    def read(
        self,
        window: Array,
        bounds: Array,
        annotations: Sequence[tuple[str, VoxelIndex]],
    ) -> Block:
        """Read a window, filled up where it leaves the bounds.

        Parameters
        ----------
        window, bounds : ndarray of int, shape (axes of the case, 2)
            First and last + 1 along each axis.
        annotations : sequence of (str, VoxelIndex)
            Whose labels are read, and in which slices they are annotated.

        Returns
        -------
        Block
            Without the axis of slices if the network is 2D.
        """
        low = np.clip(window[:, 0], bounds[:, 0], bounds[:, 1])
        high = np.clip(window[:, 1], bounds[:, 0], bounds[:, 1])
        inside = tuple(map(slice, low, high))
        # Last axis first.
        padding = np.stack([low - window[:, 0], window[:, 1] - high], 1)[::-1].ravel()
        image = self._pixels.image(inside)
        classes = torch.stack(
            [self._pixels.classes(who, inside, index) for who, index in annotations]
        )
        if padding.any():
            image = functional.pad(image, padding.tolist())
            classes = functional.pad(classes, padding.tolist(), value=IGNORED)
        size = classes.shape[1 + self._slices :]
        return Block(
            image.reshape(len(image), *size),
            classes.reshape(len(classes), *size),
            window[self._slices :, 0],
        )

    def in_network(self, position: Array) -> Array:
        """Return a position in the case along the axes of the network."""
        return position[self._slices :]

    def around(self, position: Array, window: Array) -> Array:
        """Put a window along the axes of the network into the case's slice."""
        slices = position[: self._slices, np.newaxis] + np.array([0, 1])
        return np.concatenate([slices, window])


def _regions(case: Case, plan: Plan) -> list[tuple[int, int]]:
    """Return the stretches of the first axis that may be learnt from."""
    length = case.shape[0]
    split = plan.split
    excluded = split.excluded or split.held_out
    if excluded is None or case.name not in split.validation:
        return [(0, length)]
    regions = [(0, excluded[0]), (excluded[1], length)]
    return [(start, stop) for start, stop in regions if start < stop]
