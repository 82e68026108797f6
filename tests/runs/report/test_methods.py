from __future__ import annotations

import re
from typing import get_args

import pytest

from specimen_unet.domain.card import Metrics
from specimen_unet.domain.plan import Split
from specimen_unet.domain.settings import (
    BackboneName,
    LossName,
    NetworkName,
    OptimiserName,
    Teaching,
)
from specimen_unet.runs.report import TrainedModel
from specimen_unet.runs.report.definitions import definitions_of
from specimen_unet.runs.report.methods import methods_of
from specimen_unet.runs.report.references import References


def told(*cards) -> str:
    models = [TrainedModel(card, 1_234_567) for card in cards]
    return "\n".join(methods_of(models, References()))


def test_the_plan_is_told_in_sentences(make_card):
    text = told(make_card(mirror_axes=(1, 2)))
    for words in (
        "3 cases",
        "a spacing of",
        "drawn by 2 observers (EA and MG)",
        "2 cases learnt from and 1 case held out",
        "2 levels with 4, 8 channels",
        "1,234,567 weights",
        "1,500 steps were made in 10.0 minutes on CPU",
        "AdamW",
        "mirrored along 2 axes",
        "that after step 1,500, which was not chosen by its score, is the model",
    ):
        assert words in text
    assert "[]" not in text


def test_how_images_were_shrunk_and_dice_was_pooled_is_told(make_card):
    assert "mm (linear), and" in told(make_card())
    text = told(make_card(antialiased=True, dice_of="patch"))
    assert "mm (linear, antialiased), and" in text
    assert "Dice that of each patch, was minimised" in text


def test_a_model_that_was_chosen_by_its_score_is_told_to_be(make_card):
    card = make_card()
    metrics = card.metrics.model_copy(update={"validations": 12})
    text = told(card.model_copy(update={"metrics": metrics}))
    assert (
        "of 12 validations on the held-out labels the best one, after step 1,500"
        in text
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [((20, 24), "Images were segmented"), ((5, 20, 24), "Every slice was segmented")],
)
def test_slices_are_spoken_of_where_there_are_any(make_card, shape, words):
    card = make_card(2)
    seen = card.plan.fingerprint.model_copy(update={"shapes": (shape,)})
    plan = card.plan.model_copy(update={"fingerprint": seen})
    assert words in told(card.model_copy(update={"plan": plan}))


@pytest.mark.parametrize("network", get_args(NetworkName))
def test_every_network_is_described_and_cited(make_card, network):
    backbone = get_args(BackboneName)[0] if network == "FlexibleUNet" else None
    cite = References()
    card = make_card(network=network, backbone=backbone)
    text = "\n".join(methods_of([TrainedModel(card, 1)], cite))
    assert "Network. A " in text
    numbers = {int(n) for found in re.findall(r"\[([\d, ]+)\]", text)
               for n in found.split(",")}  # fmt: skip
    assert numbers == set(range(1, len(cite.listed) + 1))


@pytest.mark.parametrize("loss", get_args(LossName))
@pytest.mark.parametrize("optimiser", get_args(OptimiserName))
def test_every_loss_and_optimiser_is_described(make_card, loss, optimiser):
    assert "was minimised by" in told(make_card(loss=loss, optimiser=optimiser))


@pytest.mark.parametrize("teaching", get_args(Teaching))
def test_it_is_told_what_several_observers_taught(make_card, teaching):
    said = [told(make_card(observers=way)) for way in ("random", teaching)]
    assert "Where several observers drew, " in said[1]
    assert (said[0] == said[1]) == (teaching == "random")


def test_a_single_case_is_told_to_be_one(make_card):
    split = Split(
        training=("032",), validation=("032",), held_out=(4, 7), excluded=(3, 8)
    )
    text = told(make_card(split=split))
    assert "a single case" in text
    assert "slices 4 to 6" in text
    assert "slices 3 to 7 were not learnt from" in text


def test_several_models_are_a_cross_validation(make_card):
    cards = [
        make_card().model_copy(update={"groups": {f"case {n}": "a", "case 9": "b"}})
        for n in range(3)
    ]
    text = told(*cards)
    assert "Cross-validation of 3 folds" in text
    assert "Data. 4 cases of 2 groups" in text
    assert "on the held-out labels the best one" not in text


def test_a_model_that_was_not_scored_claims_no_best(make_card):
    card = make_card().model_copy(update={"metrics": None})
    assert "best" not in told(card)
    assert isinstance(make_card().metrics, Metrics)


def test_scores_are_defined_as_far_as_they_are_there(make_content, scores):
    text = "\n".join(definitions_of(make_content(), References()))
    assert "undefined" in text
    assert "HD95" not in text
    with_surfaces = scores.assign(hd95=1.0, distance_unit="mm")
    content = make_content(scores=with_surfaces, tolerance=0.5, annotation="slices")
    text = "\n".join(definitions_of(content, References()))
    assert "within 0.5 mm" in text
    assert "not annotated are left out" in text


def test_a_source_that_is_not_known_is_a_bug():
    with pytest.raises(KeyError):
        References().cite("hearsay")
