"""Tiles of an image as a network takes them, read while the one before computes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from specimen_unet.engine.prefetch import prefetched
from specimen_unet.engine.resampling import Zoom, resample_part, resampled_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from specimen_unet.domain.case import Array
    from specimen_unet.engine.cores import Spans

# What torch takes as it is stored; the rest is read as float32.
_AS_STORED = ("uint8", "int8", "uint16", "int16", "int32", "float16", "float32")


@dataclass(frozen=True, slots=True)
class Job:
    """A tile of an image, or of some of its slices.

    Attributes
    ----------
    slices : tuple of (int, int), empty or of one
        First slice and last + 1, where a 2D network sees a volume.
    tile, core : tuple of (int, int)
        Along each axis of the network, at its spacing. The tile may reach beyond the
        image; the core is the part of it that counts.
    """

    slices: Spans
    tile: Spans
    core: Spans

    @property
    def count(self) -> int:
        """How many tiles these are."""
        return self.slices[0][1] - self.slices[0][0] if self.slices else 1


class TileReader:
    """Reads tiles of one image at the spacing of a network.

    Only what a tile needs is read, resampled and normalised, so images may be
    memory-mapped or loaded lazily, and the result is that of resampling the whole.

    Parameters
    ----------
    image : ndarray, shape (C, *spatial)
        As stored.
    scale : tuple of ndarray, shape (C,)
        Offset and factor of the gray values.
    spacing, target : sequence of float
        Of the image and the network, along the axes of the network.
    device : torch.device
        Where tiles are wanted.
    antialiased : bool, optional
        Whether voxels that become fewer are averaged.

    Attributes
    ----------
    own, shape : tuple of int
        Voxels along the axes of the network, in the image and at the network's
        spacing.
    """

    def __init__(
        self,
        image: Array,
        scale: tuple[Array, Array],
        spacing: Sequence[float],
        target: Sequence[float],
        device: torch.device,
        *,
        antialiased: bool = False,
    ) -> None:
        self._image = image
        self._device = device
        dimensions = len(target)
        self.own: tuple[int, ...] = tuple(image.shape[-dimensions:])
        self.shape = resampled_shape(self.own, spacing, target)
        self._zooms = [
            Zoom(*sizes, antialiased=antialiased)
            for sizes in zip(self.own, self.shape, strict=True)
        ]
        # The bus brings bytes faster than float32, so a GPU does all but reading.
        self._workshop = device if device.type == "cuda" else torch.device("cpu")
        column = (1, -1) + (1,) * dimensions
        self._offset, self._factor = (
            torch.from_numpy(values).reshape(column).to(self._workshop)
            for values in scale
        )

    @contextmanager
    def ahead(
        self, passes: Sequence[Sequence[Job]]
    ) -> Iterator[Callable[[], torch.Tensor]]:
        """Read the tiles of all passes in turn, in a thread where there are several.

        Yields
        ------
        callable
            Returns the tiles of the next pass, Tensor of float32 (N, C, *size) on the
            device.
        """
        turns = iter(passes)
        if len(passes) == 1:
            yield lambda: self._finished(self._begun(passes[0]), next(turns))
            return

        def make(number: int) -> list[torch.Tensor]:
            return self._begun(passes[number]) if number < len(passes) else []

        with prefetched(make, 0) as following:
            yield lambda: self._finished(following(), next(turns))

    def _begun(self, jobs: Sequence[Job]) -> list[torch.Tensor]:
        """Read, which is all that a thread beside the network should have to do."""
        copy = _pinned if self._workshop.type == "cuda" else _copied
        return [copy(self._read(job)) for job in jobs]

    def _finished(
        self, begun: Sequence[torch.Tensor], jobs: Sequence[Job]
    ) -> torch.Tensor:
        """Make what was read into what the network takes."""
        tiles = [
            self._tile(values.to(self._workshop, non_blocking=True), job)
            for values, job in zip(begun, jobs, strict=True)
        ]
        whole = torch.cat(tiles) if len(tiles) > 1 else tiles[0]
        return whole.to(self._device)

    def _read(self, job: Job) -> Array:
        """Read the voxels that a tile needs, as stored, (N, C, *needed)."""
        spans = [
            zoom.needed(*inside)
            for zoom, inside in zip(self._zooms, self._inside(job), strict=True)
        ]
        where = tuple(slice(*span) for span in (*job.slices, *spans))
        values = np.asarray(self._image[:, *where])
        values = values.astype(_readable(values.dtype), copy=False)
        return np.swapaxes(values, 0, 1) if job.slices else values[np.newaxis]

    @torch.inference_mode()
    def _tile(self, values: torch.Tensor, job: Job) -> torch.Tensor:
        """Normalise, resample and pad what was read."""
        values = values.to(torch.float32, copy=True)
        values = values.sub_(self._offset).mul_(self._factor)
        inside = self._inside(job)
        values = resample_part(values, self._zooms, inside)
        padding = [
            (low - start, stop - high)
            for (low, high), (start, stop) in zip(inside, job.tile, strict=True)
        ]
        # torch counts axes from the last one.
        ends = [end for pair in reversed(padding) for end in pair]
        return torch.nn.functional.pad(values, ends) if any(ends) else values

    def _inside(self, job: Job) -> list[tuple[int, int]]:
        """Return the part of a tile that lies in the image."""
        return [
            (max(start, 0), min(stop, length))
            for (start, stop), length in zip(job.tile, self.shape, strict=True)
        ]


def _copied(values: Array) -> torch.Tensor:
    """Copy, as stored: torch takes no array that may not be written to."""
    return torch.from_numpy(np.array(values))


def _pinned(values: Array) -> torch.Tensor:
    """Copy to where a GPU reads while the CPU goes on."""
    dtype = torch.from_numpy(np.empty(0, values.dtype)).dtype
    pinned = torch.empty(values.shape, dtype=dtype, pin_memory=True)
    np.copyto(pinned.numpy(), values)
    return pinned


def _readable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype itself where torch knows it, in this byte order, or float32."""
    return np.dtype(dtype.name if dtype.name in _AS_STORED else "float32")
