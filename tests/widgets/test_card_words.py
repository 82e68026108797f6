from __future__ import annotations

import pytest

from specimen_unet.domain.card import Metrics
from specimen_unet.widgets.card_words import card_caution, card_summary


def test_a_model_is_told_in_three_lines(make_card):
    finds, trained, score = card_summary(make_card(3)).splitlines()
    assert finds == "Finds tumour in volumes (3D)."
    assert trained.startswith(
        "Trained on 2 specimens drawn by EA and MG for 10 min, 2026-11-21 "
    )
    assert score == "Dice on held-out labels: 0.88 (EA 0.88, MG 0.87)"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("background", "a", "b"), "a and b"),
        (("background", "a", "b", "c"), "a, b and c"),
        (("background", *"abcdef"), "a, b, c and 3 more labels"),
    ],
)
def test_several_labels_are_listed(make_card, names, told):
    card = make_card(3, label_names=names, label_values=tuple(range(len(names))))
    assert card_summary(card).startswith(f"Finds {told} in")


def test_a_2d_model_says_what_it_was_trained_on(make_card):
    assert "in 2D images." in card_summary(make_card(2))
    stacks = make_card(3).plan.fingerprint
    assert "in the 2D images of a volume or stack, one by one." in card_summary(
        make_card(2, fingerprint=stacks)
    )


def test_a_score_comes_with_what_it_is_worth(make_card):
    card = make_card(3)
    metrics = card.metrics.model_copy(update={"caution": "Only one specimen."})
    careful = card.model_copy(update={"metrics": metrics})
    assert card_caution(careful) == "Only one specimen."
    assert card_caution(card) == ""


def test_the_best_of_several_validations_is_called_that(make_card):
    card = make_card(3)
    metrics = card.metrics.model_copy(update={"validations": 7})
    told = card_summary(card.model_copy(update={"metrics": metrics}))
    assert "the best of 7 validations" in told
    assert "expect a little less on new specimens" in told


@pytest.mark.parametrize(("dice", "is_warned"), [(0.3, True), (0.6, False)])
def test_a_model_that_learnt_too_little_is_called_that(make_card, dice, is_warned):
    card = make_card(3)
    metrics = card.metrics.model_copy(update={"mean_dice": dice})
    told = card_summary(card.model_copy(update={"metrics": metrics}))
    assert ("Too little was learnt to rely on it" in told) == is_warned


@pytest.mark.parametrize(
    "metrics",
    [None, Metrics(step=1, mean_dice=None, mean_iou=None, dice={}, by_observer={})],
    ids=["none", "undefined"],
)
def test_a_model_that_was_not_scored_says_so(make_card, metrics):
    card = make_card(3).model_copy(update={"metrics": metrics})
    assert "It was not scored" in card_summary(card)
    assert card_caution(card) == ""
