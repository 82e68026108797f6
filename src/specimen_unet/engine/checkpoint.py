"""Where a training stands, in one file that is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.engine.state import TrainingState
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from specimen_unet.domain.plan import Plan

FILE_NAME = "checkpoint.safetensors"
_FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a resumed training needs besides plan and cases.

    Attributes
    ----------
    tensors : mapping of str to Tensor
        Weights, smoothed weights, those kept, and what the optimiser remembers.
    state : TrainingState
        How far it is, and what it decided.
    scaler : mapping
        State of float16's scaling.
    """

    tensors: Mapping[str, Tensor]
    state: TrainingState
    scaler: Mapping[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, plan: Plan) -> Path:
    """Write a checkpoint, in place of the one before.

    A process that is killed meanwhile leaves the one before as it was.

    Parameters
    ----------
    folder : Path
        Of the run.
    checkpoint : Checkpoint
        Where the training stands.
    plan : Plan
        It belongs to.

    Returns
    -------
    Path
        The file.
    """
    notes = {
        "format_version": _FORMAT_VERSION,
        "plan": _fingerprint(plan),
        "state": checkpoint.state.model_dump(mode="json"),
        "scaler": dict(checkpoint.scaler),
    }
    path = folder / FILE_NAME
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in checkpoint.tensors.items()
    }
    with replaced(path) as temporary:
        save_file(tensors, temporary, metadata={"checkpoint": json.dumps(notes)})
    return path


def load_checkpoint(folder: Path, plan: Plan) -> Checkpoint | None:
    """Read the checkpoint of a run.

    Parameters
    ----------
    folder : Path
        Of the run.
    plan : Plan
        That the training goes on with.

    Returns
    -------
    Checkpoint or None
        None where there is none yet.

    Raises
    ------
    RunFolderError
        If the file is damaged, or belongs to another plan.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            notes = json.loads(file.metadata()["checkpoint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{path} is damaged, or no checkpoint: delete it to train from the start."
        ) from error
    if notes["format_version"] != _FORMAT_VERSION:
        raise RunFolderError(
            f"{path} was written by another version of specimen-unet (format "
            f"{notes['format_version']}, this one reads {_FORMAT_VERSION}): resume "
            "with that version, or delete the file to train from the start."
        )
    if notes["plan"] != _fingerprint(plan):
        raise RunFolderError(
            f"{path} belongs to another plan, so this training cannot go on from it: "
            "resume with the plan it was begun with, or delete the file."
        )
    state = TrainingState.model_validate(notes["state"])
    return Checkpoint(tensors, state, notes["scaler"])


def _fingerprint(plan: Plan) -> str:
    """Return a number for everything that was decided, the split included.

    What older versions did not know and is as it was with them does not count, so that
    trainings that they left can be resumed.
    """
    later: dict[str, Any] = {
        name: True
        for name in ("antialiased", "dice_of")
        if getattr(plan, name) == type(plan).model_fields[name].default
    }
    if not plan.fingerprint.labels_everywhere:
        later["fingerprint"] = {"labels_everywhere"}
    text = plan.model_dump_json(exclude=later)
    return hashlib.sha256(text.encode()).hexdigest()
