"""The small decisions of a plan, each with its reason in plain words.

What a person chose is kept, and the reason says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from specimen_unet.domain.advice import FOR_LOSS
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.grid import AXES
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.engine.shape_rules import target_spacing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from specimen_unet.domain.plan import Fingerprint, Split
    from specimen_unet.domain.settings import (
        LossName,
        Normalisation,
        OptimiserName,
        Teaching,
    )
    from specimen_unet.engine.precision import Precision

T = TypeVar("T")

BY_HAND = "chosen by you"

# 3D pays off when there are some slices, they are not much further apart than
# pixels, and they show one object (see `slice_likeness`).
_FEWEST_SLICES = 8
_LONGEST_STEP = 10
_LEAST_LIKENESS = 0.25
# The brightest voxels lie this many times beyond the range of most of them.
_HEAVY_TAIL = 3
_TAUGHT: dict[Teaching, str] = {
    "random": "Where several drew, every patch is learnt as one of them drew it",
    "mean": "Where several drew, every voxel is learnt as likely as they say",
    "majority": "Where several drew, what most of them drew is learnt",
    "union": "Where several drew, what any of them drew is learnt",
    "intersection": "Where several drew, what all of them drew is learnt",
    "staple": "Where several drew, what STAPLE makes of it is learnt",
}
_RATES = {"AdamW": 0.002, "Adam": 0.001, "SGD": 0.02}


class Decision(NamedTuple, Generic[T]):
    """A value and why it is this one."""

    value: T
    reason: str


def by_hand(value: T, what: str) -> Decision[T]:
    """Keep what a person chose."""
    return Decision(value, f"{what}, {BY_HAND}.")


def decided_otherwise(
    reasons: Mapping[str, str], names: Collection[str], how: str
) -> dict[str, str]:
    """Say how values came about that settings name, but that no person chose."""
    return {
        name: reason.replace(BY_HAND, how) if name in names else reason
        for name, reason in reasons.items()
    }


def with_advice(decision: Decision[T], advice: Mapping[T, str]) -> Decision[T]:
    """Add when the choice is a good one."""
    line = advice[decision.value]
    return Decision(decision.value, f"{decision.reason} {line[:1].upper()}{line[1:]}")


def sizes(numbers: Sequence[float]) -> str:
    """Write sizes as people do: 32 x 96 x 96."""
    return " x ".join(f"{number:.4g}" for number in numbers)


def decide_dimensions(settings: TrainingSettings, seen: Fingerprint) -> Decision[Any]:
    """Choose between 2D and 3D."""
    of_cases = len(seen.shapes[0])
    if settings.dimensions != "auto":
        if settings.dimensions > of_cases:
            raise PlanError(
                "A 3D network was asked for, but the cases are single 2D images: "
                "choose 2D or auto."
            )
        return by_hand(settings.dimensions, f"{settings.dimensions}D")
    if of_cases == 2:
        return Decision(2, "2D: the cases are single images.")
    slices = float(np.median([shape[0] for shape in seen.shapes]))
    if slices < _FEWEST_SLICES:
        return Decision(2, f"2D: {slices:.0f} slices are too few to work in 3D.")
    step = float(np.median([s[0] / min(s[1:]) for s in seen.spacings]))
    if step > _LONGEST_STEP:
        return Decision(
            2,
            f"2D: slices lie {step:.0f} times as far apart as pixels, too far for 3D.",
        )
    if (seen.slice_likeness or 0) < _LEAST_LIKENESS:
        return Decision(
            2, "2D: neighbouring slices are not alike, as in a stack of single images."
        )
    return Decision(
        3, f"3D: the cases are volumes of about {slices:.0f} slices that are alike."
    )


def decide_spacing(
    settings: TrainingSettings, seen: Fingerprint, dimensions: int
) -> Decision[tuple[float, ...]]:
    """Choose the voxel size to work at."""
    unit = seen.unit
    if settings.spacing != "auto":
        check_length("spacing", settings.spacing, dimensions)
        return by_hand(settings.spacing, f"Voxels of {sizes(settings.spacing)} {unit}")
    spacings = [spacing[-dimensions:] for spacing in seen.spacings]
    shapes = [shape[-dimensions:] for shape in seen.shapes]
    target = target_spacing(spacings, shapes)
    if np.allclose(spacings, target, rtol=1e-3):
        return Decision(
            target, f"Voxels of {sizes(target)} {unit}, as all cases have them."
        )
    return Decision(
        target,
        f"Voxels of {sizes(target)} {unit}, typical for the cases; cases with other "
        "voxels are resampled.",
    )


def decide_normalisation(
    settings: TrainingSettings, seen: Fingerprint
) -> Decision[Normalisation]:
    """Choose how gray values are brought to one scale."""
    if settings.normalisation != "auto":
        return by_hand(
            settings.normalisation, f"Gray values by {settings.normalisation}"
        )
    if seen.tail > _HEAVY_TAIL:
        return Decision(
            "percentile",
            "Gray values: the range of 99 % of each image becomes 0 to 1, because a "
            "few voxels are far brighter or darker than all others.",
        )
    return Decision(
        "z-score",
        "Gray values: each image is brought to the same mean brightness and contrast.",
    )


def decide_strength(settings: TrainingSettings) -> Decision[float]:
    """Choose how strongly patches are changed, as long as no case is seen often."""
    if settings.augmentation != "auto":
        return by_hand(settings.augmentation, f"Augmentation {settings.augmentation:g}")
    return Decision(
        1.0,
        "Patches are turned, scaled, blurred and brightened at random, so that the "
        "network copes with images that differ a little.",
    )


def decide_teaching(
    settings: TrainingSettings, seen: Fingerprint
) -> Decision[Teaching]:
    """Say what is learnt where several observers drew; of one there is no choice."""
    if seen.observers < 2:
        return Decision(settings.observers, "")
    reason = f"{_TAUGHT[settings.observers]}; the score is against each of them"
    if is_chosen(settings, "observers"):
        return by_hand(settings.observers, reason)
    return Decision(settings.observers, f"{reason}.")


def decide_loss(settings: TrainingSettings) -> Decision[LossName]:
    """Say why this is minimised."""
    if is_chosen(settings, "loss"):
        return with_advice(by_hand(settings.loss, f"Loss {settings.loss}"), FOR_LOSS)
    return Decision(settings.loss, f"Loss {settings.loss}: {FOR_LOSS[settings.loss]}")


def decide_optimiser(settings: TrainingSettings) -> Decision[OptimiserName]:
    """Say why weights are changed this way."""
    if is_chosen(settings, "optimiser"):
        return by_hand(settings.optimiser, f"Optimiser {settings.optimiser}")
    return Decision(
        settings.optimiser, f"Optimiser {settings.optimiser}: quick and undemanding."
    )


def decide_rate(settings: TrainingSettings) -> Decision[float]:
    """Choose the highest learning rate."""
    if settings.learning_rate != "auto":
        return by_hand(
            settings.learning_rate, f"Learning rate {settings.learning_rate}"
        )
    rate = _RATES[settings.optimiser]
    return Decision(
        rate,
        f"Learning rate up to {rate}, which suits {settings.optimiser}; it rises "
        "first and falls towards the end.",
    )


def decide_precision(precision: Precision) -> Decision[Precision]:
    """Say why numbers have the digits they have."""
    if precision == "float32":
        return Decision(
            precision, "Numbers of 32 bits: this device is no faster with fewer digits."
        )
    return Decision(
        precision,
        "Numbers of 16 bits where that does no harm: this device is faster with them.",
    )


def reason_for_labels(settings: TrainingSettings, seen: Fingerprint) -> str:
    """Say what is learnt from which voxels."""
    first, *others = seen.label_values
    if settings.annotation == "painted":
        return (
            f"{_learnt(others)}; label {first} is the background, and voxels without "
            "a label are left out."
        )
    if settings.annotation == "slices":
        return (
            f"{_learnt(seen.label_values)}; 0 is the background in slices that hold a "
            "label, and other slices are left out."
        )
    return f"{_learnt(seen.label_values)}; 0 is the background."


def _learnt(labels: Sequence[int]) -> str:
    """Name the labels that are learnt."""
    if len(labels) == 1:
        return f"Label {labels[0]} is learnt"
    return f"Labels {', '.join(map(str, labels))} are learnt"


def reason_for_foreground(settings: TrainingSettings, seen: Fingerprint) -> str:
    """Say why patches are centred on labels."""
    share = f"{settings.foreground:.0%} of the patches are centred on a label"
    if is_chosen(settings, "foreground"):
        return f"{share}, {BY_HAND}."
    return f"{share}: labels fill {seen.foreground_fraction:.1%} of what is annotated."


def reason_for_split(split: Split) -> str:
    """Say what the model is scored on."""
    if split.caution:
        return split.caution
    held_out = ", ".join(split.validation[:3])
    more = f" and {len(split.validation) - 3} more" if len(split.validation) > 3 else ""
    return (
        f"Learns from {len(split.training)} cases and is scored on {held_out}{more}, "
        "which share no group with them."
    )


def is_chosen(settings: TrainingSettings, name: str) -> bool:
    """Whether a person changed this field."""
    return bool(getattr(settings, name) != TrainingSettings.model_fields[name].default)


def check_length(name: str, numbers: Sequence[float], dimensions: int) -> None:
    """Refuse as many numbers as there are no axes."""
    if len(numbers) != dimensions:
        raise PlanError(
            f"The {name} {sizes(numbers)} has {len(numbers)} numbers, but a "
            f"{dimensions}D network needs {dimensions}: give one for each of "
            f"{', '.join(AXES[-dimensions:])}."
        )
