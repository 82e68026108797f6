"""Work on the workers of a Dask scheduler: real processes, one of them killed."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from specimen_unet.domain.control import StudyControl, WorkLeft
from specimen_unet.domain.errors import PlanError, RunFolderError
from specimen_unet.domain.events import (
    CheckpointSaved,
    Finished,
    FoldDone,
    FoldProgress,
    StepDone,
)
from specimen_unet.runs import spread, wanted
from specimen_unet.runs.crossvalidation import crossvalidating
from specimen_unet.runs.spread import _Folds, check_workers, connected, on_workers
from specimen_unet.runs.wanted import control_by, wait_for, wanting
from specimen_unet.runs.worker_tasks import SIGN, do_fold

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import LocalCluster

    from specimen_unet.runs.study import StudyFolder


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the folders often, so that a fast machine is caught in mid-training."""
    monkeypatch.setattr(spread, "_LOOK_SECONDS", 0.1)


def steps(study: StudyFolder, fold: int) -> list[int]:
    events = study.run(fold).events()
    return [event.step for event in events if isinstance(event, StepDone)]


def trainer(study: StudyFolder, fold: int) -> int:
    """Return the process that holds a fold."""
    held = (study.run(fold).path / "lock").read_text("utf-8")
    found = re.match(r"process (\d+) on ", held)
    assert found, held
    return int(found[1])


@pytest.mark.slow
@pytest.mark.usefixtures("_often")
def test_a_worker_killed_in_mid_training_loses_nothing(
    cluster: LocalCluster, long_study: StudyFolder
):
    study = long_study
    workers = {nanny.pid for nanny in cluster.workers.values()}
    killed: dict[str, Any] = {}
    events = []
    for event in crossvalidating(study, scheduler=cluster.scheduler_address):
        events.append(event)
        if killed or not isinstance(event, FoldProgress):
            continue
        saved = [
            event.step
            for event in study.run(event.fold).events()
            if isinstance(event, CheckpointSaved)
        ]
        if saved and max(steps(study, event.fold)) < 140:
            killed = {"fold": event.fold, "pid": trainer(study, event.fold)}
            os.kill(killed["pid"], signal.SIGKILL)
            killed["saved"] = max(saved)

    assert killed, "nothing was killed"
    assert killed["pid"] in workers
    assert events[-1] == Finished(str(study.path))
    assert study.is_finished
    scores = study.read_table(study.scores_path)
    assert set(scores["case"]) == {case.name for case in study.record.cases}
    done = [event.fold for event in events if isinstance(event, FoldDone)]
    assert sorted(done) == [0, 1, 2]
    made = steps(study, killed["fold"])
    # Where it was taken up again: behind what was saved, and not at the beginning.
    again = [after for before, after in pairwise(made) if after <= before]
    assert made.count(1) == 1
    assert len(again) <= 1
    assert all(step > killed["saved"] for step in again)
    assert set(made) == set(range(1, 151))
    log = (study.run(killed["fold"]).path / "log.txt").read_text("utf-8")
    assert "Begun on" in log
    assert "Resumed on" in log


@pytest.mark.slow
@pytest.mark.usefixtures("_often")
def test_to_stop_lets_the_workers_save_and_leave(
    cluster: LocalCluster, long_study: StudyFolder
):
    study, control = long_study, StudyControl()

    def stop_early() -> None:
        work = crossvalidating(
            study, scheduler=cluster.scheduler_address, control=control
        )
        for event in work:
            if isinstance(event, FoldProgress) and event.progress > 0:
                control.stop()

    with pytest.raises(WorkLeft):
        stop_early()
    assert not (study.path / SIGN).exists()
    # Without a wait: who holds a fold still is waited for, and gone on after.
    list(crossvalidating(study, scheduler=cluster.scheduler_address))
    assert study.is_finished
    for fold in range(3):
        assert steps(study, fold) == list(range(1, 151))


@pytest.mark.slow
def test_a_failure_on_a_worker_comes_back_as_what_it_was(
    cluster: LocalCluster, make_flat_study
):
    study = make_flat_study(patch=(8, 8, 8))
    with pytest.raises(PlanError, match="a 2D network needs 2"):
        list(crossvalidating(study, scheduler=cluster.scheduler_address))


def test_a_worker_that_does_not_see_the_folder_is_told(
    cluster: LocalCluster, flat_study: StudyFolder
):
    with connected(cluster.scheduler_address) as client:
        assert list(check_workers(client, flat_study.path)) == []
        # As on a machine that does not share the drive.
        elsewhere = flat_study.path / "elsewhere"
        with pytest.raises(RunFolderError, match=f"does not see {elsewhere}"):
            list(check_workers(client, elsewhere))


def test_a_task_says_by_itself_that_it_does_not_see_the_study(tmp_path: Path):
    with pytest.raises(RunFolderError, match="does not see"):
        do_fold(str(tmp_path / "elsewhere"), 0)


def test_folds_that_fail_at_once_are_told_as_one_failure(
    flat_study: StudyFolder, monkeypatch
):
    class Failed:
        status = "error"

        def __init__(self, fold: int) -> None:
            self._fold = fold

        def done(self) -> bool:
            return True

        def exception(self) -> Exception:
            return PlanError(f"fold {self._fold}")

        def cancel(self) -> None:
            self.status = "cancelled"

    class AllFail:
        as_current = staticmethod(nullcontext)

        def submit(self, task: Any, path: str, fold: int, key: str) -> Failed:
            return Failed(fold)

    monkeypatch.setattr("distributed.wait", lambda *_, **__: None)
    folds = _Folds(AllFail(), flat_study, [0, 1, 2])
    assert list(folds.look()) == []
    assert folds.pending == {}
    assert str(folds.failure) == "fold 0"


def test_an_address_where_nobody_answers_is_told(flat_study: StudyFolder, monkeypatch):
    monkeypatch.setattr("specimen_unet.runs.spread._ANSWER_SECONDS", 1)
    work = on_workers(flat_study, [0], "tcp://127.0.0.1:9", StudyControl())
    with pytest.raises(RunFolderError, match="No Dask scheduler answers"):
        next(work)


def test_a_sign_that_is_taken_down_lets_workers_leave(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(wanted, "_LOOK_SECONDS", 0.02)
    sign = tmp_path / SIGN
    with control_by(sign) as control:
        assert control.is_left  # nobody waits
    with wanting(sign):
        with control_by(sign) as control:
            assert not control.is_left
        inner = control_by(sign)
        control = inner.__enter__()
    until(lambda: control.is_left)
    inner.__exit__(None, None, None)


def test_a_sign_that_nobody_touches_any_more_lets_workers_leave(
    tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(wanted, "_LOOK_SECONDS", 0.02)
    sign = tmp_path / SIGN
    sign.touch()  # by one that was killed before it could take it down
    with control_by(sign, patience=0.2) as control:
        assert not control.is_left
        until(lambda: control.is_left)
    touched = threading.Event()

    def touch() -> None:
        while not touched.wait(0.02):
            sign.touch()

    thread = threading.Thread(target=touch)
    thread.start()
    with control_by(sign, patience=0.2) as control:
        time.sleep(0.6)
        assert not control.is_left
    touched.set()
    thread.join()


def test_a_sign_that_appears_late_is_waited_for(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(wanted, "_LOOK_SECONDS", 0.02)
    sign = tmp_path / SIGN
    began = time.monotonic()
    wait_for(sign, seconds=0.1)  # nobody wants it
    assert 0.1 <= time.monotonic() - began < 5
    threading.Timer(0.2, sign.touch).start()
    wait_for(sign, seconds=20)
    assert sign.exists()
    assert time.monotonic() - began < 10


def until(happened: Any) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)
