from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from specimen_unet.domain.errors import ImageError
from specimen_unet.viewer.layers import frame_of
from specimen_unet.viewer.provenance import kind_of_layer
from specimen_unet.viewer.segmentation_layers import segmentation_layers

MODEL = Path("models/tumour-3d.safetensors")
LABELS = np.eye(8, dtype=np.uint8)[np.newaxis].repeat(3, 0)


@pytest.fixture
def image():
    turn = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    affine = np.diag([1.0, 2.0, 2.0, 1.0])
    return Image(
        np.arange(192.0).reshape(3, 8, 8), name="032", scale=(2, 0.5, 0.5),
        translate=(1, 2, 3), rotate=turn, shear=(0, 0, 0.1), affine=affine,
        units=["mm"] * 3, axis_labels=["z", "y", "x"],
    )  # fmt: skip


def test_layers_lie_on_the_image_and_bear_both_names(make_card, image):
    probabilities = np.stack([1 - LABELS, LABELS]).astype(np.float32)
    layer, maps = segmentation_layers(
        LABELS, probabilities, image, card=make_card(3), model=MODEL
    )
    assert layer.name == "032 - tumour-3d"
    for made in (layer, *maps):
        for part, value in frame_of(image).items():
            np.testing.assert_array_equal(frame_of(made)[part], value, err_msg=part)


def test_labels_have_the_models_names_and_colours(make_card, image):
    card = make_card(3)
    layer, maps = segmentation_layers(LABELS, None, image, card=card, model=MODEL)
    assert maps == []
    names = dict(zip(layer.features["index"], layer.features["label"], strict=True))
    assert names == {0: "background", 1: "tumour"}
    np.testing.assert_allclose(
        layer.get_color(1)[:3], [0x12 / 255, 0x34 / 255, 0x56 / 255], atol=1e-3
    )


def test_every_label_has_a_probability_layer_that_is_hidden(make_card, image):
    probabilities = np.stack([1 - LABELS, LABELS]).astype(np.float32)
    _, maps = segmentation_layers(
        LABELS, probabilities, image, card=make_card(3), model=MODEL
    )
    (one,) = maps
    assert one.name == "032 - tumour-3d: probability of tumour"
    assert not one.visible
    np.testing.assert_array_equal(one.data, LABELS)


def test_layers_say_what_made_them(make_card, image):
    layer, _ = segmentation_layers(LABELS, None, image, card=make_card(3), model=MODEL)
    assert kind_of_layer(layer) == "segmentation"
    assert layer.metadata["specimen-unet"]["model"] == str(MODEL)


def test_an_image_that_was_replaced_meanwhile_is_refused(make_card, image):
    with pytest.raises(ImageError, match="does not fit the layer '032'"):
        segmentation_layers(LABELS[:2], None, image, card=make_card(3), model=MODEL)
