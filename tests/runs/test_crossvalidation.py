"""Every case is segmented by a model that has not seen it, whatever is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.control import StudyControl, WorkLeft
from specimen_unet.domain.errors import PlanError, RunBusyError, RunFolderError
from specimen_unet.domain.events import (
    Finished,
    FoldBegun,
    FoldDone,
    FoldProgress,
    StepDone,
    Warned,
)
from specimen_unet.files.images import read_labels
from specimen_unet.files.library import library_folder, read_card
from specimen_unet.runs.crossvalidation import crossvalidating
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Iterable


def of_kind(kind: type, events: Iterable[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def steps(study: StudyFolder, fold: int) -> list[int]:
    """Return the steps that a fold made, in the order it made them."""
    return [event.step for event in of_kind(StepDone, study.run(fold).events())]


def assert_is_whole(study: StudyFolder) -> None:
    """Check that all models, predictions and tables are there and are honest."""
    assert study.is_finished
    assert len(study.model_paths) == study.folds
    for fold in range(study.folds):
        card = read_card(study.run(fold).model_path)
        assert card.name == f"{study.name}-fold-{fold}"
        left_out = {case.name for case in study.cases_of(fold)}
        assert left_out
        # Neither learnt from nor looked at to choose the best weights.
        assert left_out.isdisjoint(card.groups)
        assert left_out.isdisjoint(card.plan.split.training)
        assert left_out.isdisjoint(card.plan.split.validation)
        assert card.plan.split.validation
        assert {case.group for case in study.cases_of(fold)}.isdisjoint(
            card.groups.values()
        )
    for case in study.record.cases:
        labels, grid = read_labels(study.prediction_path(case))
        assert labels.shape == study.read(case).shape
        assert grid.same_spacing(study.read(case).grid)
    scores = study.read_table(study.scores_path)
    assert set(scores["case"]) == {case.name for case in study.record.cases}
    assert set(study.read_table(study.summary_path)["score"]) >= {"dice", "iou"}


def test_all_folds_are_trained_and_all_cases_scored(study: StudyFolder):
    events = list(crossvalidating(study))
    assert_is_whole(study)
    assert of_kind(FoldBegun, events) == [FoldBegun(fold, 3) for fold in range(3)]
    done = of_kind(FoldDone, events)
    assert [event.fold for event in done] == [0, 1, 2]
    assert events[-1] == Finished(str(study.path))
    assert len(of_kind(Finished, events)) == 1
    scores = study.read_table(study.scores_path)
    names = [case.name for case in study.cases_of(1)]
    rows = scores[scores["case"].isin(names) & (scores["first"] == "prediction")]
    assert done[1].mean_dice == pytest.approx(rows["dice"].mean())
    for fold in range(3):
        shares = [e.progress for e in of_kind(FoldProgress, events) if e.fold == fold]
        assert shares == sorted(shares)
        assert 0.9 <= shares[-1] <= 1


def taken_over(study: StudyFolder) -> list[bool]:
    """Return of each fold whether it has its voxels from another, by its card."""
    reasons = [read_card(path).plan.reasons["spacing"] for path in study.model_paths]
    assert not any("chosen by you" in reason for reason in reasons)
    return ["as in the fold that was planned first" in reason for reason in reasons]


def test_folds_look_as_finely_as_the_one_that_was_planned_first(study: StudyFolder):
    """How busy a computer is decides which voxels are planned."""
    with closing(crossvalidating(study)) as work:
        next(event for event in work if isinstance(event, FoldDone))
    plan = study.run(0).plan
    spacing = tuple(2 * size for size in plan.spacing)
    study.run(0).write_plan(plan.model_copy(update={"spacing": spacing}))
    list(crossvalidating(study))
    assert taken_over(study) == [False, True, True]
    assert {study.run(fold).plan.spacing for fold in (1, 2)} == {spacing}
    assert study.run(1).settings == study.record.settings


def test_its_models_do_not_fill_the_library(study: StudyFolder):
    list(crossvalidating(study))
    assert not list(library_folder().glob("*"))


def test_what_is_done_is_not_done_again(study: StudyFolder):
    list(crossvalidating(study))
    files = [*study.model_paths, *(study.path / "predictions").iterdir()]
    before = {path: path.stat().st_mtime_ns for path in files}
    study.summary_path.unlink()
    lost = study.prediction_path(study.record.cases[0])
    lost.unlink()
    events = list(crossvalidating(study))
    assert of_kind(StepDone, events) == []
    assert len(of_kind(FoldDone, events)) == 3
    assert study.is_finished
    del before[lost]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_left_anywhere_it_goes_on_to_the_same_models(
    study: StudyFolder, tmp_path, weights
):
    straight = StudyFolder.open(shutil.copytree(study.path, tmp_path / "straight"))
    list(crossvalidating(straight))
    events, left = 0, 0
    while not study.is_finished:
        with closing(crossvalidating(study)) as work:
            for event in work:
                events += isinstance(event, StepDone)
                if events % 7 == 6 and isinstance(event, StepDone):
                    left += 1
                    break  # as a script that goes away
    assert left >= 4
    assert_is_whole(study)
    for ours, theirs in zip(study.model_paths, straight.model_paths, strict=True):
        assert weights(ours) == weights(theirs)
    for fold in range(3):
        assert steps(study, fold) == list(range(1, 13))
    for case in study.record.cases:
        ours, theirs = (
            read_labels(each.prediction_path(case))[0] for each in (study, straight)
        )
        assert np.array_equal(ours, theirs)


def test_to_stop_a_study_keeps_the_fold_for_later(study: StudyFolder):
    control = StudyControl()

    def stop_at_five() -> None:
        for event in crossvalidating(study, control=control):
            if isinstance(event, StepDone) and event.step == 5:
                control.stop()

    with pytest.raises(WorkLeft):
        stop_at_five()
    assert study.model_paths == []
    assert study.run(0).has_checkpoint
    list(crossvalidating(study))
    assert steps(study, 0) == list(range(1, 13))
    assert_is_whole(study)


def test_two_at_a_time_are_refused(study: StudyFolder):
    with study.lock(), pytest.raises(RunBusyError):
        next(crossvalidating(study))


def test_a_failure_of_a_fold_is_told_and_the_study_goes_on_later(study: StudyFolder):
    broken = study.record.settings.model_copy(update={"patch": (8,) * 5})
    study.record = study.record.model_copy(update={"settings": broken})
    with pytest.raises(PlanError, match=r"a 2D network needs 2|a 3D network needs 3"):
        list(crossvalidating(study))
    shutil.rmtree(study.path / "fold-0")
    for fold in (1, 2):
        shutil.rmtree(study.path / f"fold-{fold}")
    again = StudyFolder.open(study.path)
    list(crossvalidating(again))
    assert_is_whole(again)


def test_cautions_of_the_study_are_told(study: StudyFolder):
    study.record = study.record.model_copy(update={"cautions": ("Label 9 ...",)})
    with closing(crossvalidating(study)) as work:
        assert next(work) == Warned("Label 9 ...")


@pytest.mark.slow
def test_folds_run_side_by_side_in_processes_of_their_own(flat_study: StudyFolder):
    study = flat_study
    events, under_way, most = [], set(), 0
    for event in crossvalidating(study, devices=["cpu", "cpu"]):
        events.append(event)
        if isinstance(event, FoldBegun):
            under_way.add(event.fold)
        elif isinstance(event, FoldDone):
            under_way.remove(event.fold)
        most = max(most, len(under_way))
    assert most == 2
    assert_is_whole(study)
    assert sorted(event.fold for event in of_kind(FoldDone, events)) == [0, 1, 2]
    assert events[-1] == Finished(str(study.path))


@pytest.mark.slow
def test_a_failure_side_by_side_comes_back_as_what_it_was(flat_study: StudyFolder):
    study = flat_study
    with pytest.raises(PlanError, match="device"):
        list(crossvalidating(study, devices=["cuda:77", "cuda:78"]))
    list(crossvalidating(study, devices=["cpu"]))
    assert_is_whole(study)


@pytest.mark.slow
def test_a_process_that_dies_is_told_and_its_fold_goes_on_later(
    long_study: StudyFolder,
):
    study, killed = long_study, []

    def kill_the_first() -> None:
        for event in crossvalidating(study, devices=["cpu"]):
            if isinstance(event, FoldProgress) and event.progress > 0.1 and not killed:
                held = (study.run(event.fold).path / "lock").read_text("utf-8")
                killed.append(int(held.split()[1]))
                os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(RunFolderError, match=r"fold 0 ended by itself .*-9"):
        kill_the_first()
    assert killed
    assert study.model_paths == []
    list(crossvalidating(study))
    assert_is_whole(study)
    assert set(steps(study, 0)) == set(range(1, 151))


def until_steps(study: StudyFolder, folds: Iterable[int], step: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if all(max(steps(study, fold), default=0) >= step for fold in folds):
            return
        time.sleep(0.05)
    pytest.fail("nothing was trained")


@pytest.mark.slow
def test_processes_save_and_leave_when_the_one_that_started_them_is_killed(
    long_study: StudyFolder,
):
    study = long_study
    for fold in range(3):
        study.run(fold)
    program = (
        "import sys; from pathlib import Path\n"
        "from specimen_unet.runs.study import StudyFolder\n"
        "from specimen_unet.runs.crossvalidation import crossvalidating\n"
        "list(crossvalidating(StudyFolder.open(Path(sys.argv[1])),"
        " devices=['cpu', 'cpu']))\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", program, str(study.path)])
    until_steps(study, (0, 1), 5)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for fold in (0, 1):
        _wait_until_free(study, fold)
        assert study.run(fold).has_checkpoint
        assert not study.run(fold).is_finished
    before = {fold: max(steps(study, fold)) for fold in (0, 1)}
    list(crossvalidating(study))
    assert_is_whole(study)
    for fold, step in before.items():
        assert steps(study, fold).count(step) == 1
        assert steps(study, fold) == list(range(1, 151))


def _wait_until_free(study: StudyFolder, fold: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with study.run(fold).lock():
                return
        except RunBusyError:
            assert time.monotonic() < end
            time.sleep(0.1)
