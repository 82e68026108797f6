"""Reports of real runs and of real files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import specimen_unet as su
from specimen_unet import cli
from specimen_unet.domain.errors import CaseReadError, RunFolderError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.answers import Status
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import command_line
from specimen_unet.runs.report_files import report_of_files
from specimen_unet.runs.reporting import report_of_run
from specimen_unet.runs.work import train_run

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((2.0, 0.5, 0.5), "mm")


def trained(run: RunFolder, library: Path) -> RunFolder:
    for _ in train_run(run, library=library):
        pass
    return run


@pytest.mark.slow
def test_a_run_is_reported_on_what_it_held_out(run, tmp_path, monkeypatch):
    trained(run, tmp_path / "library")
    answer = report_of_run(run)
    scores = pd.read_csv(run.path / "report-scores.csv")
    assert set(scores["case"]) == set(run.plan.split.validation)
    assert answer.content["report"] == str(run.path / "report.html")
    text = (run.path / "report.html").read_text("utf-8")
    assert "12 steps were made" in text
    assert text.count("data:image/png") >= 2
    # The weights of the file were scored just so when they were chosen.
    metrics = su.load_model(run.model_path).card.metrics
    of_model = scores[~scores["between_observers"]]
    mean = of_model.groupby(["case", "label"])["dice"].mean().groupby("label").mean()
    assert mean.mean() == pytest.approx(metrics.mean_dice, abs=1e-3)


@pytest.mark.slow
def test_of_a_single_case_only_the_held_out_slices_are_scored(
    make_blob_case, small_settings, tmp_path
):
    case = make_blob_case((12, 32, 32), observers=("EA", "MG"))
    settings = small_settings(dimensions=3)
    run = trained(RunFolder.create(tmp_path, "one", [case], settings), tmp_path / "l")
    report_of_run(run, tmp_path / "here.html")
    first, end = run.plan.split.held_out
    scores = pd.read_csv(tmp_path / "here-scores.csv")
    held_out = case.labels["EA"][first:end]
    of_ea = scores.query("first == 'model' and second == 'EA'")
    size = float((held_out > 0).sum()) * case.grid.voxel_size
    assert of_ea["true_size"].item() == pytest.approx(size, rel=1e-4)
    text = (tmp_path / "here.html").read_text("utf-8")
    assert f"slices {first} to {end - 1}" in text
    assert run.plan.split.caution in text


def test_a_run_without_a_model_is_refused(run):
    with pytest.raises(RunFolderError, match="has no model yet"):
        report_of_run(run)
    assert not (run.path / "report.html").exists()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return predictions of three cases of two groups, and what two drew on them."""
    generator = np.random.default_rng(0)
    for name, size in (("032", 8), ("033", 4), ("034", 6)):
        labels = np.zeros((4, 16, 16), np.uint8)
        labels[1:3, 2 : 2 + size, 2:10] = 1
        write_labels(tmp_path / "predicted" / f"{name}.tif", labels, GRID)
        image = generator.integers(0, 200, (4, 16, 16)).astype("u1")
        write_image(tmp_path / "cases" / f"{name}.tif", image, GRID)
        for observer, width in (("EA", 8), ("MG", 6)):
            labels[1:3] = 0
            labels[1:3, 2 : 2 + width, 2:10] = 1
            write_labels(tmp_path / "cases" / f"{name}_{observer}.tif", labels, GRID)
    table = "image,group\n032,a\n033,a\n034,b\n"
    (tmp_path / "cases" / "groups.csv").write_text(table)
    return tmp_path / "predicted", tmp_path / "cases"


def test_files_are_reported_with_their_groups_and_images(folders, tmp_path):
    out = tmp_path / "report.html"
    answer = report_of_files(folders[0], [folders[1]], out)
    assert answer.status is Status.OK
    text = out.read_text("utf-8")
    assert "2 groups (3 cases) are few" in text
    assert "Worst case, 033" in text
    assert text.count("data:image/png") == 4
    summary = pd.read_csv(tmp_path / "report-summary.csv")
    assert set(summary["groups"]) == {2}


def test_surfaces_are_reported_when_asked_for(folders, tmp_path):
    path = su.report(*folders, out=tmp_path / "r.html", tolerance=0.5)
    text = path.read_text("utf-8")
    assert "HD95 (mm)" in text
    assert "within 0.5 mm" in text


def test_a_file_that_cannot_be_compared_is_told_on_the_page(folders, tmp_path):
    write_labels(folders[0] / "099.tif", np.ones((4, 16, 16), np.uint8), GRID)
    answer = report_of_files(folders[0], [folders[1]], tmp_path / "r.html")
    assert answer.status is Status.SOME_FILES_FAILED
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "099.tif: there is no ground truth of this name" in text


def test_without_anything_to_compare_nothing_is_written(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaseReadError, match="Nothing in"):
        report_of_files(tmp_path / "empty", [folders[1]], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_the_terminal_writes_reports_and_refuses_what_makes_no_sense(
    folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", *map(str, folders)]) == 0
    assert "report-summary.csv" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()
    assert cli.main(["report", str(folders[1])]) == 1
    assert "is neither a training nor a study" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["report", str(folders[0]), "--model", "a.safetensors"])
    assert "a run knows its model" in capsys.readouterr().err


@pytest.mark.slow
def test_the_worker_reports_a_run_as_the_dock_asks(run, tmp_path, child):
    trained(run, tmp_path / "library")
    child.tell(command_line("report", folder=run.path))
    assert child.until_the_end().path == str(run.path / "report.html")
    assert "Read this first" in (run.path / "report.html").read_text("utf-8")
