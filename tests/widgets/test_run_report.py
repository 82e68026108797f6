"""RunReport: the engine writes what a training is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QObject, Qt

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.work import train_run
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.run_report import RunReport

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.usefixtures("one_core"), pytest.mark.slow]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def run(make_blob_case, tmp_path: Path) -> RunFolder:
    """Two small cases, not yet trained."""
    cases = [
        make_blob_case((32, 32), observers=("EA", "MG"), seed=seed, name=f"c{seed}")
        for seed in (1, 2)
    ]
    settings = TrainingSettings(
        ending="steps", steps=3, channels=(4, 8), patch=(16, 16), batch=2,
        residual_units=0, device="cpu", dimensions=2,
    )  # fmt: skip
    return RunFolder.create(tmp_path, "blobs", cases, settings)


@pytest.fixture
def report(qtbot):
    owner = QObject()
    job = Job(owner)
    part = RunReport(job)
    qtbot.addWidget(part.native)
    yield part
    job.shutdown()


def test_it_is_written_into_the_run_and_can_be_opened(run, report, qtbot, tmp_path):
    for _ in train_run(run, library=tmp_path / "library"):
        pass
    report.show_run(run)
    qtbot.mouseClick(report.write.native, LEFT)
    assert not report.write.enabled
    qtbot.waitUntil(lambda: not report.is_active, timeout=120_000)
    assert report.written == run.path / "report.html"
    assert report.written.is_file()
    assert report.open.native.isVisibleTo(report.native)
    assert not report.problem.value


def test_what_is_missing_is_told(run, report, qtbot):
    report.show_run(run)
    qtbot.mouseClick(report.write.native, LEFT)
    qtbot.waitUntil(lambda: not report.is_active, timeout=120_000)
    assert "has no model yet" in report.problem.value
    assert report.written is None
    report.show_run(None)
    assert not report.problem.value
