"""What a model file says of itself, beside its weights."""

from __future__ import annotations

from pydantic import Field

from specimen_unet.domain.plan import Plan
from specimen_unet.domain.settings import Settings

FORMAT_VERSION = 1


class Metrics(Settings):
    """Scores on held-out cases, whole volumes, of the weights in the file."""

    step: int
    mean_dice: float | None = Field(description="None where it is undefined.")
    mean_iou: float | None
    dice: dict[int, float | None]
    by_observer: dict[str, float | None]
    caution: str = ""


class ModelCard(Settings):
    """The JSON card in the header of a model file."""

    format_version: int = FORMAT_VERSION
    name: str
    plan: Plan
    label_colours: dict[int, str] = Field(description="Label value -> #rrggbb.")
    axes: tuple[str, ...]
    observers: tuple[str, ...]
    groups: dict[str, str] = Field(description="Case -> group.")
    case_hashes: dict[str, str] = Field(
        description="Case -> SHA-256 of image and labels."
    )
    versions: dict[str, str] = Field(description="Package -> version.")
    metrics: Metrics | None
    steps_done: int
    minutes_trained: float
    parent: str | None = Field(None, description="Model this one was fine-tuned from.")
    date: str = Field(description="ISO 8601, UTC.")
