"""What a model file says of itself, beside its weights."""

from __future__ import annotations

from pydantic import Field

from specimen_unet.domain.plan import Plan
from specimen_unet.domain.settings import Settings

FORMAT_VERSION = 1

# Below this more is wrong than right of what is marked or missed.
_LEAST_USEFUL = 0.5


class Metrics(Settings):
    """Scores on held-out cases, whole volumes, of the weights in the file."""

    step: int
    validations: int = Field(
        1,
        ge=1,
        description="How many these were chosen from, as the best; 1 where nobody "
        "chose, as at the end of a training.",
    )
    mean_dice: float | None = Field(description="None where it is undefined.")
    mean_iou: float | None
    dice: dict[int, float | None]
    by_observer: dict[str, float | None]
    caution: str = ""

    def is_above(self, best: Metrics | None) -> bool:
        """Tell whether these are better than the best ones so far."""
        if self.mean_dice is None:
            return False
        least = best.mean_dice if best else None
        return least is None or self.mean_dice > least

    def in_words(self, digits: int = 2) -> str:
        """Say what was reached, against whom, and out of how many tries."""
        if self.mean_dice is None:
            return "It was not scored: nothing was held out that holds a label."
        observers = ", ".join(
            f"{name} {dice:.{digits}f}"
            for name, dice in self.by_observer.items()
            if dice is not None
        )
        beside = f" ({observers})" if len(self.by_observer) > 1 else ""
        text = f"Dice on held-out labels: {self.mean_dice:.{digits}f}{beside}"
        if self.validations > 1:
            text += (
                f", the best of {self.validations} validations on them: expect a "
                "little less on new specimens"
            )
        if self.mean_dice < _LEAST_USEFUL:
            text += ". Too little was learnt to rely on it"
        return text


class ModelCard(Settings):
    """The JSON card in the header of a model file."""

    format_version: int = FORMAT_VERSION
    name: str
    plan: Plan
    label_colours: dict[int, str] = Field(description="Label value -> #rrggbb.")
    axes: tuple[str, ...]
    observers: tuple[str, ...]
    channel_names: tuple[str, ...] = Field((), description="Of the training images.")
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
