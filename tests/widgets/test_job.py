"""Job: the child does what is asked, and its end is told however it comes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QCoreApplication, QProcess

from specimen_unet.domain.events import Failed, Finished, Ready, StepDone, Warned
from specimen_unet.widgets import job as job_module
from specimen_unet.widgets import worker
from specimen_unet.widgets.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def job(qtbot: QtBot, played_engine: Callable[..., list[str]]) -> Iterator[Job]:
    job = Job(command=played_engine())
    yield job
    job.shutdown()


def heard_by(job: Job) -> list[Any]:
    events: list[Any] = []
    job.heard.connect(events.append)
    return events


def pid_of(job: Job) -> int:
    process = job.findChild(QProcess)
    assert process is not None
    return int(process.processId())


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_idle_child_is_started_with_the_job(job: Job, qtbot: QtBot) -> None:
    events = heard_by(job)
    qtbot.waitUntil(lambda: Ready("a played device") in events)
    assert not job.is_busy


def test_work_asked_for_before_the_child_runs_is_done(job: Job, qtbot: QtBot) -> None:
    events = heard_by(job)
    with qtbot.waitSignal(job.finished) as finished:
        job.train("/run", resume=True)
        assert job.is_busy
    assert finished.args == [Finished("/run/True")]
    assert not job.is_busy
    assert [type(event) for event in events] == [Ready, StepDone, Finished]


def test_what_a_library_prints_is_kept_and_is_no_event(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.finished):
        job.train("/run")
    assert job.last_words == "a library prints this"


def test_work_waits_for_its_turn(job: Job, qtbot: QtBot) -> None:
    ended: list[str] = []
    job.finished.connect(lambda event: ended.append(event.path))
    job.segment("/first")
    job.train("/second")
    job.segment("/third")
    qtbot.waitUntil(lambda: len(ended) == 3)
    assert ended == ["/first", "/second/False", "/third"]


def test_a_child_that_has_trained_gives_its_memory_back(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.heard):
        pass
    first = pid_of(job)
    with qtbot.waitSignals([job.finished, job.closed]):
        job.train("/run")
    qtbot.waitUntil(lambda: not is_alive(first))
    with qtbot.waitSignal(job.finished):
        job.segment("/job")


@pytest.mark.parametrize("ask", ["pause", "go_on", "stop"])
def test_the_child_hears_what_is_asked_of_it(job: Job, qtbot: QtBot, ask: str) -> None:
    events = heard_by(job)
    getattr(job, ask)()
    job.preview("032", 7)
    wanted = Warned("preview [('case', '032'), ('index', 7)]")
    qtbot.waitUntil(lambda: wanted in events)
    assert Warned(f"{ask.replace('_', ' ')} []") in events


def test_an_error_of_the_child_is_told(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.failed) as failed:
        job.train("/refused")
    assert failed.args == [Failed("PlanError", "too small")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_kill_is_told_as_memory_that_ran_out(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.failed) as failed:
        job.train("/killed")
    event = failed.args[0]
    assert event.kind == "MemoryExceededError"
    assert "memory ran out" in event.message
    assert "resumed from its last checkpoint, in /killed" in event.message


def test_a_crash_is_told_with_the_last_words(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.failed) as failed:
        job.train("/broken")
    assert "exit code 1" in failed.args[0].message
    assert "no such luck" in failed.args[0].message
    assert not job.is_busy


def test_after_a_crash_other_work_is_done(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.failed):
        job.train("/broken")
    with qtbot.waitSignal(job.finished):
        job.segment("/job")


def test_a_missing_python_is_told(qtbot: QtBot) -> None:
    job = Job(command=["/nowhere/python", "worker"])
    with qtbot.waitSignal(job.failed) as failed:
        job.plan("/run")
    assert "/nowhere/python worker" in failed.args[0].message
    with qtbot.waitSignal(job.failed):
        job.plan("/run")


def test_shutdown_lets_a_training_save_and_leave(
    job: Job, qtbot: QtBot, tmp_path: Path
) -> None:
    events = heard_by(job)
    job.train("/endless")
    qtbot.waitUntil(lambda: any(isinstance(event, StepDone) for event in events))
    pid = pid_of(job)
    events.clear()
    job.shutdown()
    assert (tmp_path / "left").read_text() == "left"
    assert not is_alive(pid)
    assert events == []
    assert not job.is_busy


def test_a_child_that_does_not_leave_is_killed(
    qtbot: QtBot,
    played_engine: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_module, "PATIENCE_MS", 300)
    job = Job(command=played_engine("stubborn"))
    job.train("/endless")
    with qtbot.waitSignal(job.heard):
        pass
    pid = pid_of(job)
    job.shutdown()
    assert not is_alive(pid)


def test_children_that_are_leaving_are_ended_with_the_last_one(
    qtbot: QtBot, played_engine: Callable[..., list[str]]
) -> None:
    job = Job(command=played_engine("stubborn"))
    for _ in range(2):  # each training leaves a child behind that does not leave
        with qtbot.waitSignal(job.finished):
            job.train("/run")
    with qtbot.waitSignal(job.finished):
        job.segment("/job")
    pids = [int(p.processId()) for p in job.findChildren(QProcess)]
    assert len(pids) == 3
    job.shutdown()
    assert not any(map(is_alive, pids))


def test_the_end_of_the_application_ends_the_child(job: Job, qtbot: QtBot) -> None:
    with qtbot.waitSignal(job.heard):
        pass
    pid = pid_of(job)
    QCoreApplication.instance().aboutToQuit.emit()
    assert not is_alive(pid)


def test_after_a_shutdown_work_starts_another_child(job: Job, qtbot: QtBot) -> None:
    job.shutdown()
    with qtbot.waitSignal(job.finished):
        job.segment("/job")


def test_the_python_of_this_process_runs_the_engine() -> None:
    assert worker.worker_command() == [
        *(sys.executable, "-P", "-m"),
        *("specimen_unet", "worker"),
    ]


def test_a_bundled_application_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(sys, "executable", "/Applications/napari.app/napari")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert worker.worker_command()[0] == str(python)
