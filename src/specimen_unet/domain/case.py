"""One specimen: its image, its grid and what observers drew on it."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from specimen_unet.domain.errors import GridMismatchError, ImageError
from specimen_unet.domain.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Annotation = Literal["everywhere", "slices", "painted"]
SplitMark = Literal["", "training", "validation", "test"]
"""What a person wants a case to be used for; "" leaves it to the plan."""
Array = np.ndarray[Any, Any]


class Case:
    """One specimen: an image, its grid, and the labels of zero or more observers.

    Parameters
    ----------
    image : ndarray, shape (*spatial) or (C, *spatial)
        Gray values; spatial is ``(Y, X)`` or ``(Z, Y, X)``. Kept as it is stored
        (also memory-mapped), with a channel axis put in front when it has none.
    labels : mapping of str to ndarray of int, shape (*spatial), optional
        Labels by observer; 0 means what the settings' `annotation` says.
    spacing : sequence of float, optional
        Size of a voxel along each spatial axis. Without it the unit is "pixel".
    unit : str, optional
        Unit of `spacing`; "pixel" when it is not known.
    name : str, optional
        What people call this specimen.
    group : str, optional
        Cases of one group (patient, specimen, near-duplicates) never stand on
        both sides of a split. The name, when not given.
    channel_names : sequence of str, optional
        What people call the channels; as many as there are, or none.
    label_names : mapping of int to str, optional
        What people call the labels, by value, as far as they have a name.
    split : {"", "training", "validation", "test"}
        What a person wants it to be used for. A test case is neither learnt from nor
        validated on.

    Raises
    ------
    GridMismatchError
        If image, labels and spacing do not fit together.
    ImageError
        If the image has no voxels or is not numeric.
    """

    def __init__(  # noqa: PLR0913 (each a fact of its own)
        self,
        image: Array,
        labels: Mapping[str, Array] | None = None,
        *,
        spacing: Sequence[float] | None = None,
        unit: str = "pixel",
        name: str = "case",
        group: str | None = None,
        channel_names: Sequence[str] = (),
        label_names: Mapping[int, str] | None = None,
        split: SplitMark = "",
    ) -> None:
        labels = dict(labels or {})
        dimensions = _dimensions(image, labels, spacing, name)
        self.image: Array = image if image.ndim > dimensions else image[np.newaxis]
        self.grid = Grid(
            tuple(spacing) if spacing is not None else (1.0,) * dimensions, unit
        )
        self.labels: Mapping[str, Array] = MappingProxyType(labels)
        self.name = name
        self.group = group if group is not None else name
        self.split: SplitMark = split
        self.channel_names = tuple(channel_names)
        self.label_names: Mapping[int, str] = MappingProxyType(dict(label_names or {}))
        _check_image(self.image, name)
        for observer, drawn in labels.items():
            _check_labels(drawn, self.shape, observer, name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along each spatial axis."""
        return tuple(self.image.shape[1:])

    @property
    def channels(self) -> int:
        """Number of channels of the image."""
        return int(self.image.shape[0])

    def with_labels(self, labels: Mapping[str, Array]) -> Case:
        """Return the same specimen with other labels on it, by observer.

        Raises
        ------
        GridMismatchError
            If they do not fit the image.
        """
        return self._copy(labels, self.split)

    def with_split(self, split: SplitMark) -> Case:
        """Return the same specimen, to be used for something else."""
        return self._copy(self.labels, split)

    def _copy(self, labels: Mapping[str, Array], split: SplitMark) -> Case:
        return Case(
            self.image,
            labels,
            spacing=self.grid.spacing,
            unit=self.grid.unit,
            name=self.name,
            group=self.group,
            channel_names=self.channel_names,
            label_names=self.label_names,
            split=split,
        )

    def __repr__(self) -> str:
        observers = ", ".join(self.labels) or "no labels"
        size = " x ".join(map(str, self.shape))
        return f"<Case {self.name!r} {size} ({observers})>"


def common_label_names(cases: Iterable[Case]) -> dict[int, str]:
    """Return the names of labels on which cases agree, by value.

    A name that stands for several labels, or a label of several names, is left out:
    its number tells more.
    """
    names: dict[int, set[str]] = {}
    for case in cases:
        for value, name in case.label_names.items():
            if name.strip():
                names.setdefault(value, set()).add(name.strip())
    agreed = {value: found.pop() for value, found in names.items() if len(found) == 1}
    count = Counter(agreed.values())
    return {value: name for value, name in agreed.items() if count[name] == 1}


def _dimensions(
    image: Array,
    labels: Mapping[str, Array],
    spacing: Sequence[float] | None,
    name: str,
) -> int:
    """Count the spatial axes, by whatever knows them."""
    if spacing is not None:
        dimensions = len(spacing)
    elif labels:
        dimensions = next(iter(labels.values())).ndim
    else:
        dimensions = min(image.ndim, 3)
    if dimensions not in (2, 3) or image.ndim not in (dimensions, dimensions + 1):
        raise GridMismatchError(
            f"The image of {name} has the shape {image.shape}, but {dimensions} "
            "spatial axes were expected: give (Y, X), (Z, Y, X), or those with "
            "channels in front."
        )
    return dimensions


def _check_image(image: Array, name: str) -> None:
    if image.size == 0:
        raise ImageError(f"The image of {name} has no voxels (shape {image.shape}).")
    if image.dtype.kind not in "buif":
        raise ImageError(
            f"The image of {name} holds {image.dtype} values; gray values must be "
            "integers or real numbers: convert it first."
        )


def _check_labels(
    drawn: Array, shape: tuple[int, ...], observer: str, name: str
) -> None:
    if tuple(drawn.shape) != shape:
        raise GridMismatchError(
            f"The labels {observer!r} of {name} are {tuple(drawn.shape)} but the "
            f"image is {shape}: choose labels that were drawn on this image."
        )
    if drawn.dtype.kind not in "bui":
        raise GridMismatchError(
            f"The labels {observer!r} of {name} hold {drawn.dtype} values; labels "
            "must be whole numbers: convert them first (napari: Convert data type)."
        )
