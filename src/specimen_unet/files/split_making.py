"""Splits that are made: whole groups, dealt out so that the parts are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.folds import Traits, check_folds, deal_folds
from specimen_unet.domain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import SplitMark
    from specimen_unet.files.case_table import Row


class SplitSettings(Settings):
    """Into how many parts cases are dealt, and what the parts are for."""

    parts: int = Field(
        5,
        ge=2,
        le=20,
        title="Parts",
        description="Groups are dealt to so many parts with about as many cases, "
        "labels of each kind and labelled voxels.",
    )
    validation: int = Field(
        1, ge=0, le=20, title="Validation is part",
        description="The part to score the model on while it learns; 0: none.",
    )  # fmt: skip
    test: int = Field(
        0, ge=0, le=20, title="Test is part",
        description="The part that is kept for the very end; 0: none.",
    )  # fmt: skip
    seed: int = Field(
        0, ge=0, title="Seed", description="Another seed deals alike groups otherwise."
    )


def made_splits(rows: Sequence[Row], settings: SplitSettings) -> dict[str, SplitMark]:
    """Deal cases to training, validation and test.

    Parameters
    ----------
    rows : sequence of Row
        Their labels are read, where they have any.
    settings : SplitSettings
        Parts are counted from 1; a part of every `parts` is one fold of a k-fold
        cross-validation.

    Returns
    -------
    dict
        Name of the case -> what it is to be used for.

    Raises
    ------
    PlanError
        If there are fewer groups with labels than parts, or parts that are not there
        are chosen.
    """
    _check_parts(settings)
    traits = [_traits(row) for row in rows]
    check_folds(traits, settings.parts)
    fold_of = deal_folds(traits, settings.parts, settings.seed)
    marks: dict[int, SplitMark] = {
        settings.validation: "validation",
        settings.test: "test",
    }
    return {name: marks.get(fold + 1, "training") for name, fold in fold_of.items()}


def _check_parts(settings: SplitSettings) -> None:
    """Refuse parts that are not there, or are for two things."""
    wanted = settings.validation, settings.test
    if max(wanted) > settings.parts:
        raise PlanError(
            f"Part {max(wanted)} was chosen, but there are {settings.parts} parts: "
            f"choose 1 to {settings.parts}, or 0 for none."
        )
    if wanted[0] == wanted[1]:
        raise PlanError(
            "Validation and test are the same part: choose two parts, or 0 for none "
            "of one of them."
        )


def _traits(row: Row) -> Traits:
    labels = row.labels
    if labels is None:
        return Traits(row.name, row.group)
    return Traits(row.name, row.group, frozenset(labels.present), labels.foreground)
