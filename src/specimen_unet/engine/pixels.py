"""Gray values and classes of a case, read from where they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from specimen_unet.domain.annotation import IGNORED, classes_of
from specimen_unet.engine.devices import free_memory
from specimen_unet.engine.intensity import normalised
from specimen_unet.engine.transfer import sent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.voxel_index import VoxelIndex

Scale = tuple["Array", "Array"]

# Cases may take this share of what a GPU has left beside the network.
_SHARE_FOR_CASES = 0.5
_BYTES_OF_CLASS = 2


class Pixels(Protocol):
    """A case as patches read it."""

    def image(self, inside: Sequence[slice]) -> Tensor:
        """Return normalised gray values, float32 (C, *size), of a part of the case."""

    def classes(
        self, observer: str, inside: Sequence[slice], index: VoxelIndex
    ) -> Tensor:
        """Return an observer's classes there, int16 (*size); `index` says where any."""


class StoredPixels:
    """Read anew for every patch, from main memory or a memory map.

    Parameters
    ----------
    case : Case
        Stays as it is stored.
    plan : Plan
        Says what labels mean.
    scale : tuple of ndarray
        Of `intensity_scale`.
    device : torch.device
        Where what was read is put.
    """

    def __init__(
        self, case: Case, plan: Plan, scale: Scale, device: torch.device
    ) -> None:
        self._case = case
        self._plan = plan
        self._scale = scale
        self._device = device

    def image(self, inside: Sequence[slice]) -> Tensor:
        """Read and normalise gray values."""
        values = normalised(self._case.image[:, *inside], *self._scale)
        return sent(values, self._device)

    def classes(
        self, observer: str, inside: Sequence[slice], index: VoxelIndex
    ) -> Tensor:
        """Read labels as they are now, and tell their classes."""
        drawn = np.asarray(self._case.labels[observer][tuple(inside)])
        classes = _classes(drawn, index.is_annotated[inside[0]], self._plan)
        return sent(classes, self._device)


class ResidentPixels:
    """Kept on the device, gray values as they are stored.

    Classes are found once, and again when somebody has painted: the index is then
    another one.

    Parameters
    ----------
    case, plan, scale, device
        As `StoredPixels`.
    """

    def __init__(
        self, case: Case, plan: Plan, scale: Scale, device: torch.device
    ) -> None:
        self._case = case
        self._plan = plan
        self._image = torch.from_numpy(_as_kept(case.image)).to(device)
        per_channel = (-1,) + (1,) * len(case.shape)
        self._offset, self._factor = (
            sent(numbers.reshape(per_channel), device) for numbers in scale
        )
        self._classes: dict[str, tuple[VoxelIndex, Tensor]] = {}

    def image(self, inside: Sequence[slice]) -> Tensor:
        """Normalise gray values."""
        values = self._image[:, *inside].float() - self._offset
        return values.mul_(self._factor)

    def classes(
        self, observer: str, inside: Sequence[slice], index: VoxelIndex
    ) -> Tensor:
        """Cut classes out; the labels are read again only where they have changed."""
        found = self._classes.get(observer)
        if found is None or found[0] is not index:
            drawn = np.asarray(self._case.labels[observer])
            classes = _classes(drawn, index.is_annotated, self._plan)
            found = index, torch.from_numpy(classes).to(self._image.device)
            self._classes[observer] = found
        return found[1][tuple(inside)]


def fit_on(device: torch.device, cases: Iterable[Case], plan: Plan) -> bool:
    """Tell whether cases can be kept on a GPU, beside the network that learns there."""
    if device.type != "cuda":
        return False
    taken = sum(
        _bytes_of(case.image)
        + len(case.labels) * _BYTES_OF_CLASS * int(np.prod(case.shape))
        for case in cases
    )
    room = free_memory(device) - plan.forecast.memory_bytes
    return taken <= _SHARE_FOR_CASES * room


def _classes(drawn: Array, is_annotated: Array, plan: Plan) -> Array:
    """Return the classes of (part of) an observer's labels, int16."""
    # Whether a slice holds a label cannot be seen in a part of it.
    is_painted = plan.annotation == "painted"
    classes = classes_of(
        drawn,
        plan.label_values,
        "painted" if is_painted else "everywhere",
        plan.painted_background,
    )
    classes[~is_annotated] = IGNORED
    return classes


def _as_kept(image: Array) -> Array:
    """Return gray values as a device keeps them: as stored, or as float32 if longer."""
    kind = image.dtype.newbyteorder("=") if image.dtype.itemsize <= 2 else np.float32
    return np.array(image, kind, order="C")


def _bytes_of(image: Array) -> int:
    return int(image.size * min(image.dtype.itemsize, 4))
