"""What a person may choose when labels are scored."""

from __future__ import annotations

from typing import Annotated as Checked

from pydantic import Field

from specimen_unet.domain.case import Annotation
from specimen_unet.domain.settings import Settings


class ComparisonSettings(Settings):
    """Where labels are scored, and by what beside their overlap."""

    annotation: Annotation = Field(
        "everywhere",
        title="Unlabelled (0) means",
        description="everywhere: background. slices: slices without any label were not "
        "annotated. painted: not annotated; the first label is the background.",
    )
    surfaces: bool = Field(
        False,
        title="Surface distances",
        description="Measure how far surfaces lie apart, too: HD95 and mean distance.",
    )
    tolerance: Checked[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        title="Tolerance",
        description="Distance up to which surfaces agree, in the unit of the voxels: "
        "adds surface distances and surface Dice.",
    )

    @property
    def wants_surfaces(self) -> bool:
        """Whether surfaces were asked for, by either option."""
        return self.surfaces or self.tolerance is not None
