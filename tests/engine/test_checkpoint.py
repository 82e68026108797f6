from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from specimen_unet.domain.errors import RunFolderError
from specimen_unet.engine import checkpoint as checkpoints
from specimen_unet.engine.checkpoint import (
    FILE_NAME,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from specimen_unet.engine.state import TrainingState


@pytest.fixture
def plan(make_plan):
    return make_plan(2)


@pytest.fixture
def checkpoint():
    tensors = {
        "network/weight": torch.arange(6.0).reshape(2, 3),
        "optimiser/0/step": torch.tensor(7.0),
    }
    return Checkpoint(tensors, TrainingState(step=7, seconds=1 / 3), {"scale": 2.0})


def test_what_is_saved_is_loaded_exactly(plan, checkpoint, tmp_path):
    save_checkpoint(tmp_path, checkpoint, plan)
    loaded = load_checkpoint(tmp_path, plan)
    assert loaded.state == checkpoint.state
    assert loaded.scaler == checkpoint.scaler
    assert loaded.tensors.keys() == checkpoint.tensors.keys()
    for name, tensor in checkpoint.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor)


def test_where_none_was_saved_there_is_none(plan, tmp_path):
    assert load_checkpoint(tmp_path, plan) is None


def test_a_failed_save_leaves_the_one_before(plan, checkpoint, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, checkpoint, plan)

    def fill_the_disk(tensors, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", fill_the_disk)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, checkpoint, plan)
    assert load_checkpoint(tmp_path, plan).state == checkpoint.state
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_truncated_file_is_refused(plan, checkpoint, tmp_path):
    path = save_checkpoint(tmp_path, checkpoint, plan)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RunFolderError, match="damaged"):
        load_checkpoint(tmp_path, plan)


def test_a_file_without_notes_is_refused(plan, tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / FILE_NAME)
    with pytest.raises(RunFolderError, match="no checkpoint"):
        load_checkpoint(tmp_path, plan)


def test_another_plan_or_split_is_refused(plan, checkpoint, tmp_path):
    save_checkpoint(tmp_path, checkpoint, plan)
    other = plan.split.model_copy(update={"training": ("c",)})
    with pytest.raises(RunFolderError, match="another plan"):
        load_checkpoint(tmp_path, plan.model_copy(update={"split": other}))


def test_another_format_is_refused(plan, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_FORMAT_VERSION", 99)
    save_checkpoint(tmp_path, checkpoint, plan)
    monkeypatch.undo()
    with pytest.raises(RunFolderError, match="another version"):
        load_checkpoint(tmp_path, plan)


def test_a_training_that_an_older_version_left_can_be_resumed(
    plan, checkpoint, tmp_path, monkeypatch
):
    """Its plan knew nothing of what has been decided since."""
    unknown = {"antialiased": True, "dice_of": True}
    older = plan.model_dump_json(
        exclude={**unknown, "fingerprint": {"labels_everywhere"}}
    )
    number = hashlib.sha256(older.encode()).hexdigest()
    with monkeypatch.context() as before:
        before.setattr(checkpoints, "_fingerprint", lambda _: number)
        save_checkpoint(tmp_path, checkpoint, plan)
    assert load_checkpoint(tmp_path, type(plan).model_validate_json(older))
    for name, value in (("antialiased", True), ("dice_of", "patch")):
        with pytest.raises(RunFolderError, match="another plan"):
            load_checkpoint(tmp_path, plan.model_copy(update={name: value}))
