"""The engine in a process of its own does what it is told, and is never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.events import (
    CheckpointSaved,
    Failed,
    Finished,
    FoldBegun,
    FoldDone,
    PlanReady,
    Preview,
    Ready,
    StepDone,
    TileDone,
    Validated,
    Warned,
)
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.model import load_model
from specimen_unet.files.library import read_card
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import command_line
from specimen_unet.runs.segment_job import SegmentJob

if TYPE_CHECKING:
    from specimen_unet.domain.case import Case
    from specimen_unet.runs.study import StudyFolder

pytestmark = pytest.mark.slow


@pytest.fixture
def cases(make_blob_case) -> list[Case]:
    """Return four small volumes; what is spoken does not depend on dimensions."""
    return [make_blob_case((8, 32, 32), seed=seed) for seed in range(4)]


@pytest.fixture
def run(tmp_path: Path, cases, small_settings) -> RunFolder:
    """Return a run of 12 steps, not yet trained."""
    return RunFolder.create(tmp_path, "blobs", cases, small_settings(dimensions=3))


@pytest.fixture
def long_run(tmp_path: Path, cases, small_settings) -> RunFolder:
    """Return a run that does not end by itself during a test."""
    settings = small_settings(dimensions=3, steps=100_000)
    return RunFolder.create(tmp_path, "long", cases, settings)


def test_a_run_is_planned_trained_and_kept(child, run: RunFolder):
    child.tell(command_line("plan", run=run.path))
    (planned,) = child.until(PlanReady)
    assert run.plan == planned.plan

    child.train(run)
    heard = child.until(Finished)
    assert heard[0] == planned
    assert [e.step for e in heard if isinstance(e, StepDone)] == list(range(1, 13))
    assert any(isinstance(event, Validated) for event in heard)
    finished = heard[-1]
    assert not finished.stopped_early

    assert run.events() == heard
    assert run.is_finished
    assert read_card(run.model_path).plan == planned.plan
    assert (run.path / "curves.png").stat().st_size > 1000
    assert (run.path / "curves.csv").read_text().count("\n") == 13
    assert "Finished" in (run.path / "log.txt").read_text()
    assert not [path for path in run.path.rglob("*") if path.name.startswith(".")]


def test_the_model_goes_to_the_library_under_the_name_of_the_run(
    child, tmp_path, cases, small_settings
):
    run = RunFolder.create(tmp_path, "mine", cases, small_settings(dimensions=3))
    child.train(run)
    finished = child.until_the_end()
    path = child.library / f"{run.name}.safetensors"
    assert finished.path == str(path)
    assert run.model_path.read_bytes() == path.read_bytes()
    assert read_card(path).name == run.name
    models = set(child.library.iterdir())
    child.train(run, resume=True)
    assert child.until(Finished) == [finished]
    assert set(child.library.iterdir()) == models
    child.train(run)
    assert "is finished" in child.until(Failed)[-1].message


def test_what_is_not_a_command_is_told_and_harms_nothing(child, run: RunFolder):
    for line in ["hello\n", "\n", "[]\n", '{"command": "dance"}\n', "{\n", "\x00\n"]:
        child.tell(line)
    child.tell(command_line("stop") + command_line("pause") + command_line("go on"))
    child.tell(command_line("plan", run=run.path))
    heard = child.until(PlanReady)
    assert [type(event) for event in heard] == [Warned] * 5 + [PlanReady]
    assert "dance" in heard[2].message


def test_a_folder_that_is_no_run_is_told(child, tmp_path):
    for command in ("plan", "train"):
        child.tell(command_line(command, run=tmp_path / "missing"))
        failed = child.until(Failed)[-1]
        assert failed.kind == "RunFolderError"
        assert "missing" in failed.message
    child.tell(command_line("train"))
    assert child.until(Failed)[-1].kind == "bug"


def test_bad_input_is_told_before_anything_is_trained(
    child, tmp_path, make_blob_case, small_settings
):
    unlabelled = [make_blob_case((16, 16), observers=("EA",)) for _ in range(1)]
    unlabelled[0].labels["EA"][...] = 0
    run = RunFolder.create(tmp_path, "empty", unlabelled, small_settings())
    child.train(run)
    heard = child.until(Failed)
    assert [event.kind for event in heard] == ["NoAnnotationError"]
    assert run.events() == heard
    assert "NoAnnotationError" in (run.path / "log.txt").read_text()


def test_a_bug_is_told_with_where_it_happened(child, run: RunFolder):
    child.tell(command_line("plan", run=run.path))
    child.until(PlanReady)
    (run.path / "log.txt").unlink(missing_ok=True)
    (run.path / "log.txt").mkdir()
    child.train(run)
    failed = child.until(Failed)[-1]
    assert failed.kind == "bug"
    assert "Traceback" in failed.message
    assert "IsADirectoryError" in failed.message


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_running_out_of_memory_is_told_in_plain_words(start_child, run: RunFolder):
    import resource

    child = start_child()
    child.tell(command_line("plan", run=run.path))
    heard = child.until(PlanReady)
    plan = heard[-1].plan.model_copy(update={"patch": (64, 1024, 1024)})
    run.write_plan(plan)
    with open(f"/proc/{child.process.pid}/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    limit = size + 400 * 2**20
    resource.prlimit(child.process.pid, resource.RLIMIT_AS, (limit, limit))
    child.train(run)
    failed = child.until(Failed)[-1]
    assert failed.kind == "MemoryExceededError"
    assert "batch" in failed.message


def test_a_paused_training_waits_and_ends_as_if_it_had_not(
    child, tmp_path, cases, small_settings, weights
):
    settings = small_settings(dimensions=3, steps=40)
    straight = RunFolder.create(tmp_path, "straight", cases, settings)
    child.train(straight)
    child.until(Finished)

    paused = RunFolder.create(tmp_path, "paused", cases, settings)
    paused.write_plan(straight.plan)
    child.train(paused)
    child.until(StepDone)
    child.tell(command_line("pause"))
    child.until(CheckpointSaved)
    assert child.is_silent(0.5)
    assert paused.has_checkpoint
    child.tell(command_line("go on"))
    child.until(Finished)
    assert weights(paused.model_path) == weights(straight.model_path)


@pytest.mark.parametrize("is_paused", [False, True], ids=["busy", "paused"])
def test_a_stopped_training_keeps_its_model(child, long_run: RunFolder, is_paused):
    child.train(long_run)
    child.until(StepDone)
    if is_paused:
        child.tell(command_line("pause"))
        child.until(CheckpointSaved)
    child.tell(command_line("stop"))
    finished = child.until_the_end()
    assert finished.stopped_early
    card = read_card(finished.path)
    assert 0 < card.steps_done < 100_000
    assert card.metrics is not None
    assert long_run.is_finished
    load_model(finished.path)


def _close(child) -> None:
    child.process.stdin.close()


def _pause_and_close(child) -> None:
    child.tell(command_line("pause"))
    child.until(CheckpointSaved)
    child.process.stdin.close()


def _terminate(child) -> None:
    child.process.terminate()


def _quit(child) -> None:
    child.tell(command_line("quit"))


@pytest.mark.parametrize("end", [_close, _pause_and_close, _terminate, _quit])
def test_a_training_that_is_left_can_be_resumed(
    start_child, child, long_run: RunFolder, end
):
    left = start_child()
    left.train(long_run)
    left.until(StepDone)
    end(left)
    assert left.process.wait(60) == 0
    assert long_run.has_checkpoint
    assert not long_run.is_finished
    done = [e.step for e in long_run.events() if isinstance(e, StepDone)][-1]
    saved = [e.step for e in long_run.events() if isinstance(e, CheckpointSaved)]

    child.train(long_run)
    assert "resume" in child.until(Failed)[-1].message
    child.train(long_run, resume=True)
    step = child.until(StepDone)[-1].step
    # The last event may not have got to disk or parent; the checkpoint has.
    assert done <= step <= done + 1
    assert not saved or step == saved[-1] + 1
    child.tell(command_line("stop"))
    child.until_the_end()


def test_a_child_with_nobody_to_hear_it_leaves(start_child, long_run: RunFolder):
    child = start_child()
    child.train(long_run)
    child.until(StepDone)
    child.process.stdout.close()
    assert child.process.wait(60) == 0
    assert long_run.has_checkpoint


def test_two_children_never_train_one_run(start_child, child, long_run: RunFolder):
    first = start_child()
    first.train(long_run)
    first.until(StepDone)
    child.train(long_run, resume=True)
    failed = child.until(Failed)[-1]
    assert failed.kind == "RunBusyError"
    assert str(first.process.pid) in failed.message
    first.process.kill()
    first.process.wait()
    child.train(long_run, resume=True)
    child.until(StepDone)
    child.tell(command_line("stop"))
    child.until_the_end()


def test_a_preview_comes_while_it_trains(child, long_run: RunFolder):
    case = long_run.cases()[0]
    child.train(long_run)
    child.until(StepDone)
    child.tell(command_line("preview", case=case.name, index=0))
    preview = child.until(Preview)[-1]
    assert (preview.case, preview.index) == (case.name, 0)
    assert preview.labels.shape == case.shape[-2:]
    child.tell('{"command": "preview"}\n')
    assert "not understood" in child.until(Warned)[-1].message
    child.tell(command_line("stop"))
    child.until_the_end()
    assert not [event for event in long_run.events() if isinstance(event, Preview)]


def test_a_job_is_segmented(child, run: RunFolder, cases, tmp_path):
    child.train(run)
    model = child.until_the_end().path
    case = cases[0]
    for probabilities, engine in ((False, "torch"), (True, "openvino")):
        settings = SegmentationSettings(
            probabilities=probabilities, engine=engine, device="cpu"
        )
        job = SegmentJob.create(tmp_path / "jobs", case, [Path(model)], settings)
        child.tell(command_line("segment", job=job.path))
        heard = child.until(Finished)
        assert isinstance(heard[0], TileDone | Warned)
        assert heard[-1].path == str(job.labels_path)
        assert job.labels().shape == case.shape
        assert job.labels().dtype == np.uint8
        assert (job.probabilities() is not None) == probabilities
        if probabilities:
            np.testing.assert_allclose(job.probabilities().sum(axis=0), 1, atol=1e-3)


def test_a_job_with_a_missing_model_is_told(child, cases, tmp_path):
    settings = SegmentationSettings()
    job = SegmentJob.create(tmp_path, cases[0], [tmp_path / "no.safetensors"], settings)
    child.tell(command_line("segment", job=job.path))
    assert child.until(Failed)[-1].kind == "ModelFileError"


def test_it_is_ready_before_it_is_asked_and_gives_way_to_others(start_child):
    child = start_child()
    ready = child.hear()
    assert isinstance(ready, Ready)
    assert ready.device_name
    if hasattr(os, "getpriority"):
        assert os.getpriority(os.PRIO_PROCESS, child.process.pid) >= 10
    child.tell(command_line("quit"))
    assert child.hear() is None
    assert child.process.wait(20) == 0


def test_what_is_planned_can_be_trained_without_further_imports(
    start_child, run: RunFolder, capfd
):
    """Those of an optimiser take longer than all else before the first step."""
    child = start_child(PYTHONPROFILEIMPORTTIME="1")
    child.tell(command_line("plan", run=run.path))
    child.until(PlanReady)
    # Planning may have done it already, whose words are in the log.
    imported = (run.path / "log.txt").read_text()
    until = time.monotonic() + 60
    while "torch._dynamo\n" not in imported and time.monotonic() < until:
        imported += capfd.readouterr().err
        time.sleep(0.1)
    assert "torch._dynamo\n" in imported
    child.train(run)
    child.until(StepDone)
    late = (run.path / "log.txt").read_text().split("Begun")[1]
    assert "torch._dynamo" not in late


def test_what_libraries_print_is_no_event():
    program = """
import os, sys
from specimen_unet.runs.child import _take_standard_streams
commands, answers = _take_standard_streams()
print("a print")
os.write(1, b"from below Python\\n")
os.system("echo from another program")
answers.write("an event\\n")
answers.flush()
assert commands.readline() == b"a command\\n"
assert sys.stdin.read() == ""
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="a command\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "an event\n"
    assert sorted(done.stderr.split("\n")) == [
        "",
        "a print",
        "from another program",
        "from below Python",
    ]


def test_a_study_is_done_by_a_process_of_its_own_and_names_its_folds(
    child, flat_study: StudyFolder
):
    study = flat_study
    child.tell(command_line("crossvalidate", study=study.path))
    heard = child.until(Finished)
    assert heard[-1] == Finished(str(study.path))
    begun = [event.fold for event in heard if isinstance(event, FoldBegun)]
    done = [event.fold for event in heard if isinstance(event, FoldDone)]
    assert begun == done == [0, 1, 2]
    assert study.is_finished
    assert not list(child.library.glob("fold-*"))


def test_a_stopped_study_is_told_to_be_so_and_goes_on(child, long_study: StudyFolder):
    study = long_study
    child.tell(command_line("crossvalidate", study=study.path))
    child.until(StepDone)
    child.tell(command_line("stop"))
    assert child.until(Finished)[-1] == Finished(str(study.path), stopped_early=True)
    assert study.run(0).has_checkpoint
    assert not study.model_paths
    child.tell(command_line("crossvalidate", study=study.path))
    assert child.until(Finished)[-1] == Finished(str(study.path))
    steps = [e.step for e in study.run(0).events() if isinstance(e, StepDone)]
    assert steps == list(range(1, 151))


def test_one_fold_of_a_study_can_be_done_alone(child, flat_study: StudyFolder):
    study = flat_study
    child.tell(command_line("fold", study=study.path, fold=1, device="cpu"))
    heard = child.until(Finished)
    assert isinstance(heard[0], FoldBegun)
    assert study.is_done(1)
    assert not study.is_done(0)
