"""The chosen model is handed to other tools from the Segment dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from specimen_unet.widgets.job import Job
from specimen_unet.widgets.model_export import ModelExport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def part(qtbot, played_engine, make_card, tmp_path):
    """The part of the dock, with a model chosen."""
    job = Job(command=played_engine())
    part = ModelExport(job)
    qtbot.addWidget(part.native)
    part.native.show()
    part.show_model(tmp_path / "m.safetensors", make_card(3))
    yield part
    job.shutdown()


def done(qtbot, part: ModelExport) -> None:
    qtbot.waitUntil(lambda: not part.is_active, timeout=20_000)


def test_the_choices_are_folded_away_until_they_are_wanted(part):
    assert not part.export.visible
    part.fold.changed.emit(True)
    assert part.export.visible
    part.fold.changed.emit(True)
    assert not part.export.visible


def test_the_folder_is_called_after_model_and_format(part, qtbot, tmp_path: Path):
    part.form.control("to").value = "onnx"
    part.export_into(tmp_path)
    assert part.is_active
    done(qtbot, part)
    assert str(tmp_path / "tumour-onnx") in part.result.value
    assert not part.problem.visible


def test_what_the_engine_refuses_is_told_in_place(part, qtbot, tmp_path):
    part.form.control("licence").value = "refused"
    part.export_into(tmp_path)
    done(qtbot, part)
    assert part.problem.value == "no such licence"
    assert not part.result.visible


def test_one_export_at_a_time(part, qtbot, tmp_path):
    changes = []
    part.active_changed.connect(lambda: changes.append(part.is_active))
    part.export_into(tmp_path)
    part.export_into(tmp_path)
    done(qtbot, part)
    assert changes == [True, False]


def test_without_a_model_there_is_nothing_to_export(part, tmp_path):
    part.show_model(None, None)
    assert not part.visible
    part.export_into(tmp_path)
    assert not part.is_active
