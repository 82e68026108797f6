"""What the planner sees in the cases: one pass over all voxels, a block at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.case import common_label_names
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
    PlanError,
)
from specimen_unet.domain.plan import Fingerprint
from specimen_unet.engine.label_order import LabelOrder, LabelPlaces
from specimen_unet.engine.label_tally import LabelTally, Sums
from specimen_unet.engine.label_width import LabelWidth, fine_axes
from specimen_unet.engine.slice_likeness import SliceLikeness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from specimen_unet.domain.case import Annotation, Array, Case

# Memory-mapped cases are read in blocks of whole slices of about this many voxels.
_BLOCK = 2**21
# So many gray values of a block are enough to know the range of most of them.
_SAMPLE = 2**16
_MOST = (0.5, 99.5)


def fingerprint(cases: Sequence[Case], annotation: Annotation) -> Fingerprint:
    """Look at every voxel of the cases, and refuse what nothing can be learnt from.

    Parameters
    ----------
    cases : sequence of Case
        With labels, and of as many axes and channels; also memory-mapped.
    annotation : {"everywhere", "slices", "painted"}
        What 0 means. In "painted" the smallest label is the background: it stands
        first in `Fingerprint.label_values`, and does not count as foreground.

    Returns
    -------
    Fingerprint
        Shapes and spacings in the order of the cases. Gray values are those of the
        first channel.

    Raises
    ------
    ImageError
        If an image holds NaN or infinity, or a channel is constant.
    NoAnnotationError
        If there are no labels, or only one class.
    GridMismatchError
        If axes, channels or units differ, or labels are negative.
    PlanError
        If there are no cases, or too many labels.
    """
    _check_kinds(cases)
    seen = _Seen()
    for case in cases:
        _see(case, annotation, seen)
    _check_classes(seen.tally.by_label, annotation)
    by_label = dict(sorted(seen.tally.by_label.items()))
    background = next(iter(by_label)) if annotation == "painted" else 0
    outside = by_label.get(background, Sums())
    inside = Sums.of(sums for label, sums in by_label.items() if label != background)
    return Fingerprint(
        cases=len(cases),
        shapes=tuple(case.shape for case in cases),
        spacings=tuple(case.grid.spacing for case in cases),
        unit=cases[0].grid.unit,
        channels=cases[0].channels,
        label_values=tuple(label for label in by_label if label != 0),
        label_names=common_label_names(cases),
        annotated_fraction=seen.tally.annotated / seen.tally.voxels,
        foreground_fraction=inside.voxels / seen.tally.annotated,
        foreground_mean=inside.mean,
        foreground_sd=inside.sd,
        background_mean=outside.mean,
        background_sd=outside.sd,
        observers=max(len(case.labels) for case in cases),
        tail=float(np.median(seen.tails)),
        slice_likeness=float(np.median(seen.likenesses)) if seen.likenesses else None,
        label_width=seen.width.value,
        labels_everywhere=seen.drawn == {frozenset(by_label) - {0}},
        label_order=seen.order.always,
    )


@dataclass(slots=True)
class _Seen:
    """What was seen in all cases so far."""

    tally: LabelTally = field(default_factory=LabelTally)
    width: LabelWidth = field(default_factory=LabelWidth)
    order: LabelOrder = field(default_factory=LabelOrder)
    tails: list[float] = field(default_factory=list)
    likenesses: list[float] = field(default_factory=list)
    # Which labels somebody drew in a case; none where they are painted strokes.
    drawn: set[frozenset[int]] = field(default_factory=set)


@dataclass(slots=True)
class _GrayValues:
    """Extremes of the gray values of a case, and a sample of them, by channel."""

    lowest: list[Array] = field(default_factory=list)
    highest: list[Array] = field(default_factory=list)
    sample: list[Array] = field(default_factory=list)

    def add(self, image: Array, name: str) -> None:
        """Take a block (C, *spatial) of this case."""
        flat = image.reshape(len(image), -1)
        _check_finite(flat, name)
        self.lowest.append(flat.min(1))
        self.highest.append(flat.max(1))
        thin = max(flat.shape[1] // _SAMPLE, 1) | 1
        self.sample.append(flat[:, ::thin].astype(np.float64))

    def tail(self, name: str) -> float:
        """Return how far all values span beyond most of them, over the channels."""
        lowest, highest = np.min(self.lowest, 0), np.max(self.highest, 0)
        _check_constant(lowest, highest, name)
        low, high = np.percentile(np.concatenate(self.sample, 1), _MOST, axis=1)
        span = highest.astype(float) - lowest
        return float((span / np.where(high > low, high - low, span)).max())


def _see(case: Case, annotation: Annotation, seen: _Seen) -> None:
    """Look at one case."""
    gray = _GrayValues()
    likeness = SliceLikeness()
    axes = _axes_inside_labels(case, annotation)
    annotated = dict.fromkeys(case.labels, 0)
    places = {observer: LabelPlaces() for observer in case.labels}
    for part in _blocks(case):
        image = np.asarray(case.image[:, part])
        gray.add(image, case.name)
        if case.grid.dimensions == 3:
            likeness.add(image[0])
        for observer, drawn in case.labels.items():
            block = np.asarray(drawn[part])
            annotated[observer] += seen.tally.add(image[0], block, annotation)
            seen.width.add(block, axes)
            # Where strokes lie says nothing about where structures do.
            if annotation != "painted":
                places[observer].add(block)
    seen.order.add(places.values())
    seen.drawn |= {found.labels for found in places.values()}
    _check_annotated(annotated, case.name)
    seen.tails.append(gray.tail(case.name))
    if case.grid.dimensions == 3 and likeness.value is not None:
        seen.likenesses.append(likeness.value)


def _axes_inside_labels(case: Case, annotation: Annotation) -> tuple[int, ...]:
    """Return the fine axes along which labels end only where a structure does."""
    axes = fine_axes(case.grid.spacing)
    if annotation == "painted":
        return ()
    is_volume = case.grid.dimensions == 3
    return tuple(a for a in axes if a or annotation == "everywhere" or not is_volume)


def _blocks(case: Case) -> Iterator[slice]:
    """Cut a volume into blocks of whole slices; a 2D image stays whole."""
    n = case.shape[0]
    step = n
    if case.grid.dimensions == 3:
        step = max(_BLOCK // (math.prod(case.shape[1:]) * case.channels), 1)
    return (slice(start, start + step) for start in range(0, n, step))


def _check_kinds(cases: Sequence[Case]) -> None:
    """Refuse cases that one network cannot learn from together."""
    if not cases:
        raise PlanError("There are no cases: choose at least one with labels.")
    alike = "train on those that are alike"
    same_unit = 'set one unit for all ("pixel" means that the file names none)'
    _check_alike("spatial axes", [str(c.grid.dimensions) for c in cases], cases, alike)
    _check_alike("channels", [str(c.channels) for c in cases], cases, alike)
    _check_alike("units", [c.grid.unit for c in cases], cases, same_unit)
    unlabelled = [case.name for case in cases if not case.labels]
    if unlabelled:
        raise NoAnnotationError(
            f"Nobody drew labels on {_some(unlabelled)}: give them labels, or leave "
            "them out of the training."
        )


def _check_alike(
    name: str, kinds: Sequence[str], cases: Sequence[Case], advice: str
) -> None:
    """Say which cases differ in what, and what to do."""
    of_kind = {
        kind: [c.name for c, k in zip(cases, kinds, strict=True) if k == kind]
        for kind in kinds
    }
    if len(of_kind) > 1:
        told = "; ".join(f"{kind}: {_some(names)}" for kind, names in of_kind.items())
        raise GridMismatchError(f"The cases differ in their {name} ({told}): {advice}.")


def _check_finite(values: Array, name: str) -> None:
    """Refuse NaN and infinity."""
    if values.dtype.kind != "f":
        return
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise ImageError(
            f"The image of {name} holds NaN or infinity ({bad} voxels or more): "
            "replace them, for example by 0."
        )


def _check_constant(lowest: Array, highest: Array, name: str) -> None:
    """Refuse a channel in which there is nothing to see."""
    for channel, (low, high) in enumerate(zip(lowest, highest, strict=True)):
        if low == high:
            which = (
                f"Channel {channel} of the image" if len(lowest) > 1 else "The image"
            )
            raise ImageError(
                f"{which} of {name} is {low} everywhere, so nothing can be learnt from "
                "it: choose another image, or leave the channel out."
            )


def _check_annotated(annotated: dict[str, int], name: str) -> None:
    """Refuse an observer who annotated nothing at all."""
    empty = [observer for observer, voxels in annotated.items() if not voxels]
    if empty:
        raise NoAnnotationError(
            f"The labels {_some(empty)} of {name} are empty, and 0 was said to mean "
            '"not annotated": draw something, or leave these labels out.'
        )


def _check_classes(by_label: dict[int, Sums], annotation: Annotation) -> None:
    """Refuse labels that leave nothing to tell apart."""
    if len(by_label) > 1:
        return
    (only,) = by_label
    if only == 0:
        raise NoAnnotationError(
            "The labels hold nothing but 0, the background: draw at least one "
            "structure first."
        )
    advice = {
        "everywhere": "leave what is not the structure unlabelled (0)",
        "slices": "leave what is not the structure unlabelled (0) in these slices",
        "painted": "paint some background with one label, and the structure with a "
        "higher one; or choose what 0 means differently",
    }
    raise NoAnnotationError(
        f"The labels hold only one class ({only}), so there is nothing to tell apart: "
        f"{advice[annotation]}."
    )


def _some(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
