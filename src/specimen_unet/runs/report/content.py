"""What a report is made of, wherever it comes from: a run, folders, open layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specimen_unet.files.library import count_weights, read_card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.domain.grid import Grid
    from specimen_unet.runs.curves import Curves


@dataclass(frozen=True, slots=True, eq=False)
class CaseView:
    """One case as the report pictures it.

    Attributes
    ----------
    image : ndarray, shape (C, *spatial), or None
        Its gray values, if they are there.
    predicted : ndarray of int, shape (*spatial)
        What is judged.
    truths : mapping of str to ndarray of int, shape (*spatial)
        By observer.
    grid : Grid
        Where the voxels lie.
    first_slice : int
        What the first slice is called: arrays may be a part of the case.
    slice_word : str
        What a slice is called: "Slice", or "Image" of a stack of single ones.
    """

    image: Array | None = field(repr=False)
    predicted: Array = field(repr=False)
    truths: Mapping[str, Array] = field(repr=False)
    grid: Grid
    first_slice: int = 0
    slice_word: str = "Slice"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """A model that made predictions: its card, its size, and how its training went."""

    card: ModelCard
    weights: int
    curves: Curves | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """All that a report says.

    Attributes
    ----------
    title : str
        What stands above it.
    compared : str
        A sentence that says what was compared with what.
    scores : DataFrame
        As `domain.score_tables` takes it; with the columns of surface distances, or
        without.
    groups : mapping of str to str, optional
        Group of every case; without it each case is a group of its own.
    models : sequence of TrainedModel
        Whose predictions they are; several of a cross-validation, none if not known.
    view_of : callable, optional
        Returns the `CaseView` of a case; asked for the few that are pictured.
    annotation : {"everywhere", "slices", "painted"}
        What 0 means in the ground truth.
    tolerance : float, optional
        Up to which distance surfaces agree.
    cautions : sequence of str
        What else must be known before a number is believed.
    failed : mapping of str to str
        What could not be compared, and why.
    """

    title: str
    compared: str
    scores: pd.DataFrame = field(repr=False)
    groups: Mapping[str, str] | None = None
    models: Sequence[TrainedModel] = ()
    view_of: Callable[[str], CaseView] | None = None
    annotation: Annotation = "everywhere"
    tolerance: float | None = None
    cautions: Sequence[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def trained_model(path: Path, curves: Curves | None = None) -> TrainedModel:
    """Read what a report tells of a model file.

    Raises
    ------
    ModelFileError
        If it is none.
    """
    return TrainedModel(read_card(path), count_weights(path), curves)
