"""One size for pictures of which nobody knows how large their pixels are.

Ultrasound machines export pictures of 200 to 1000 pixels a side that show about as
much tissue. Where the files say no pixel size, the pixels of two pictures mean
nothing to each other, and what is comparable is the share of the picture that a
structure takes: so all are brought to one size, as the studies on such pictures do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.engine.decisions import Decision, sizes
from specimen_unet.engine.haste import is_hurried

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Fingerprint, Plan
    from specimen_unet.domain.settings import TrainingSettings

# Pictures of which the largest is less than this much longer or wider than the
# smallest are taken as they are.
_ALIKE = 1.2
# What the sides of the usual networks' patches are divisible by: of a size that is
# not, a patch would be a little smaller, and every picture would take four of them.
_MULTIPLE = 16
# Up to so many minutes of two cores small pictures teach more: in one, BUSI came to a
# Dice of 0.70 at 112 x 144 pixels and of 0.52 at 224 x 272, and in ten to no less than
# by a pretrained backbone at 160 x 192 (docs/benchmarks.md).
_MINUTES = 10
_QUICK_PIXELS = 18_500
_WIDE = 4


def learns_small(settings: TrainingSettings, seen: Fingerprint, minutes: float) -> bool:
    """Tell whether pictures are made small because there are few minutes.

    Only where all are brought to one size, and labels stay wide enough to be learnt;
    above a minute or two, where nobody chose another network than the usual one.
    """
    width = seen.label_width
    is_usual = settings.network in ("auto", "FastUNet") and not settings.quality
    return (
        (is_hurried(minutes) or (is_usual and minutes <= _MINUTES))
        and settings.patch == "auto"
        and _differ(settings, seen)
        and width is not None
        and width * _shrinkage(_QUICK_PIXELS, seen) >= _WIDE
    )


def decide_common_size(
    settings: TrainingSettings,
    seen: Fingerprint,
    most_pixels: float,
    minutes: float = math.inf,
    start_from: Plan | None = None,
) -> Decision[tuple[int, ...] | None]:
    """Choose the size that every picture is brought to, or none.

    Parameters
    ----------
    settings : TrainingSettings
        Who chooses a spacing wants pixels as they are.
    seen : Fingerprint
        Of the cases.
    most_pixels : float
        That a patch may have: a patch then shows a whole picture.
    minutes : float, optional
        To hurry.
    start_from : Plan, optional
        Of a model that is fine-tuned; its size is kept.
    """
    if start_from is not None:
        size = start_from.resize_to
        return Decision(size, _reason(size, "as in the model it starts from"))
    if not _differ(settings, seen):
        return Decision(None, "")
    why = "their sizes differ and no file says how large a pixel is"
    if learns_small(settings, seen, minutes):
        most_pixels = min(most_pixels, _QUICK_PIXELS)
        why += f". In {minutes:g} min small ones teach most"
    shapes = np.array(seen.shapes, float)
    aspect = float(np.median(shapes[:, 0] / shapes[:, 1]))
    area = min(float(np.median(shapes.prod(1))), most_pixels)
    size = (_divisible(math.sqrt(area * aspect)), _divisible(math.sqrt(area / aspect)))
    return Decision(size, _reason(size, why))


def _differ(settings: TrainingSettings, seen: Fingerprint) -> bool:
    """Tell whether these are pictures of all sizes that nobody can compare."""
    shapes = np.array(seen.shapes, float)
    is_told = settings.spacing != "auto" or seen.unit != "pixel"
    if is_told or shapes.shape[1] != 2:
        return False
    return bool((shapes.max(0) / shapes.min(0)).max() >= _ALIKE)


def _divisible(length: float) -> int:
    """Shorten a side so that a network takes it whole, if it is not tiny."""
    shorter = int(length / _MULTIPLE) * _MULTIPLE
    return shorter or max(round(length), 1)


def as_if_of_size(seen: Fingerprint, size: tuple[int, ...]) -> Fingerprint:
    """Return what would have been seen in pictures of one size."""
    changes = {
        "shapes": (size,) * seen.cases,
        "spacings": ((1.0,) * len(size),) * seen.cases,
        "label_width": seen.label_width
        and seen.label_width * _shrinkage(math.prod(size), seen),
    }
    return seen.model_copy(update=changes)


def _shrinkage(pixels: float, seen: Fingerprint) -> float:
    """Return how much shorter lines become in a typical picture of so many pixels."""
    area = float(np.median(np.array(seen.shapes, float).prod(1)))
    return math.sqrt(pixels / area)


def _reason(size: tuple[int, ...] | None, why: str) -> str:
    if size is None:
        return ""
    return f"All pictures are brought to {sizes(size)} pixels: {why}."
