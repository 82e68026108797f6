"""What the readme of an export tells."""

from __future__ import annotations

import pytest

from specimen_unet.domain.card import Metrics
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.exports.readme import MARK, Words, write_readme

WORDS = Words("Open it.", ["Colours."])


@pytest.fixture
def told(tmp_path):
    """Return what the readme of a card tells: ``told(card, author="A.")``."""

    def tell(card, **settings) -> str:
        path = tmp_path / "README.md"
        write_readme(path, card, ExportSettings(**settings), WORDS)
        return path.read_text("utf-8")

    return tell


def test_it_tells_labels_axes_spacing_training_and_scores(told, make_card):
    text = told(make_card(3))
    assert "| 1 | 1 | tumour | #123456 |" in text
    assert "Axes (Z, Y, X), with 1 channel." in text
    assert "Brought to a spacing of 2 x 0.5 x 0.5 mm, along (Z, Y, X)." in text
    assert "2 specimens, drawn by EA and MG" in text
    assert "Dice on held-out labels: 0.876 (EA 0.880, MG 0.872)." in text
    assert "- Colours." in text
    assert MARK in text


def test_a_score_comes_with_its_caution(told, make_card):
    metrics = Metrics(
        step=5, mean_dice=0.9, mean_iou=0.8, dice={1: 0.9}, by_observer={"EA": 0.9},
        caution="Only one specimen: slices 2 to 3 are held out.",
    )  # fmt: skip
    card = make_card(3).model_copy(update={"metrics": metrics})
    assert "**Caution:** Only one specimen: slices 2 to 3 are held out." in told(card)


def test_a_model_that_was_not_scored_says_so(told, make_card):
    card = make_card(2).model_copy(update={"metrics": None})
    assert "It was not scored" in told(card)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_another_number_format_is_told(told, make_card, precision):
    text = told(make_card(2, precision=precision))
    assert ("bfloat16" in text) == (precision == "bfloat16")


def test_without_authors_and_licence_it_says_what_to_do(told, make_card):
    assert "`--licence`" in told(make_card(2))
    assert "`--author`" in told(make_card(2))
    named = told(make_card(2), author="A. Person, B. Person", licence="CC-BY-4.0")
    assert "Authors: A. Person, B. Person." in named
    assert "Licence: CC-BY-4.0." in named


def test_pictures_of_one_size_and_the_backbone_are_told(told, make_card):
    card = make_card(
        2,
        resize_to=(48, 64),
        network="FlexibleUNet",
        backbone="ResNet-18",
    )
    text = told(card)
    assert "Brought to 48 x 64 pixels, whatever their size" in text
    assert "A 2D FlexibleUNet (ResNet-18) that finds tumour." in text
