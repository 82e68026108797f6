"""What a person says about a folder of cases that its files do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from specimen_unet.files.questions import Answers

LayoutName = Literal["auto", "nnunet", "msd", "numbered-masks", "names", "two-folders"]
"""How a folder is laid out (see `files.layouts`); "auto" is found out."""

AUTO: LayoutName = "auto"


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """How a folder of cases is to be understood; by default, as its files say.

    Attributes
    ----------
    layout : str
        A `LayoutName`.
    group_pattern : str, optional
        Regular expression whose first bracket is the group in the name of a file;
        an empty one makes every case a group of its own.
    answers : mapping
        To what images leave open.
    level : int
        Of images in several resolutions (OME-Zarr); 0 is the full one.
    """

    layout: str = AUTO
    group_pattern: str | None = None
    answers: Answers = field(default_factory=dict)
    level: int = 0


AS_FOUND = CaseOptions()
"""Nobody said anything."""
