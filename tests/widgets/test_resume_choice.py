"""ResumeChoice: what was begun and not ended is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.widgets.resume_choice import ResumeChoice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case


@pytest.fixture
def make_run(make_blob_case: Callable[..., Case]) -> Callable[..., RunFolder]:
    def make(name: str, *files: str, folder: Path | None = None) -> RunFolder:
        case = make_blob_case((8, 8))
        run = RunFolder.create(
            folder or runs_folder(), name, [case], TrainingSettings()
        )
        for file in files:
            (run.path / file).touch()
        return run

    return make


@pytest.fixture
def choice(qtbot: QtBot) -> ResumeChoice:
    choice = ResumeChoice()
    qtbot.addWidget(choice.native)
    choice.native.show()
    return choice


CHECKPOINT, MODEL = "checkpoint.safetensors", "model.safetensors"


def test_only_what_was_begun_and_has_not_ended_is_offered(
    choice: ResumeChoice, make_run: Callable[..., RunFolder]
) -> None:
    assert not choice.resume.native.isVisible()
    make_run("never-begun")
    make_run("ended", CHECKPOINT, MODEL)
    make_run("draft", CHECKPOINT, folder=runs_folder() / ".drafts" / "1")
    run = make_run("032-3d", CHECKPOINT)
    choice.look()
    assert choice.runs.choices == (run,)
    text = choice.runs.native.itemText(0)
    assert text.startswith("032-3d, 20")
    assert text[-3] == ":"


def test_a_press_tells_which_run_goes_on(
    choice: ResumeChoice, make_run: Callable[..., RunFolder], qtbot: QtBot
) -> None:
    run = make_run("032", CHECKPOINT)
    choice.look()
    resumed: list[RunFolder] = []
    choice.resumed.connect(resumed.append)
    qtbot.mouseClick(choice.resume.native, Qt.MouseButton.LeftButton)
    assert resumed == [run]


def test_a_folder_that_is_no_run_is_told_and_one_that_ended_is_another_matter(
    choice: ResumeChoice, make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    resumed: list[RunFolder] = []
    ended: list[RunFolder] = []
    choice.resumed.connect(resumed.append)
    choice.ended.connect(ended.append)
    choice.resume_folder(tmp_path)
    assert "is not a run" in choice.problem.value
    run = make_run("ended", MODEL)
    choice.resume_folder(run.path)
    assert ended == [run]
    assert resumed == []
    choice.resume_folder(make_run("elsewhere", folder=tmp_path).path)
    assert len(resumed) == 1
    assert not choice.problem.visible
