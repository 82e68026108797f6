"""A study of twelve specimens and two observers, from folder to report, as typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import specimen_unet as su
from specimen_unet.cli import main
from specimen_unet.files.images import read_labels
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SMALL = ["--ending", "steps", "--steps", "30", "--channels", "4,8", "--network", "UNet"]
SPECIMENS, FOLDS = 12, 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go through the study once; every step succeeds."""
    place = tmp_path_factory.mktemp("study")
    specimens, study = str(place / "specimens"), str(place / "study")
    steps = [
        ["phantoms", specimens, "--cases", str(SPECIMENS), "--shape", "12,48,40"],
        ["cases", specimens],
        ["crossvalidate", specimens, "--folds", str(FOLDS), "--out", study, *SMALL],
        ["info", study],
        ["report", study],
        ["phantoms", str(place / "next"), "--cases", "1", "--shape", "12,48,40"],
        ["segment", str(place / "next"), study, "--out", str(place / "labels")],
    ]
    assert [main(step) for step in steps] == [0] * len(steps)
    return place


def test_every_specimen_is_outlined_by_a_model_that_has_not_seen_it(place):
    study = StudyFolder.open(place / "study")
    cases = {case.name: case for case in su.read_cases(place / "specimens")}
    assert len(cases) == SPECIMENS
    for fold in range(FOLDS):
        learnt = {case.name for case in study.run(fold).cases()}
        unseen = {case.name for case in study.cases_of(fold)}
        assert len(unseen) == SPECIMENS // FOLDS
        assert not learnt & unseen
        assert learnt | unseen == set(cases)
        card = su.load_model(study.model_paths[fold]).card
        assert set(card.groups) == learnt
    for name, case in cases.items():
        labels, grid = read_labels(place / "study" / "predictions" / f"{name}.tif")
        assert labels.shape == case.shape
        assert grid.same_spacing(case.grid)


def test_the_tables_are_what_the_files_say(place):
    """Every Dice is counted anew from the files, and so are the means."""
    scores = pd.read_csv(place / "study" / "scores.csv")
    cases = {case.name: case for case in su.read_cases(place / "specimens")}
    assert len(scores) == SPECIMENS * 3
    for row in scores.to_dict("records"):
        case = cases[row["case"]]
        path = place / "study" / "predictions" / f"{row['case']}.tif"
        drawn = {**case.labels, row["first"]: read_labels(path)[0]} | case.labels
        first, second = (np.asarray(drawn[row[who]]) > 0 for who in ("first", "second"))
        dice = 2 * (first & second).sum() / (first.sum() + second.sum())
        assert row["dice"] == pytest.approx(dice)
    summary = pd.read_csv(place / "study" / "summary.csv").query("score == 'dice'")
    means = scores.groupby(["first", "second"])["dice"].mean()
    for row in summary.to_dict("records"):
        assert row["mean"] == pytest.approx(means[row["first"], row["second"]])
        assert row["low"] <= row["mean"] <= row["high"]
        assert row["cases"] + row["undefined"] == SPECIMENS


def test_the_report_holds_the_numbers_the_yardstick_and_the_warning(place):
    (page,) = (place / "study").glob("*.html")
    text = page.read_text(encoding="utf-8")
    for words in ("EA", "MG", "Williams", "12 ", "Cross-validation", "data:image"):
        assert words in text
    assert 'src="http' not in text
    summary = pd.read_csv(place / "study" / "summary.csv").query("score == 'dice'")
    for mean in summary["mean"]:
        assert f"{mean:.3f}" in text


def test_all_models_outline_the_next_specimen_together(place):
    (labels,) = (place / "labels").glob("*.tif")
    lines = (place / "labels" / "segmented.jsonl").read_text().splitlines()
    (line,) = (x for x in map(json.loads, lines) if not x.get("unfinished"))
    assert len(line["models"]) == FOLDS
    (case,) = su.read_cases(place / "next")
    found = su.segment(
        case, [su.load_model(p) for p in StudyFolder.open(place / "study").model_paths]
    )
    np.testing.assert_array_equal(read_labels(labels)[0], found.labels)
