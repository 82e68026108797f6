"""``specimen-unet crossvalidate``: one command, as often as needed, and a table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from specimen_unet.cli import main
from specimen_unet.engine.model import load_model
from specimen_unet.engine.segmentation import segment
from specimen_unet.files.images import (
    read_image,
    read_labels,
    write_image,
    write_labels,
)
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.case import Case

# That the groups are taken from the names is told, and right here.
pytestmark = pytest.mark.filterwarnings(
    "ignore::specimen_unet.files.cautions.GroupsAssumedWarning"
)

SMALL = ["--channels=4,8", "--batch=2", "--residual-units=0", "--device=cpu"]
SMALL += ["--dimensions=2", "--patch=16,16", "--steps=8", "--folds=3"]


@pytest.fixture
def folder(
    tmp_path: Path,
    make_blob_case: Callable[..., Case],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return a folder of six cases of three patients, and go beside it."""
    for seed in range(6):
        case = make_blob_case((32, 32), seed=seed, observers=("EA", "MG"))
        stem = f"p{seed // 2}-{seed}"
        write_image(tmp_path / "blobs" / f"{stem}.tif", case.image[0], case.grid)
        for observer, labels in case.labels.items():
            path = tmp_path / "blobs" / f"{stem}_{observer}.tif"
            write_labels(path, labels, case.grid)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "blobs"


def test_a_folder_of_cases_becomes_a_table(folder, tmp_path, capsys):
    command = ["crossvalidate", str(folder), *SMALL]
    assert main([*command, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    study = StudyFolder.open(tmp_path / "blobs-study")
    assert answer["study"] == str(study.path)
    assert len(answer["models"]) == 3
    assert {case.group for case in study.record.cases} == {"p0", "p1", "p2"}
    rows = [row for row in answer["summary"] if row["score"] == "dice"]
    assert [(row["first"], row["second"]) for row in rows] == [
        ("prediction", "EA"), ("prediction", "MG"), ("EA", "MG"),
    ]  # fmt: skip
    for row in rows:
        assert row["low"] <= row["mean"] <= row["high"]
        assert (row["cases"], row["groups"], row["undefined"]) == (6, 3, 0)
    assert len(answer["scores"]) == 6 * 3
    image, grid = read_image(folder / "p0-0.tif")
    labels, labels_grid = read_labels(study.path / "predictions" / "p0-0.tif")
    assert labels.shape == image.shape
    assert labels_grid == grid

    models = [path.stat().st_mtime_ns for path in study.model_paths]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "95 % bootstrap interval" in told.out
    assert "fold 3 of 3 done: Dice " in told.err
    assert [path.stat().st_mtime_ns for path in study.model_paths] == models
    assert main(["crossvalidate", str(study.path)]) == 0

    # All its models together.
    out = tmp_path / "labels"
    assert main(["segment", str(folder), str(study.path), "--out", str(out)]) == 0
    expected = segment(
        image, [load_model(path) for path in study.model_paths],
        spacing=grid.spacing, unit=grid.unit,
    )  # fmt: skip
    assert np.array_equal(read_labels(out / "p0-0.tif")[0], expected.labels)

    # As the command compares labels and cases by itself.
    capsys.readouterr()
    assert (
        main(["compare", f"{study.path / 'predictions'}", str(folder), "--json"]) == 0
    )
    compared = pd.DataFrame(json.loads(capsys.readouterr().out)["scores"])
    ours = study.read_table(study.scores_path)
    order = ["case", "first", "second", "label"]
    pd.testing.assert_series_equal(
        compared.sort_values(order)["dice"].reset_index(drop=True),
        ours.sort_values(order)["dice"].reset_index(drop=True),
    )


def test_info_tells_how_far_a_study_is(folder, tmp_path, capsys):
    assert main(["crossvalidate", str(folder), *SMALL, "--out", "s"]) == 0
    capsys.readouterr()
    assert main(["info", "s"]) == 0
    told = capsys.readouterr().out
    assert "Fold 3: done, 2 cases scored" in told
    assert "prediction     EA label 1" in told
    (tmp_path / "s" / "fold-1" / "model.safetensors").unlink()
    assert main(["info", "s", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["folds"][1] == "100% trained, 2 cases to score"
    assert answer["summary"] is None


def test_another_question_needs_another_folder(folder, tmp_path, capsys):
    assert main(["crossvalidate", str(folder), *SMALL, "--out", "s"]) == 0
    for option in (["--seed", "3"], ["--layout", "names"]):
        assert main(["crossvalidate", str(folder), *SMALL, *option, "--out", "s"]) == 1
        assert "choose another folder" in capsys.readouterr().err
        assert main(["crossvalidate", "s", *option]) == 1
        assert "keeps the settings and cases" in capsys.readouterr().err


def test_a_half_done_study_does_not_segment(folder, tmp_path, capsys):
    assert main(["crossvalidate", str(folder), *SMALL, "--out", "s"]) == 0
    (tmp_path / "s" / "fold-1" / "model.safetensors").unlink()
    capsys.readouterr()
    assert main(["segment", str(folder), "s", "--out", "labels"]) == 1
    assert "has 2 of 3 models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--folds", "4"], "choose 2 to 3 folds"),
        (["--device", "cuda:77"], "cuda:77"),
        (["--devices", "cpu", "cuda:77"], "cuda:77"),
        (["--scheduler", "tcp://127.0.0.1:9"], "No Dask scheduler answers"),
    ],
)
def test_bad_input_is_told_before_a_study_is_made(
    folder, capsys, monkeypatch, options, said
):
    monkeypatch.setattr("specimen_unet.runs.spread._ANSWER_SECONDS", 1)
    assert main(["crossvalidate", str(folder), *SMALL, *options]) == 1
    assert said in capsys.readouterr().err
    assert not folder.with_name("blobs-study").exists()


@pytest.mark.parametrize("options", [["--folds", "1"], ["--at-once", "0"]])
def test_numbers_that_make_no_sense_are_not_understood(folder, capsys, options):
    with pytest.raises(SystemExit, match="2"):
        main(["crossvalidate", str(folder), *options])
    assert options[0] in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_keeps_everything_and_the_same_command_goes_on(folder, tmp_path):
    command = [sys.executable, "-m", "specimen_unet", "crossvalidate", str(folder)]
    command += [*SMALL, "--steps=400", "--out", str(tmp_path / "s"), "--json"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    journal = tmp_path / "s" / "fold-0" / "events.jsonl"
    end = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("StepDone") > 5):
        assert time.monotonic() < end
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(out)["resume"].startswith("specimen-unet crossvalidate ")
    study = StudyFolder.open(tmp_path / "s")
    assert study.run(0).has_checkpoint
    assert not study.model_paths
    before = journal.read_text().count('"StepDone"')
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["models"]) == 3
    assert 5 < before < 400
    assert journal.read_text().count('"StepDone"') == 400
    assert os.path.exists(study.summary_path)
