"""A model of several channels asks for those that the chosen layer has not."""

from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.widgets.channel_choice import ChannelChoice

NOISE = np.random.default_rng(0).integers(0, 255, (16, 16, 4), np.uint8)


@pytest.fixture
def choice(viewer, qtbot) -> ChannelChoice:
    choice = ChannelChoice(viewer)
    qtbot.addWidget(choice.native)
    return choice


@pytest.fixture
def card(make_card):
    """Of a model that learnt from the three colours of pictures."""
    names = tuple(f"photo [{colour}]" for colour in ("red", "green", "blue"))
    card = make_card(2, image_channels=3)
    return card.model_copy(update={"channel_names": names})


def test_the_colours_of_a_picture_are_all_there_is_to_choose(choice, viewer, card):
    gray = viewer.add_image(NOISE[..., 0], name="gray")
    colours = viewer.add_image(NOISE, rgb=True, name="photo")
    choice.show_model(card, gray)
    assert [box.label for box in choice.boxes] == ["photo [green]", "photo [blue]"]
    choice.show_model(card, colours)
    assert choice.boxes == ()
    assert choice.layers == ()


def test_a_picture_whose_colours_are_alike_is_one_channel(choice, viewer, card):
    alike = viewer.add_image(NOISE[..., :1].repeat(3, -1), rgb=True)
    choice.show_model(card, alike)
    assert len(choice.boxes) == 2
