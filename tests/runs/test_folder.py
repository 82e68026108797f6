"""A run folder keeps everything, whoever opens it and whoever is killed."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import RunBusyError, RunFolderError
from specimen_unet.domain.events import Finished, StepDone, Warned
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.runs.journal import last_step

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.plan import Plan


def a_case(name: str = "032", **labels: np.ndarray) -> Case:
    image = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
    return Case(image, labels, spacing=(0.5, 0.1, 0.1), unit="mm", name=name, group="P")


def test_a_run_gives_back_its_cases(run: RunFolder, blob_cases: list[Case]):
    for stored, case in zip(run.cases(), blob_cases, strict=True):
        assert (stored.name, stored.group, stored.grid) == (
            case.name,
            case.group,
            case.grid,
        )
        np.testing.assert_array_equal(stored.image, case.image)
        assert stored.image.dtype == case.image.dtype
        assert list(stored.labels) == list(case.labels)
        for observer, labels in case.labels.items():
            np.testing.assert_array_equal(stored.labels[observer], labels)


def test_a_run_remembers_what_cases_are_marked_for(tmp_path):
    case = Case(np.ones((3, 4)), name="032", split="validation")
    run = RunFolder.create(tmp_path, "marked", [case, a_case("1")], TrainingSettings())
    assert [case.split for case in run.cases()] == ["validation", ""]


def test_cases_can_be_opened_by_name(run: RunFolder, blob_cases: list[Case]):
    names = [blob_cases[2].name, "nobody"]
    assert [case.name for case in run.cases(named=names)] == names[:1]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
def test_more_cases_can_be_open_than_files_usually(tmp_path, monkeypatch):
    import resource

    monkeypatch.setattr("specimen_unet.runs.storage._OTHER_FILES", 400)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    cases = (Case(np.ones((2, 2)), name=str(number)) for number in range(400))
    run = RunFolder.create(tmp_path, "many", cases, TrainingSettings())
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        assert len(run.cases()) == 400
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_the_folder_is_named_after_the_run_and_the_moment(tmp_path):
    run = RunFolder.create(tmp_path, "tumour: 3D/left", [a_case()], TrainingSettings())
    name, date, time = run.path.name.split("_")
    assert name == "tumour-3D-left"
    assert len(date) == len("2026-11-21")
    assert len(time) == len("1432")
    assert run.name == run.path.name


def test_two_runs_of_one_name_and_minute_have_their_own_folders(tmp_path):
    runs = {
        RunFolder.create(tmp_path, "a", [a_case()], TrainingSettings()).path
        for _ in range(3)
    }
    assert len(runs) == 3
    assert set(tmp_path.iterdir()) == runs


def test_settings_and_start_come_back(tmp_path):
    model = tmp_path / "earlier.safetensors"
    model.write_bytes(b"weights")
    settings = TrainingSettings(dimensions=3, channels=(4, 8), minutes=2)
    run = RunFolder.create(tmp_path / "new", "a", [a_case()], settings, model)
    model.unlink()
    opened = RunFolder.open(run.path)
    assert opened.settings == settings
    assert opened.start_path is not None
    assert opened.start_path.read_bytes() == b"weights"
    assert RunFolder.create(tmp_path, "b", [a_case()], settings).start_path is None


def test_a_plan_comes_back_even_with_a_number_that_is_undefined(run, plan_of_ours):
    assert run.plan is None
    run.write_plan(plan_of_ours)
    assert repr(run.plan) == repr(plan_of_ours)


def test_labels_painted_while_training_are_seen_by_the_trainer(tmp_path):
    case = a_case(EA=np.zeros((3, 4, 5), np.uint8))
    run = RunFolder.create(tmp_path, "a", [case], TrainingSettings())
    (seen,) = run.cases()
    (painted,) = run.cases(writable=True)
    painted.labels["EA"][1, 2, 3] = 7
    assert seen.labels["EA"][1, 2, 3] == 7
    assert np.load(run.labels_path("032", "EA"))[1, 2, 3] == 7


def test_reading_changes_nothing(tmp_path):
    case = a_case(EA=np.zeros((3, 4, 5), np.uint8))
    run = RunFolder.create(tmp_path, "a", [case], TrainingSettings())
    (stored,) = run.cases()
    (writable,) = run.cases(writable=True)
    for array in (stored.labels["EA"], stored.image, writable.image):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


def test_observers_whose_names_no_file_could_bear(tmp_path):
    names = ["E/A", "E:A", "..", "μ", "e-a"]
    drawn = {
        name: np.full((3, 4, 5), number, np.uint8) for number, name in enumerate(names)
    }
    run = RunFolder.create(tmp_path, "a", [a_case(**drawn)], TrainingSettings())
    (stored,) = run.cases()
    for number, name in enumerate(names):
        assert stored.labels[name][0, 0, 0] == number
    files = [run.labels_path("032", name).name.lower() for name in names]
    assert len(set(files)) == len(names)


def test_big_endian_and_fortran_images_are_stored_for_this_machine(tmp_path):
    image = np.asfortranarray(np.arange(60).reshape(3, 4, 5)).astype(">u2")
    run = RunFolder.create(tmp_path, "a", [Case(image)], TrainingSettings())
    (stored,) = run.cases()
    assert stored.image.dtype == np.uint16
    assert stored.image.dtype.isnative
    np.testing.assert_array_equal(stored.image[0], image)


def test_a_run_needs_cases_with_names_of_their_own(tmp_path):
    with pytest.raises(RunFolderError, match="032"):
        RunFolder.create(tmp_path, "a", [a_case(), a_case()], TrainingSettings())
    with pytest.raises(RunFolderError, match="no cases"):
        RunFolder.create(tmp_path, "a", [], TrainingSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(FileNotFoundError):
        RunFolder.create(
            tmp_path, "a", [a_case()], TrainingSettings(), tmp_path / "no model"
        )
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_not_a_run(tmp_path):
    with pytest.raises(RunFolderError, match="not a run"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunFolderError, match="not a run"):
        RunFolder.open(tmp_path / "missing")


def test_damaged_files_are_named(run: RunFolder):
    (run.path / "settings.json").write_text('{"dimensions": 9}')
    with pytest.raises(RunFolderError, match=r"settings\.json"):
        _ = run.settings
    image = run.path / "cases" / "000" / "image.npy"
    image.write_bytes(image.read_bytes()[:50])
    with pytest.raises(RunFolderError, match=r"image\.npy"):
        run.cases()
    with pytest.raises(RunFolderError, match="'XY'"):
        run.labels_path("blob 0", "XY")


def test_events_come_back_in_order(run: RunFolder):
    told = [Warned("a\nb"), StepDone(1, 0.5, 0.1, 0.5, 0.1, 1), Finished("m")]
    assert run.events() == []
    for event in told:
        run.record(event)
    assert run.events() == told


@pytest.mark.parametrize("torn_at", [1, 20, -2, -1])
def test_a_line_torn_by_a_kill_costs_that_line_only(run: RunFolder, torn_at):
    run.record(Warned("before"))
    run.record(Warned("torn: µ"))
    journal = run.path / "events.jsonl"
    first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second[:torn_at])
    whole = [] if torn_at != -1 else [Warned("torn: µ")]
    assert run.events() == [Warned("before"), *whole]
    run.record(Warned("after"))
    assert run.events() == [Warned("before"), *whole, Warned("after")]


def test_the_last_step_is_found_from_the_end(run: RunFolder):
    path = run.path / "events.jsonl"
    assert last_step(path) is None
    run.record(Warned("x" * 40_000))
    assert last_step(path) is None
    for number in (1, 2):
        run.record(StepDone(number, 0.5, 0.1, 0.25 * number, 1.0, 2.0))
    run.record(Warned("after"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "StepDone", "step": 3')  # torn
    found = last_step(path)
    assert found is not None
    assert found.step == 2


def test_no_temporary_files_are_left(run: RunFolder, plan_of_ours: Plan):
    run.write_plan(plan_of_ours)
    with run.lock():
        run.log("begins")
    assert not [path for path in run.path.rglob("*") if path.name.startswith(".")]


def test_two_hands_never_hold_one_run(run: RunFolder):
    with (
        run.lock(),
        pytest.raises(RunFolderError, match=f"process {os.getpid()}"),
        RunFolder.open(run.path).lock(),
    ):
        pass
    with run.lock():
        pass


def test_a_drive_that_cannot_lock_is_told_apart_from_a_busy_run(run, monkeypatch):
    def refuse(_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("specimen_unet.runs.lock._take", refuse)
    with pytest.raises(RunFolderError, match="cannot lock files") as raised, run.lock():
        pass
    assert not isinstance(raised.value, RunBusyError)


def _hold_for_ever(path: Path, held) -> None:
    with RunFolder.open(path).lock():
        held.set()
        signal.pause()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_the_lock_of_another_process_blocks_until_it_is_killed(run: RunFolder):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    holder = context.Process(target=_hold_for_ever, args=(run.path, held))
    holder.start()
    assert held.wait(20)
    with pytest.raises(RunFolderError, match=f"process {holder.pid}"), run.lock():
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with run.lock():
        pass


def test_runs_are_kept_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECIMEN_UNET_RUNS", str(tmp_path))
    assert runs_folder() == tmp_path
    monkeypatch.delenv("SPECIMEN_UNET_RUNS")
    assert runs_folder().parts[-2:] == ("specimen-unet", "runs")


def test_settings_are_readable_json(run: RunFolder):
    settings = json.loads((run.path / "settings.json").read_text())
    assert settings["channels"] == [4, 8]
