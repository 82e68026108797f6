"""Parts of a case, segmented as they would be in the whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from specimen_unet.engine.intensity import intensity_scale
from specimen_unet.engine.prediction import predict_into
from specimen_unet.engine.resampling import spacing_for

if TYPE_CHECKING:
    from collections.abc import Generator

    import torch

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.events import TileDone
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.sinks import Part, Sink


@dataclass(frozen=True)
class View:
    """Slices (rows of a 2D image) of a case, with what a network sees around them.

    Attributes
    ----------
    case : Case
        What is looked at.
    wanted : tuple of int
        First and last + 1 along the first axis.
    plan : Plan
        Says how far a network sees.
    """

    case: Case
    wanted: tuple[int, int]
    plan: Plan

    @cached_property
    def scale(self) -> tuple[Array, Array]:
        """Offset and factor of the gray values of the whole image."""
        return intensity_scale(self.case.image, self.plan.normalisation)

    @cached_property
    def read(self) -> tuple[int, int]:
        """First and last + 1 of the slices that are read.

        Half a patch more than wanted at both ends, together one patch for one slice,
        so that a network is run over no more; as many at the faces of the case.
        """
        if len(self.case.shape) > self.plan.dimensions:
            return self.wanted
        spacing = spacing_for(self.plan, self.case.grid, self.case.shape)
        ratio = self.plan.spacing[0] / spacing[0]
        patch = max(int(self.plan.patch[0] * ratio + 1e-6), 1)
        length = self.case.shape[0]
        first, last = self.wanted
        count = min(last - first + patch - 1, length)
        start = min(max(first - (patch - 1) // 2, 0), length - count)
        return start, start + count

    def segmenting_into(
        self, sink: Sink, network: torch.nn.Module, device: torch.device
    ) -> Generator[TileDone, None, None]:
        """Segment it.

        Parameters
        ----------
        sink : Sink
            Takes the probabilities of the wanted slices, counted from the first.
        network : torch.nn.Module
            On the device.
        device : torch.device
            Where to compute.

        Yields
        ------
        TileDone
        """
        start, stop = self.read
        yield from predict_into(
            _Wanted(sink, *(end - start for end in self.wanted)),
            self.case.image[:, start:stop],
            self.case.grid,
            network,
            self.plan,
            device=device,
            scale=self.scale,
            whole=self.case.shape,
        )


@dataclass(frozen=True)
class _Wanted:
    """Hands on what lies between two slices, counted from the first of them."""

    sink: Sink
    first: int
    last: int

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Take the probabilities (K, *part) of a part, and hand on what is wanted."""
        along, *others = part
        start, stop = max(along.start, self.first), min(along.stop, self.last)
        if start < stop:
            wanted = probabilities[:, start - along.start : stop - along.start]
            self.sink.add(
                (slice(start - self.first, stop - self.first), *others), wanted
            )

    def finish(self) -> None:
        """Wait for what is under way."""
        self.sink.finish()
