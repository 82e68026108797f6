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


@pytest.mark.parametrize(
    "pattern", ["{} DAPI|{} GFP", "{} [0]|{} [1]", "{} layer 0|{} layer 1"]
)
def test_the_channels_follow_the_image_that_is_chosen(
    pattern, choice, viewer, make_card
):
    """Not those of the specimen that the model learnt from, which are open too."""
    dapi, gfp = pattern.split("|")
    for specimen in ("specimen-11", "specimen-12"):
        for name in (dapi, gfp):
            viewer.add_image(NOISE[..., 0], name=name.format(specimen))
    card = make_card(2, image_channels=2)
    names = (dapi.format("specimen-11"), gfp.format("specimen-11"))
    card = card.model_copy(update={"channel_names": names})
    for specimen in ("specimen-12", "specimen-11"):
        choice.show_model(card, viewer.layers[dapi.format(specimen)])
        (chosen,) = choice.layers
        assert chosen.name == gfp.format(specimen)


def test_a_layer_of_another_shape_is_not_chosen(choice, viewer, make_card):
    viewer.add_image(NOISE[:8, :, 0], name="GFP")
    other = viewer.add_image(NOISE[..., 1], name="other")
    first = viewer.add_image(NOISE[..., 0], name="DAPI")
    card = make_card(2, image_channels=2)
    card = card.model_copy(update={"channel_names": ("DAPI", "GFP")})
    choice.show_model(card, first)
    assert choice.layers == (other,)
