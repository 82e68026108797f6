from __future__ import annotations

import numpy as np

from specimen_unet.domain.plan import Split
from specimen_unet.runs.report import TrainedModel
from specimen_unet.runs.report.cautions import cautions_of


def told(content) -> str:
    return "\n".join(cautions_of(content))


def with_metrics(card, **changes) -> TrainedModel:
    metrics = card.metrics.model_copy(update=changes)
    return TrainedModel(card.model_copy(update={"metrics": metrics}), 1)


def test_few_cases_are_told(make_content):
    assert "4 cases are few" in told(make_content())


def test_few_groups_of_many_cases_are_told(make_content):
    groups = dict.fromkeys(("030", "031"), "a") | dict.fromkeys(("032", "033"), "b")
    assert "2 groups (4 cases) are few" in told(make_content(groups=groups))
    one = dict.fromkeys(("030", "031", "032", "033"), "a")
    assert "All 4 cases are of one group" in told(make_content(groups=one))


def test_the_caution_of_the_split_comes_first(make_content, make_card):
    model = with_metrics(make_card(), caution="Only one specimen.")
    assert cautions_of(make_content(models=[model]))[0] == "Only one specimen."


def test_the_best_of_several_validations_on_the_scored_cases_is_told(
    make_content, make_card
):
    model = with_metrics(make_card(), validations=12)
    text = told(make_content(models=[model]))
    assert "the best of 12 validations on these very cases" in text
    assert "best of" not in told(make_content())


def test_folds_are_not_blamed_for_what_each_chose_its_weights_by(
    make_content, make_card
):
    folds = [with_metrics(make_card(), validations=12, caution="One group.")] * 3
    text = told(make_content(models=folds))
    assert "best of" not in text
    assert "One group." not in text


def test_cases_that_were_learnt_from_are_told_however_they_are_written(
    make_content, make_card, scores
):
    split = Split(training=("specimen 030", "specimen 031"), validation=("032",))
    model = TrainedModel(make_card(split=split), 1)
    names = scores.assign(case="specimen-" + scores["case"])
    text = told(make_content(models=[model], scores=names))
    assert "has learnt from specimen-030 and specimen-031" in text


def test_undefined_scores_and_failures_are_told(make_content, scores):
    scores.loc[0, "dice"] = np.nan
    scores["hd95"] = np.nan
    text = told(make_content(scores=scores, failed={"034.tif": "damaged"}))
    assert "1 of 8 Dice are undefined" in text
    assert "8 of 8 surface distances are undefined" in text
    assert "1 case could not be compared and is in no number: 034.tif" in text


def test_sizes_in_several_units_are_told(make_content, scores):
    scores.loc[0, "size_unit"] = "voxels"
    assert "different units (mm³ and voxels)" in told(make_content(scores=scores))


def test_distances_in_several_units_are_told(make_content, scores):
    scores = scores.assign(hd95=2.0, distance_unit="mm")
    assert "not summed up" not in told(make_content(scores=scores))
    scores.loc[0, "distance_unit"] = "pixel"
    text = told(make_content(scores=scores))
    assert "Surface distances are in different units (mm and pixel)" in text
