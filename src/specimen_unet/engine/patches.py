"""Random patches of cases, the same for the same seed, step and labels.

Cases stay as they are stored, on a GPU where they fit. What a patch covers is read,
normalised, and brought to the plan's spacing in one go; a rotation and scaling are part
of that one reading. Nothing here makes the CPU wait for a GPU: what is drawn at random
and where patches lie is decided beforehand, on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.augmentation import (
    draw_affine,
    draw_mirrors,
    vary_intensity,
)
from specimen_unet.engine.cropping import affine_patch, affine_window, plain_patch
from specimen_unet.engine.pixels import fit_on
from specimen_unet.engine.source import Source
from specimen_unet.engine.teaching import as_taught
from specimen_unet.engine.voxel_index import LabelScans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.voxel_index import VoxelIndex


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes
    ----------
    images : Tensor of float32, shape (N, C, *patch)
        Normalised.
    classes : Tensor of int64, shape (N, *patch) or (N, O, *patch)
        `IGNORED` where nothing is annotated. Of O observers where all of them are
        learnt from at once; a case of fewer is filled up with `IGNORED`.
    is_annotated : bool
        Whether those whose patches these are have annotated anything.
    unknown_labels : frozenset of int
        Labels in these cases that are no class of the plan.
    """

    images: Tensor
    classes: Tensor
    is_annotated: bool
    unknown_labels: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The labels of one observer in one case, drawn for one patch.

    `others` are the observers who are learnt from beside this one, with theirs.
    """

    source: Source
    observer: str
    index: VoxelIndex
    others: tuple[tuple[str, VoxelIndex], ...] = ()

    @property
    def annotations(self) -> tuple[tuple[str, VoxelIndex], ...]:
        """Every observer who is learnt from."""
        return (self.observer, self.index), *self.others

    @property
    def indices(self) -> tuple[VoxelIndex, ...]:
        """The index of every observer who is learnt from."""
        return tuple(index for _, index in self.annotations)


class Patches:
    """Batches of patches, each a function of its step and the data.

    Parameters
    ----------
    cases : sequence of Case
        All cases of the plan; patches come from those it learns from.
    plan : Plan
        Says how patches are taken.
    device : torch.device
        Where batches are put.
    """

    def __init__(self, cases: Sequence[Case], plan: Plan, device: torch.device) -> None:
        self._plan = plan
        self._device = device
        # Apple's GPUs cannot read turned patches from a volume.
        self._workshop = device if device.type == "cuda" else torch.device("cpu")
        learnt = as_taught(
            [c for c in cases if c.name in plan.split.training and c.labels],
            plan.observers,
        )
        self._most_observers = max((len(case.labels) for case in learnt), default=1)
        is_resident = fit_on(device, learnt, plan)
        self._sources = [
            Source(case, plan, self._workshop, is_resident=is_resident)
            for case in learnt
        ]
        drawn = [
            (source, name) for source in self._sources for name in source.case.labels
        ]
        self._numbers = {pair: number for number, pair in enumerate(drawn)}
        self._scans = LabelScans(
            [source.case.labels[observer] for source, observer in drawn],
            [source.is_allowed for source, _ in drawn],
            plan,
        )

    def batch(self, step: int) -> Batch:
        """Make the batch of a step.

        Parameters
        ----------
        step : int
            Number of the step, from 0.

        Returns
        -------
        Batch
            On the device. The same for the same seed, step and data.
        """
        generator = np.random.default_rng((self._plan.seed, step))
        self._scans.forget_oldest(step)
        drawings, patches = [], []
        for _ in range(self._plan.batch):
            drawings.append(self._drawing(generator))
            patches.append(self._patch(generator, drawings[-1]))
        images = torch.stack([image for image, _ in patches])
        classes = torch.stack([classes for _, classes in patches]).long()
        vary_intensity(images, self._plan, generator)
        is_annotated = any(self._is_taught(drawing) for drawing in drawings)
        indices = [index for drawing in drawings for index in drawing.indices]
        unknown = frozenset().union(*(index.unknown for index in indices))
        return Batch(
            images.to(self._device), classes.to(self._device), is_annotated, unknown
        )

    def _patch(
        self, generator: np.random.Generator, drawing: _Drawing
    ) -> tuple[Tensor, Tensor]:
        """Take a patch: image (C, *patch), classes (*patch) or (O, *patch)."""
        centre = self._centre(generator, drawing)
        affine = draw_affine(generator, self._plan)
        mirrors = draw_mirrors(generator, self._plan)
        if affine is None:
            image, classes = self._plain(drawing, centre)
        else:
            image, classes = self._turned(drawing, centre, affine)
        if mirrors:
            axes = [axis - len(self._plan.patch) for axis in mirrors]
            image, classes = image.flip(axes), classes.flip(axes)
        if self._plan.observers == "mean":
            return image, self._filled_up(classes)
        return image, classes[0]

    def _filled_up(self, classes: Tensor) -> Tensor:
        """Add observers who annotated nothing, so that all patches have as many."""
        missing = self._most_observers - len(classes)
        nothing = classes.new_full((missing, *classes.shape[1:]), IGNORED)
        return torch.cat([classes, nothing]) if missing else classes

    def _drawing(self, generator: np.random.Generator) -> _Drawing:
        """Draw a case and one of its observers.

        Who annotated nothing has nothing to teach, so the next one is taken instead.
        """
        source = self._sources[generator.integers(len(self._sources))]
        observer = generator.choice(list(source.case.labels))
        first = self._numbers[source, str(observer)]
        pairs = [*self._numbers][first:] + [*self._numbers][:first]
        drawings = (self._of(*pair) for pair in pairs)
        return next(filter(self._is_taught, drawings), self._of(*pairs[0]))

    def _of(self, source: Source, observer: str) -> _Drawing:
        """Return an observer's labels, with the others' if all are learnt from."""
        beside = source.case.labels if self._plan.observers == "mean" else ()
        found = {
            name: self._scans.index(self._numbers[source, name])
            for name in {observer: None, **dict.fromkeys(beside)}
        }
        index = found.pop(observer)
        return _Drawing(source, observer, index, tuple(found.items()))

    def _is_taught(self, drawing: _Drawing) -> bool:
        """Tell whether labels have anything to teach: 0 alone has where it means so."""
        if self._plan.annotation == "everywhere":
            return True
        return any(map(len, drawing.index.voxels))

    def _centre(self, generator: np.random.Generator, drawing: _Drawing) -> Array:
        """Draw the voxel around which a patch is taken, shape (axes of the case,)."""
        voxels = self._candidates(generator, drawing.index)
        shape = drawing.source.case.shape
        if voxels.size:
            voxel = voxels[generator.integers(len(voxels))]
            return np.array(np.unravel_index(voxel, shape))
        allowed = drawing.source.is_allowed
        annotated = allowed & drawing.index.is_annotated
        slices = np.flatnonzero(annotated if annotated.any() else allowed)
        return np.array([generator.choice(slices), *generator.integers(shape[1:])])

    def _candidates(self, generator: np.random.Generator, index: VoxelIndex) -> Array:
        """Return voxels to choose a centre from; none if any voxel will do."""
        if index.foreground and generator.random() < self._plan.foreground:
            return index.foreground[generator.integers(len(index.foreground))]
        if self._plan.annotation == "painted":
            return np.concatenate(index.voxels)
        return np.array([], int)

    def _plain(self, drawing: _Drawing, centre: Array) -> tuple[Tensor, Tensor]:
        """Take a patch as it lies in the image."""
        source = drawing.source
        start = source.start(centre)
        window = np.stack([start, start + source.size], axis=1)
        block = source.read(window, source.bounds(centre), drawing.annotations)
        return plain_patch(block, self._plan.patch, antialiased=self._plan.antialiased)

    def _turned(
        self, drawing: _Drawing, centre: Array, affine: Array
    ) -> tuple[Tensor, Tensor]:
        """Take a patch turned and scaled around its middle."""
        source, patch = drawing.source, self._plan.patch
        start = source.start(centre)
        middle = source.in_network(start + (source.size - 1) / 2)
        matrix = source.zoom[:, np.newaxis] * affine
        bounds = source.bounds(centre)
        window = source.around(centre, affine_window(middle, matrix, patch))
        inside = np.clip(window, bounds[:, :1], bounds[:, 1:])
        block = source.read(inside, bounds, drawing.annotations)
        averaged = np.maximum(source.zoom, 1) if self._plan.antialiased else None
        return affine_patch(block, middle, matrix, patch, averaged)
