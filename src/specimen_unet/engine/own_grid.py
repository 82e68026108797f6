"""From a network's answers, at its spacing, to the grid of the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specimen_unet.engine.resampling import Zoom, resample_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from specimen_unet.engine.cores import Spans
    from specimen_unet.engine.sinks import Sink

# Voxels that are brought to the grid of the image at once.
_SLAB = 4_000_000


@dataclass(frozen=True)
class OwnGrid:
    """Brings parts of an answer to the grid of the image.

    Attributes
    ----------
    own, shape : tuple of int
        Voxels along the axes of the network, in the image and at its spacing.
    sink : Sink
        Where the parts go.
    """

    own: tuple[int, ...]
    shape: tuple[int, ...]
    sink: Sink

    def add(
        self, slices: Spans, core: Spans, answer: torch.Tensor, origin: Sequence[int]
    ) -> None:
        """Hand on the voxels of the image that belong to a core.

        Parameters
        ----------
        slices : tuple of (int, int), empty or of one
            Of a volume that a 2D network sees.
        core : tuple of (int, int)
            At the spacing of the network; cores that meet there meet in the image.
        answer : Tensor of float32, shape (N, K, *size)
            Probabilities of a tile: the core and, but at the faces of the image, one
            voxel more at least where the spacing differs. N slices, or one image.
        origin : sequence of int
            Where the first voxel of the answer lies.
        """
        zooms = [Zoom(*sizes) for sizes in zip(self.shape, self.own, strict=True)]
        owned = [
            (_in_image(start, zoom), _in_image(stop, zoom))
            for (start, stop), zoom in zip(core, zooms, strict=True)
        ]
        for part in _slabs(owned, len(answer)):
            needed = [
                zoom.needed(*span) for zoom, span in zip(zooms, part, strict=True)
            ]
            within = tuple(
                slice(start - first, stop - first)
                for (start, stop), first in zip(needed, origin, strict=True)
            )
            values = resample_part(answer[:, :, *within], zooms, part)
            where = tuple(slice(*span) for span in (*slices, *part))
            self.sink.add(where, values.transpose(0, 1) if slices else values[0])


def _in_image(end: int, zoom: Zoom) -> int:
    """Return the border between voxels of the image next to one of the network's."""
    return round(end * zoom.after / zoom.before)


def _slabs(owned: Sequence[tuple[int, int]], images: int) -> Iterator[Spans]:
    """Cut a part of an image into slabs that are not too large at once."""
    (start, stop), *others = owned
    area = images * math.prod(end - begin for begin, end in others)
    if area == 0:
        return
    thickness = max(1, _SLAB // area)
    for low in range(start, stop, thickness):
        yield ((low, min(low + thickness, stop)), *others)
