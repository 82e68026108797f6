"""What a model says of where it comes from."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet import __version__
from specimen_unet.domain.card import ModelCard
from specimen_unet.domain.grid import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.state import TrainingState

# Told apart also by colour-blind people (Wong 2011, Nature Methods 8:441).
_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
_PACKAGES = ("torch", "monai", "numpy")
# Bytes hashed at once, so that memory-mapped cases are not read whole.
_CHUNK = 2**26


def make_card(cases: Sequence[Case], plan: Plan, state: TrainingState) -> ModelCard:
    """Write the card of a model that was just trained.

    Parameters
    ----------
    cases : sequence of Case
        What it was trained and validated on, labels as they are now.
    plan : Plan
        How it was trained.
    state : TrainingState
        Holds the scores of the very weights that are kept.

    Returns
    -------
    ModelCard
    """
    used = {*plan.split.training, *plan.split.validation}
    cases = [case for case in cases if case.name in used]
    observers = {observer: None for case in cases for observer in case.labels}
    return ModelCard(
        name=f"{', '.join(plan.label_names[1:])} ({plan.dimensions}D {plan.network})",
        plan=plan,
        label_colours=label_colours(plan.label_values),
        axes=AXES[-plan.dimensions :],
        observers=tuple(observers),
        channel_names=_channel_names(cases),
        groups={case.name: case.group for case in cases},
        case_hashes={case.name: case_hash(case) for case in cases},
        versions=_versions(),
        metrics=state.kept,
        steps_done=state.step,
        minutes_trained=state.seconds / 60,
        parent=state.parent,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _channel_names(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return what the first case that names its channels calls them."""
    return next((case.channel_names for case in cases if case.channel_names), ())


def label_colours(label_values: Sequence[int]) -> dict[int, str]:
    """Return a colour, ``"#rrggbb"``, for every label but the background.

    The same label always has the same colour.
    """
    return {
        value: _COLOURS[(value - 1) % len(_COLOURS)]
        for value in label_values
        if value != 0
    }


def case_hash(case: Case) -> str:
    """Return the SHA-256 of the image and of all labels, with their types and shapes.

    Whether they are in memory or memory-mapped makes no difference.
    """
    digest = hashlib.sha256()
    for name, array in (("", case.image), *sorted(case.labels.items())):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        for part in _parts(array):
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _parts(array: Array) -> list[Array]:
    """Cut an array along its longest of the first two axes, to read it bit by bit."""
    axis = 0 if array.ndim < 2 or array.shape[0] > 1 else 1
    pieces = max(1, min(array.nbytes // _CHUNK, array.shape[axis]))
    return np.array_split(array, pieces, axis=axis)


def _versions() -> dict[str, str]:
    """Return the versions of what decides the numbers."""
    versions = {package: version(package) for package in _PACKAGES}
    # Our own is not asked of the installer: a cluster may run from a folder.
    ours = {"python": platform.python_version(), "specimen-unet": __version__}
    return {**ours, **versions}
