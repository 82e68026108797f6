"""A prediction is told at a glance from what observers drew on the image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from specimen_unet.viewer.label_colours import colours_beside
from specimen_unet.viewer.provenance import mark_layer
from specimen_unet.viewer.samples import COLOURS

SHAPE = (6, 8)
IMAGE = Image(np.arange(48.0).reshape(SHAPE), name="032")
OWN = {1: "#e69f00"}


def labels(colour: str, shape: tuple[int, ...] = SHAPE) -> Labels:
    return Labels(np.ones(shape, np.uint8), colormap={1: colour, None: "gray"})


def distance(one: str, other: str) -> float:
    rgb = [np.array(list(bytes.fromhex(c[1:]))) for c in (one, other)]
    return float(np.linalg.norm(rgb[0] - rgb[1]))


def test_beside_nobody_a_model_keeps_its_own_colour():
    assert colours_beside(OWN, [IMAGE], IMAGE) == OWN


def test_beside_the_observers_of_the_samples_it_is_unlike_both():
    observers = [labels(colour) for colour in COLOURS.values()]
    (chosen,) = colours_beside(OWN, observers, IMAGE).values()
    for colour in COLOURS.values():
        assert distance(chosen, colour) > 100


def test_every_label_and_every_prediction_has_a_colour_of_its_own():
    layers = [labels("#e69f00")]
    wanted = {1: "#e69f00", 2: "#56b4e9", 4: "#cc79a7"}
    chosen = colours_beside(wanted, layers, IMAGE)
    assert len({*chosen.values(), "#e69f00"}) == 4
    assert chosen[2] == "#56b4e9"
    earlier = labels(chosen[1])
    mark_layer(earlier, "segmentation", image="032")
    (later,) = colours_beside(OWN, [*layers, earlier], IMAGE).values()
    assert later not in ("#e69f00", chosen[1])


@pytest.mark.parametrize("kind", ["errors", "preview", "segmentation"])
def test_what_does_not_lie_on_the_image_takes_no_colour(kind):
    made = labels("#e69f00")
    mark_layer(made, kind, image="033")
    other = labels("#e69f00", (3, 3))
    assert colours_beside(OWN, [made, other], IMAGE) == OWN


def test_where_all_colours_are_taken_it_takes_the_one_least_like_them():
    taken = ["#cc79a7", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#e69f00"]
    layers = [labels(colour) for colour in taken]
    assert colours_beside(OWN, layers, IMAGE) == {1: "#56b4e9"}
