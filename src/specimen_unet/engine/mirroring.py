"""Along which axes patches are mirrored, and why not along the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.grid import AXES
from specimen_unet.engine.decisions import Decision, by_hand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Fingerprint
    from specimen_unet.domain.settings import TrainingSettings


def decide_mirror_axes(
    settings: TrainingSettings, seen: Fingerprint, dimensions: int
) -> Decision[tuple[int, ...]]:
    """Choose the axes along which patches are mirrored.

    Nobody says along which axis the ultrasound beam runs; by custom it is Y, down
    the image. Echoes and shadows upside down would teach what never occurs, and so
    would labels in an order that no case shows.
    """
    names = AXES[-dimensions:]
    if settings.mirror_axes != "auto":
        axes = _checked_axes(settings.mirror_axes, dimensions)
        return by_hand(axes, f"Mirrored along {_axes_in_words(axes, names)}")
    ordered = _ordered_axes(seen, dimensions)
    axes = tuple(
        axis for axis, name in enumerate(names) if name != "Y" and axis not in ordered
    )
    why = [
        f"not along {names[axis]}: {first} always comes before {later} there"
        for axis, (first, later) in ordered.items()
    ]
    if names.index("Y") not in ordered:
        beam = "that may be the direction of an ultrasound beam, with shadows below"
        why.append(f"not along Y: {beam}")
    variety = " to see more variety" if axes else ""
    return Decision(
        axes,
        f"Mirrored along {_axes_in_words(axes, names)}{variety}, but {'; '.join(why)}.",
    )


def _ordered_axes(seen: Fingerprint, dimensions: int) -> dict[int, tuple[str, str]]:
    """Return axes of the network along which labels have an order, and which labels."""
    front = len(seen.shapes[0]) - dimensions
    return {
        axis - front: (seen.label_name(first), seen.label_name(later))
        for axis, first, later in reversed(seen.label_order)
        if axis >= front
    }


def _axes_in_words(axes: Sequence[int], names: Sequence[str]) -> str:
    return " and ".join(names[axis] for axis in axes) or "no axis"


def _checked_axes(axes: Sequence[int], dimensions: int) -> tuple[int, ...]:
    """Count axes from the front, each once."""
    wrong = [axis for axis in axes if not -dimensions <= axis < dimensions]
    if wrong:
        raise PlanError(
            f"There is no axis {wrong[0]} to mirror along in {dimensions}D: choose "
            f"from {', '.join(map(str, range(dimensions)))}."
        )
    return tuple(sorted({axis % dimensions for axis in axes}))
