"""A study is a folder: cases written once, runs that are whole without it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.errors import (
    NoAnnotationError,
    PlanError,
    RunBusyError,
    RunFolderError,
)
from specimen_unet.files.images import read_labels, write_image
from specimen_unet.runs import study as study_module
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_record import StudySource
from specimen_unet.runs.study_scores import (
    mean_dice,
    summary_of,
    write_prediction,
    write_scores,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.settings import TrainingSettings


def test_every_case_is_held_out_once_and_its_group_with_it(study: StudyFolder):
    held_out = [case.name for fold in range(3) for case in study.cases_of(fold)]
    assert sorted(held_out) == [f"blob {n}" for n in range(6)]
    for fold in range(3):
        learnt = {case.group for case in study.run(fold).cases()}
        assert len(learnt) == 2
        assert learnt.isdisjoint(case.group for case in study.cases_of(fold))


def test_it_is_found_again_as_it_was(study: StudyFolder, study_cases: list[Case]):
    again = StudyFolder.open(study.path)
    assert again.record == study.record
    for stored, case in zip(again.record.cases, study_cases, strict=True):
        read = again.read(stored)
        assert np.array_equal(read.image, case.image)
        assert read.grid == case.grid
        assert set(read.labels) == {"EA", "MG"}


def test_the_runs_share_the_files_of_the_cases_and_are_whole_without_it(
    study: StudyFolder, tmp_path: Path
):
    run = study.run(0)
    (first, *_) = (run.path / "cases").iterdir()
    shared = study.path / "cases" / first.name / "image.npy"
    assert os.path.samefile(first / "image.npy", shared)
    before = [case.image.copy() for case in run.cases()]
    copied = RunFolder.open(shutil.move(run.path, tmp_path / "elsewhere"))
    shutil.rmtree(study.path)
    after = [case.image for case in copied.cases()]
    assert len(after) == 4
    assert all(map(np.array_equal, before, after))


def test_cases_are_copied_where_a_drive_knows_no_links(study, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(study_module.os, "link", refuse)
    assert len(study.run(1).cases()) == 4


def test_a_run_that_is_there_is_not_made_again(study: StudyFolder):
    study.run(0).log("begun")
    assert "begun" in (study.run(0).path / "log.txt").read_text()


def test_a_folder_that_holds_something_is_left_alone(
    tmp_path, study_cases, small_settings
):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("all of it")
    with pytest.raises(RunFolderError, match="not empty"):
        StudyFolder.create(tmp_path / "notes", study_cases, small_settings())
    assert (tmp_path / "notes" / "thesis.txt").read_text() == "all of it"


def test_what_cannot_be_validated_is_refused_and_leaves_nothing(
    tmp_path, study_cases, small_settings
):
    def create(cases: list[Case], folds: int = 3) -> StudyFolder:
        return StudyFolder.create(
            tmp_path / "none", cases, small_settings(), folds=folds
        )

    with pytest.raises(PlanError, match="3 groups only: choose 2 to 3 folds"):
        create(study_cases, folds=4)
    with pytest.raises(RunFolderError, match="Several cases are called blob 0"):
        create([*study_cases, study_cases[0]])
    with pytest.raises(RunFolderError, match="No cases"):
        create([])
    with pytest.raises(NoAnnotationError, match="Nobody drew on blob 5"):
        create([*study_cases[:5], study_cases[5].with_labels({})])
    assert not (tmp_path / "none").exists()


def test_a_label_that_one_fold_has_alone_is_told(tmp_path, study_cases, small_settings):
    labels = np.array(study_cases[0].labels["EA"])
    labels[labels == 1] = 2
    cases = [study_cases[0].with_labels({"EA": labels}), *study_cases[1:]]
    study = StudyFolder.create(tmp_path / "rare", cases, small_settings(), folds=3)
    (caution,) = study.record.cautions
    fold = next(c.fold for c in study.record.cases if c.name == "blob 0")
    assert caution.startswith(f"Label 2 occurs in fold {fold} only")


def test_cases_marked_for_test_take_no_part_and_that_is_told(
    tmp_path, study_cases, small_settings
):
    marks = ["test", "test", "validation", "", "training", ""]
    cases = [c.with_split(m) for c, m in zip(study_cases, marks, strict=True)]
    study = StudyFolder.create(tmp_path / "marked", cases, small_settings(), folds=2)
    assert study.record.cautions == (
        "2 cases are marked for test: neither learnt from nor validated on.",
    )
    names = [study.read(stored).name for stored in study.record.cases]
    assert names == [f"blob {n}" for n in (2, 3, 4, 5)]
    assert len(list((study.path / "cases").iterdir())) == 4
    # A mark for validation would leave a fold without any, or always with the same.
    assert {c.split for fold in range(2) for c in study.run(fold).cases()} == {""}


def test_a_group_of_test_cases_and_others_is_refused(
    tmp_path, study_cases, small_settings
):
    cases = [study_cases[0].with_split("test"), *study_cases[1:]]
    with pytest.raises(PlanError, match="patient 0"):
        StudyFolder.create(tmp_path / "none", cases, small_settings(), folds=2)
    with pytest.raises(NoAnnotationError, match="All 6 cases are marked for test"):
        StudyFolder.create(
            tmp_path / "none",
            [case.with_split("test") for case in study_cases],
            small_settings(),
            folds=2,
        )
    assert list(tmp_path.iterdir()) == []


def test_only_one_case_is_in_memory_while_a_study_is_written(
    tmp_path, study_cases, small_settings
):
    """Cases that come one by one are written when they come."""
    (tmp_path / "studies").mkdir()

    def coming():
        for number, case in enumerate(study_cases):
            assert len(list(tmp_path.glob("studies/.unfinished-s.*/cases/*"))) == number
            yield case

    made = StudyFolder.create(
        tmp_path / "studies" / "s", coming(), small_settings(), folds=3
    )
    assert len(made.record.cases) == 6


def test_another_question_is_not_answered_by_an_old_study(study: StudyFolder):
    settings = study.record.settings
    study.check_same(settings, 3, None)
    other = settings.model_copy(update={"steps": 99})
    with pytest.raises(RunFolderError, match=r"steps \(12 there, 99 here\)"):
        study.check_same(other, 3, None)
    with pytest.raises(RunFolderError, match=r"folds \(3 there, 5 here\)"):
        study.check_same(settings, 5, None)
    with pytest.raises(RunFolderError, match="the folder of cases"):
        study.check_same(settings, 3, StudySource(folder=Path("other")))


def test_a_folder_that_is_no_study_is_told(tmp_path):
    with pytest.raises(RunFolderError, match="not a study"):
        StudyFolder.open(tmp_path)


def test_one_process_at_a_time_works_on_it(study: StudyFolder):
    with (
        study.lock(),
        pytest.raises(RunBusyError, match=rf"process {os.getpid()} on \S+"),
        study.lock(),
    ):
        pass


def test_predictions_are_written_as_segment_writes_them(
    tmp_path, study_cases, small_settings
):
    images = {}
    for case, suffix in zip(study_cases, (".nii.gz", ".tif", ".nrrd") * 2, strict=True):
        path = tmp_path / "images" / f"{case.name}{suffix}"
        write_image(path, case.image[0], case.grid)
        images[case.name] = path
    source = StudySource(folder=tmp_path / "images", images=images)
    study = StudyFolder.create(
        tmp_path / "s", study_cases, small_settings(), folds=3, source=source
    )
    for stored, case in zip(study.record.cases, study_cases, strict=True):
        write_prediction(study, stored, np.array(case.labels["EA"]))
        labels, grid = read_labels(study.prediction_path(stored))
        assert np.array_equal(labels, case.labels["EA"])
        assert grid.same_spacing(case.grid)
        assert grid.unit == case.grid.unit
    assert {path.name for path in (study.path / "predictions").iterdir()} == {
        "blob-0.nii.gz", "blob-1.tif", "blob-2.nrrd",
        "blob-3.nii.gz", "blob-4.tif", "blob-5.nrrd",
    }  # fmt: skip


def test_scores_are_those_of_every_pair_and_the_summary_draws_groups(
    study: StudyFolder, study_cases: list[Case]
):
    for stored, case in zip(study.record.cases, study_cases, strict=True):
        # As EA drew; but the last case is not found at all.
        found = np.array(case.labels["EA"]) * (stored.name != "blob 5")
        write_prediction(study, stored, found)
    write_scores(study)
    scores = study.read_table(study.scores_path)
    pairs = [("prediction", "EA"), ("prediction", "MG"), ("EA", "MG")]
    assert list(zip(scores["first"], scores["second"], strict=True)) == pairs * 6
    against_ea = scores[scores["second"] == "EA"].set_index("case")["dice"]
    assert against_ea.tolist() == [1.0] * 5 + [0.0]

    summary = study.read_table(study.summary_path)
    dice = summary[summary["score"] == "dice"].set_index(["first", "second"])
    row = dice.loc[("prediction", "EA")]
    assert row["mean"] == pytest.approx(5 / 6)
    assert row["sd"] == pytest.approx(np.std([1] * 5 + [0], ddof=1))
    assert (row["cases"], row["groups"], row["undefined"]) == (6, 3, 0)
    # The worst draw is three times the patient whose second case was missed.
    assert row["low"] == pytest.approx(0.5)
    assert row["high"] == pytest.approx(1.0)
    assert 0.8 < row["pooled"] < 1
    precision = summary[summary["score"] == "precision"].set_index(["first", "second"])
    assert precision.loc[("prediction", "EA")]["undefined"] == 1
    assert mean_dice(scores) == pytest.approx(
        scores[scores["first"] == "prediction"]["dice"].mean()
    )


def test_a_case_in_which_nothing_is_counts_as_undefined(
    tmp_path, study_cases: list[Case], small_settings: Callable[..., TrainingSettings]
):
    empty = np.zeros(study_cases[0].shape, np.uint8)
    cases = [*study_cases[:5], study_cases[5].with_labels({"EA": empty, "MG": empty})]
    study = StudyFolder.create(tmp_path / "s", cases, small_settings(), folds=3)
    for stored, case in zip(study.record.cases, cases, strict=True):
        write_prediction(study, stored, np.array(case.labels["EA"]))
    write_scores(study)
    summary = study.read_table(study.summary_path)
    dice = summary[summary["score"] == "dice"]
    assert dice["undefined"].tolist() == [1, 1, 1]
    assert dice["cases"].tolist() == [5, 5, 5]


def test_of_a_pair_count_the_cases_that_both_drew():
    row = {"between_observers": False, "size_unit": "voxels", "label": 1, "name": "a"}
    scores = pd.DataFrame(
        {**row, "case": case, "first": "prediction", "second": observer, "dice": dice}
        for case, observer, dice in [
            ("a", "EA", 0.5), ("b", "EA", 0.7), ("c", "EA", np.nan), ("a", "MG", 0.9),
        ]
    )  # fmt: skip
    summary = summary_of(scores, {"a": "1", "b": "2", "c": "3"}).set_index("second")
    assert summary.loc["EA", ["mean", "cases", "undefined"]].tolist() == [0.6, 2, 1]
    assert summary.loc["MG", ["mean", "cases", "undefined"]].tolist() == [0.9, 1, 0]
    assert np.isnan(summary.loc["MG", "low"])


def test_what_a_kill_left_of_another_study_goes_when_one_is_made(
    tmp_path: Path, study_cases: list[Case], small_settings
) -> None:
    killed = tmp_path / ".unfinished-other-study.abc"
    (killed / "cases").mkdir(parents=True)
    (killed / "lock").write_text("process 1 on elsewhere")
    made = StudyFolder.create(
        tmp_path / "study", study_cases, small_settings(), folds=3
    )
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    assert not (made.path / "lock").exists()
