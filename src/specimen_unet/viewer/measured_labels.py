"""Labels layers that are measured: which labels they hold, sizes, and margins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from specimen_unet.domain.counts import labels_present
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
    SpecimenUnetError,
)
from specimen_unet.domain.margins import margin
from specimen_unet.domain.measures import measure
from specimen_unet.viewer.comparison import voxels_of
from specimen_unet.viewer.layer_checks import (
    check_labels_layer,
    grid_of_layer,
    spatial_shape,
)
from specimen_unet.viewer.layers import names_of_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.margins import Margin

MOST_LABELS = 40
"""Labels of a layer that are measured; with more, they are cells or the like."""


@dataclass(frozen=True, slots=True)
class DrawnLabel:
    """One label of one layer. It stays the same when it is painted on or renamed."""

    layer: Any
    value: int
    name: str = field(default="", compare=False)
    voxels: int = field(default=0, compare=False)

    @property
    def mask(self) -> Array:
        """Its voxels, as they are now."""
        mask: Array = voxels_of(self.layer) == self.value
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class LayerSizes:
    """How large the labels of a layer are, and what margins can be measured between.

    Attributes
    ----------
    table : DataFrame
        What `domain.measures.measure` returned.
    grid : Grid
        In whose unit the sizes are.
    labels : list of DrawnLabel
        Of this layer first, then of others on its grid.
    remarks : list of str
        What the person should know.
    """

    table: pd.DataFrame
    grid: Grid
    labels: list[DrawnLabel]
    remarks: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredMargin:
    """The margin between two labels, and what is odd about it.

    Attributes
    ----------
    specimen, tumour : DrawnLabel
        What was chosen.
    margin : Margin
        What `domain.margins.margin` returned.
    remarks : list of str
        Cautions.
    """

    specimen: DrawnLabel
    tumour: DrawnLabel
    margin: Margin
    remarks: list[str]


def measure_layer(layer: Any, others: Iterable[Any] = ()) -> LayerSizes:
    """Measure the labels of a layer, and list those of others on its grid.

    Parameters
    ----------
    layer : napari.layers.Labels or alike, or None
        The layer that was chosen.
    others : iterable of napari.layers.Labels or alike
        Those that are open.

    Raises
    ------
    SpecimenUnetError
        If there is nothing to measure: what is missing, and what to do.
    """
    _check(layer)
    grid = grid_for_sizes(layer)
    labels = _labels_of(layer)
    if not labels:
        raise NoAnnotationError(
            f"Nothing is painted in {layer.name!r} yet: paint, or choose another layer."
        )
    shown = sorted(labels, key=lambda label: -label.voxels)[:MOST_LABELS]
    voxels = voxels_of(layer)
    if len(shown) < len(labels):
        voxels = np.where(np.isin(voxels, [label.value for label in shown]), voxels, 0)
    table = measure(voxels, grid, label_names=names_of_labels([layer]))
    remarks = _size_remarks(table, grid, len(labels))
    offered = list(shown)
    for other in others:
        if other is not layer and _lies_on(other, layer):
            offered += _labels_of(other)[:MOST_LABELS]
    return LayerSizes(table, grid, offered, remarks)


def measure_margin(
    specimen: DrawnLabel | None, tumour: DrawnLabel | None
) -> MeasuredMargin:
    """Measure the margin between two labels on one grid.

    In one layer a voxel of the tumour bears no other label, so it counts as specimen,
    too.

    Raises
    ------
    SpecimenUnetError
        If a choice is missing or wrong: what to do.
    """
    if specimen is None:
        raise NoAnnotationError(
            "Choose which label is the specimen: all tissue. It may stand in a second "
            "labels layer on the same image."
        )
    if tumour is None:
        raise NoAnnotationError("Choose which label is the tumour.")
    if specimen == tumour:
        raise GridMismatchError(
            "Specimen and tumour are the same label: choose two different ones."
        )
    drawn, lesion = specimen.mask, tumour.mask
    is_one_layer = specimen.layer is tumour.layer
    lone = _voxels_apart(drawn, lesion) if is_one_layer else 0
    tissue = drawn | lesion if is_one_layer else drawn
    found = margin(tissue, lesion, grid_for_sizes(specimen.layer))
    return MeasuredMargin(specimen, tumour, found, _margin_remarks(found, lone))


def grid_for_sizes(layer: Any) -> Grid:
    """Return the grid of a layer in millimetres, unless it is a microscope's.

    Specimens whose files speak of µm are measured in mm, too; an image that is smaller
    than 1 mm keeps its unit, and one without a unit counts pixels.
    """
    grid = grid_of_layer(layer)
    if not grid.can_be_in("mm"):
        return grid
    large = grid.in_unit("mm")
    extent = max(
        size * step
        for size, step in zip(spatial_shape(layer), large.spacing, strict=True)
    )
    return large if extent >= 1 else grid


def _check(layer: Any) -> None:
    """Refuse what cannot be measured."""
    if layer is None:
        raise NoAnnotationError(
            "There is no labels layer yet: segment an image, or open its labels. "
            "Labels that were opened as an image: right-click it > Convert to Labels."
        )
    shape = spatial_shape(layer)
    if len(shape) not in (2, 3):
        raise ImageError(
            f"The layer {layer.name!r} has {len(shape)} axes {shape}, but 2 (Y, X) or "
            "3 (Z, Y, X) were expected: right-click it > Split Stack, and choose one "
            "of the parts."
        )
    check_labels_layer(layer, layer, may_be_empty=True)


def _lies_on(other: Any, layer: Any) -> bool:
    try:
        check_labels_layer(other, layer, may_be_empty=True)
    except SpecimenUnetError:
        return False
    return True


def _labels_of(layer: Any) -> list[DrawnLabel]:
    """List the labels of a layer with their names and voxels."""
    voxels, names = voxels_of(layer), names_of_labels([layer])
    if voxels.dtype == bool:
        voxels = voxels.view(np.uint8)
    present = labels_present(voxels)
    # One pass for all; a layer of instances may hold thousands.
    order = np.searchsorted(present, voxels[voxels > 0])
    counts = np.bincount(order, minlength=len(present))
    return [
        DrawnLabel(layer, value, names.get(value, f"label {value}"), int(count))
        for value, count in zip(present, counts, strict=True)
    ]


def _size_remarks(table: pd.DataFrame, grid: Grid, n_labels: int) -> list[str]:
    remarks = []
    cut = [f"{name!r}" for name in table.loc[table["is_cut"], "name"]]
    if cut:
        goes = "goes" if len(cut) == 1 else "go"
        remarks.append(
            f"{' and '.join(cut)} {goes} on to the border of the image: only what is "
            "in the image is measured."
        )
    if grid.unit == "pixel":
        remarks.append(
            "Nobody said how large a voxel is, so sizes are in pixels: open a file "
            "that says it, or set the layer's scale and units."
        )
    if n_labels > len(table):
        remarks.append(
            f"The {len(table)} largest of {n_labels:,} labels are measured; `measure` "
            "in a script measures all."
        )
    return remarks


def _margin_remarks(found: Margin, lone: int) -> list[str]:
    remarks = []
    if found.is_cut:
        remarks.append(
            "The specimen goes on to the border of the image. Its surface beyond is "
            "not known: the margin may be narrower there."
        )
    if found.outside:
        remarks.append(
            f"{found.outside:,} voxels of the tumour lie outside the specimen. They "
            "count as specimen, so there the margin is 0: correct one of the two."
        )
    if lone:
        remarks.append(
            f"{lone:,} voxels of the tumour touch no voxel of the specimen, so there "
            "the margin is 0: correct one of the two."
        )
    return remarks


def _voxels_apart(specimen: Array, tumour: Array) -> int:
    """Count the voxels in parts of a tumour that no voxel of the specimen touches."""
    parts, n_parts = ndimage.label(tumour)
    cross = ndimage.generate_binary_structure(parts.ndim, 1)
    grown = ndimage.grey_dilation(parts, footprint=cross)
    beside = np.unique(grown[specimen])
    is_apart = np.ones(n_parts + 1, bool)
    is_apart[beside] = is_apart[0] = False
    return int(np.count_nonzero(is_apart[parts]))
