"""A cross-validation in a dock: real folds in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.events import (
    Failed,
    Finished,
    FoldBegun,
    FoldDone,
    FoldProgress,
)
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_scores import write_prediction, write_scores
from specimen_unet.widgets.crossvalidation_panel import CrossvalidationPanel
from specimen_unet.widgets.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case


@pytest.fixture
def make_study(
    tmp_path: Path, make_blob_case: Callable[..., Case]
) -> Callable[..., StudyFolder]:
    """Make a study of two folds in 2D; two observers drew."""

    def make(**changes: Any) -> StudyFolder:
        small = {
            "dimensions": 2, "ending": "steps", "steps": 12, "channels": (4, 8),
            "patch": (16, 16), "batch": 2, "residual_units": 0, "device": "cpu",
        }  # fmt: skip
        cases = [
            make_blob_case((32, 32), seed=seed, observers=("EA", "MG"))
            for seed in range(4)
        ]
        settings = TrainingSettings(**{**small, **changes})
        return StudyFolder.create(tmp_path / "blobs", cases, settings, folds=2)

    return make


class PlayedJob(Job):
    """A job without a process: the test says what is heard."""

    def __init__(self) -> None:
        super().__init__(command=["true"])
        self.asked: list[str] = []

    def crossvalidate(self, study: Path | str) -> None:
        self.asked.append(f"run {study}")

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.fixture
def played(qtbot) -> Iterator[tuple[CrossvalidationPanel, PlayedJob]]:
    job = PlayedJob()
    panel = CrossvalidationPanel(job)
    qtbot.addWidget(panel.native)
    yield panel, job
    job.shutdown()


def finish(study: StudyFolder) -> None:
    """Put in place what a study has in the end."""
    for fold in range(study.folds):
        (study.run(fold).path / "model.safetensors").touch()
    for case in study.record.cases:
        found = np.array(study.read(case).labels["EA"]) * (case.name != "blob 3")
        write_prediction(study, case, found)
    write_scores(study)


def test_a_new_study_can_be_started(played, make_study):
    panel, job = played
    study = make_study()
    panel.show_study(study)
    assert panel.status.value == "4 cases in 2 folds."
    assert panel.start.text == "Start cross-validation"
    panel.start.changed.emit(True)
    assert job.asked == [f"run {study.path}"]
    assert panel.is_running
    panel.run()
    assert len(job.asked) == 1


def test_it_says_which_fold_is_done_and_how_long_it_takes(played, make_study, qtbot):
    panel, job = played
    panel.show_study(make_study())
    panel.run()
    for event in (
        FoldBegun(0, 2),
        FoldDone(0, 2, 0.8312),
        FoldBegun(1, 2),
        FoldProgress(1, 2, 0.5, 130.0, "training"),
    ):
        job.heard.emit(event)
    qtbot.waitUntil(lambda: panel.progress.value == 750)
    assert panel.status.value == "Fold 2 of 2: training · 2 min 10 s left"
    assert panel.folds.value == "On cases not seen:\nFold 1: Dice 0.83"
    panel.stop.changed.emit(True)
    assert job.asked[-1] == "stop"
    job.finished.emit(Finished("study", stopped_early=True))
    assert panel.start.text == "Go on"
    assert "can go on at any time" in panel.status.value
    assert not panel.is_running


def test_a_failure_is_told_and_it_can_go_on(played, make_study):
    panel, job = played
    panel.show_study(make_study())
    panel.run()
    job.failed.emit(Failed("MemoryExceededError", "Choose a smaller patch."))
    assert panel.problem.value == "Choose a smaller patch."
    assert panel.start.text == "Go on"


def test_what_other_work_tells_is_not_its_own(played, make_study):
    panel, job = played
    panel.show_study(make_study())
    job.heard.emit(FoldDone(0, 2, 0.5))
    job.finished.emit(Finished("model"))
    job.failed.emit(Failed("PlanError", "of a training"))
    assert panel.folds.value == ""
    assert panel.problem.value == ""


def test_a_finished_study_shows_its_table(played, make_study):
    panel, _ = played
    study = make_study()
    finish(study)
    panel.show_study(study)
    rows = [
        [
            panel.table.item(row, column).text()
            if panel.table.item(row, column)
            else ""
            for column in range(6)
        ]
        for row in range(panel.table.rowCount())
    ]
    assert rows[0][0] == "Prediction against EA: Dice"
    summary = study.read_table(study.summary_path)
    dice = summary[(summary["score"] == "dice") & (summary["second"] == "EA")].iloc[0]
    assert rows[1] == [
        "label 1", "0.75", f"{dice['sd']:.2f}",
        f"{dice['low']:.2f}–{dice['high']:.2f}", "4", "0",
    ]  # fmt: skip
    assert [row[0] for row in rows[2::2]] == [
        "Prediction against MG: Dice",
        "EA against MG: Dice",
    ]
    copied = panel.table.text(separator=",").splitlines()
    assert len(copied) == 1 + len(summary)
    assert str(study.path) in panel.place.value


@pytest.mark.slow
def test_a_study_is_run_stopped_and_gone_on_with_in_a_process(qtbot, make_study):
    job = Job()
    panel = CrossvalidationPanel(job)
    qtbot.addWidget(panel.native)
    study = make_study(steps=150)
    panel.show_study(study)
    try:
        panel.run()
        qtbot.waitUntil(lambda: 20 < panel.progress.value < 400, timeout=120_000)
        panel.stop.changed.emit(True)
        qtbot.waitUntil(lambda: not panel.is_running, timeout=60_000)
        assert panel.start.text == "Go on"
        assert study.run(0).has_checkpoint
        assert not study.model_paths
        seen: list[StudyFolder] = []
        panel.finished.connect(seen.append)
        panel.start.changed.emit(True)
        qtbot.waitUntil(lambda: bool(seen), timeout=180_000)
        panel.report.write.changed.emit(True)
        qtbot.waitUntil(lambda: not panel.report.is_active, timeout=60_000)
    finally:
        job.shutdown()
    assert study.is_finished
    assert panel.report.written == study.path / "report.html"
    assert "one of 2 models" in panel.report.written.read_text("utf-8")
    steps = [e for e in study.run(0).events() if type(e).__name__ == "StepDone"]
    assert [step.step for step in steps] == list(range(1, 151))
    assert panel.table.rowCount() == 6
    assert panel.folds.value.startswith("On cases not seen:\nFold 1: Dice ")
    shown = pd.DataFrame(panel.table.values)
    assert set(shown["score"]) >= {"dice"}
