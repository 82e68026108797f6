from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QObject, QTimer, Signal

from specimen_unet.domain.events import Failed, Finished, TileDone
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import read_labels, write_image
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.segment_job import SegmentJob
from specimen_unet.widgets.case_segmentation import CaseSegmentation, Order


class PlayedJob(QObject):
    """Segments by brightness, at once; `refuses` names a case that fails."""

    heard = Signal(object)
    finished = Signal(object)
    failed = Signal(object)

    def __init__(self):
        super().__init__()
        self.segmented = []
        self.refuses = ""
        self.stops = 0

    def segment(self, path):
        QTimer.singleShot(0, lambda: self._segment(SegmentJob.open(path)))

    def stop(self):
        self.stops += 1

    def _segment(self, job):
        case = job.case()
        self.segmented.append(case.name)
        self.heard.emit(TileDone(1, 2, 1.0))
        if case.name == self.refuses:
            self.failed.emit(Failed("MemoryExceededError", "too large"))
            return
        job.keep((case.image[0] > 130).astype(np.uint8), None)
        self.finished.emit(Finished(str(job.labels_path)))


@pytest.fixture
def job(qapp):
    return PlayedJob()


@pytest.fixture
def model(tmp_path):
    (tmp_path / "tumour.safetensors").write_bytes(b"weights")
    return tmp_path / "tumour.safetensors"


@pytest.fixture
def root(tmp_path, blob_cases):
    for case in blob_cases:
        write_image(tmp_path / "cases" / f"{case.name}.tif", case.image[0], case.grid)
    return tmp_path / "cases"


@pytest.fixture
def order(root, model):
    def make(out=None):
        table = CaseTable(CaseFolder.open(root))
        return Order(table.chosen(table.rows), model, SegmentationSettings(), out)

    return make


@pytest.fixture
def work(job):
    work = CaseSegmentation(job)
    yield work
    work.leave()


def end(qtbot, work, order):
    with qtbot.waitSignal(work.ended, timeout=20_000) as ended:
        work.start(order)
    return ended.args[0]


def test_every_case_gets_labels_with_its_spacing(
    work, job, order, qtbot, tmp_path, blob_cases
):
    written = []
    work.written.connect(lambda path, made: written.append((path, made.case)))
    report = end(qtbot, work, order(tmp_path / "out"))
    assert report.written == [case.name for case in blob_cases]
    assert written == [(tmp_path / "out" / f"{c.name}.tif", c.name) for c in blob_cases]
    labels, grid = read_labels(written[0][0])
    assert labels.shape == blob_cases[0].shape
    assert grid.same_spacing(blob_cases[0].grid)
    assert list((runs_folder() / ".segmenting").iterdir()) == []


def test_what_this_model_wrote_before_is_not_done_again(work, job, order, qtbot, root):
    end(qtbot, work, order())
    (root / "blob 2_tumour.tif").unlink()
    job.segmented.clear()
    report = end(qtbot, work, order())
    assert job.segmented == ["blob 2"]
    assert report.written == ["blob 2"]
    assert len(report.earlier) == 3


def test_bad_cases_are_listed_with_reasons_and_the_others_done(
    work, job, order, qtbot, root, tmp_path
):
    asked = order(tmp_path / "out")
    (root / "blob 0.tif").write_bytes(b"")
    job.refuses = "blob 1"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "blob 2.tif").write_bytes(b"mine")
    report = end(qtbot, work, asked)
    assert report.written == ["blob 3"]
    assert list(report.failed) == ["blob 0", "blob 1", "blob 2"]
    assert "too large" in report.failed["blob 1"]
    assert (tmp_path / "out" / "blob 2.tif").read_bytes() == b"mine"


def test_a_stop_keeps_what_is_written_and_the_next_start_goes_on(
    work, job, order, qtbot, root
):
    work.written.connect(lambda *_: work.stop())
    report = end(qtbot, work, order())
    assert report.written == ["blob 0"]
    assert not work.is_active
    work.written.disconnect()
    job.segmented.clear()
    report = end(qtbot, work, order())
    assert job.segmented == ["blob 1", "blob 2", "blob 3"]
    assert report.earlier == ["blob 0"]


def test_a_stop_in_the_middle_of_a_case_reaches_the_engine_and_writes_nothing(
    work, job, order, qtbot, root
):
    job.heard.connect(lambda _: work.stop())
    report = end(qtbot, work, order())
    assert (report.written, report.done) == ([], 0)
    assert job.stops == 1
    assert not list(root.glob("*tumour*"))


def test_progress_counts_cases_and_parts_and_foretells_the_rest(
    work, job, order, qtbot
):
    seen = []
    work.progressed.connect(
        lambda report: seen.append((report.done + report.part, report.seconds_left))
    )
    end(qtbot, work, order())
    parts = [part for part, _ in seen]
    assert parts == sorted(parts)
    assert {0.5, 1.0, 1.5, 4.0} <= set(parts)
    assert seen[0][1] is None
    assert seen[-1][1] == 0


def test_a_dock_that_closes_hears_nothing_more(work, job, order, qtbot, root):
    ended = []
    work.ended.connect(ended.append)
    work.start(order())
    work.leave()
    qtbot.wait(100)
    assert ended == []
    assert not work.is_active
