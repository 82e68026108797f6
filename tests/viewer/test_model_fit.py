from __future__ import annotations

import re

import numpy as np
import pytest
from napari.layers import Image

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.viewer.model_fit import check_model_fits

VOXELS = np.random.default_rng(0).integers(0, 255, (6, 16, 16)).astype(np.uint8)
MM = {"scale": (2.0, 0.5, 0.5), "units": ["mm"] * 3}


def test_an_image_like_those_it_was_trained_on_fits_without_a_remark(make_card):
    assert check_model_fits(make_card(3), Image(VOXELS, **MM)) == []


def test_a_2d_model_fits_a_volume_by_the_spacing_within_its_slices(make_card):
    far_apart = {**MM, "scale": (9.0, 0.5, 0.5)}
    assert check_model_fits(make_card(2), Image(VOXELS, **far_apart)) == []


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (None, "There is no image yet"),
        (Image(VOXELS[0], name="flat"), "works on volumes .* 'flat' is one 2D image"),
        (Image(VOXELS[..., :3], rgb=True), "of 1 channel, .* 3: right-.* Split RGB"),
        (Image(VOXELS[np.newaxis].repeat(2, 0)), "4 axes"),
        (Image(np.zeros((4, 8, 8))), "constant"),
        (Image(np.where(VOXELS == 3, np.nan, VOXELS)), "NaN"),
    ],
    ids=["none", "2d", "rgb", "4d", "constant", "nan"],
)
def test_an_image_that_cannot_be_segmented_is_refused(make_card, layer, told):
    with pytest.raises(SpecimenUnetError) as raised:
        check_model_fits(make_card(3), layer)
    assert re.search(told, str(raised.value))


def test_a_model_of_several_channels_wants_a_layer_for_each(make_card):
    card = make_card(3, image_channels=2)
    dapi, gfp = (Image(VOXELS // n, name=name, **MM) for n, name in enumerate("ab", 1))
    assert check_model_fits(card, dapi, gfp) == []
    with pytest.raises(SpecimenUnetError, match="2 channels, but 1 is chosen"):
        check_model_fits(card, dapi, None)
    with pytest.raises(SpecimenUnetError, match="for two channels"):
        check_model_fits(card, dapi, dapi)
    with pytest.raises(SpecimenUnetError, match="The channel 'far' has the scale"):
        check_model_fits(card, dapi, Image(VOXELS, name="far"))


def test_the_colours_of_a_picture_are_the_channels_of_a_model(make_card):
    colours = Image(VOXELS.reshape(6, 16, 4, 4)[..., :3], rgb=True, **MM)
    assert check_model_fits(make_card(3, image_channels=3), colours) == []
    alike = Image(VOXELS[..., np.newaxis].repeat(3, -1), rgb=True, **MM)
    assert check_model_fits(make_card(3), alike) == []


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ({}, "does not say how large its voxels are"),
        ({**MM, "scale": (2.0, 5.0, 5.0)}, "2 × 5 × 5 mm, .* 2 × 0.5 × 0.5 mm"),
    ],
    ids=["no unit", "larger"],
)
def test_voxels_unlike_those_in_training_are_remarked_on(make_card, frame, told):
    (remark,) = check_model_fits(make_card(3), Image(VOXELS, **frame))
    assert re.search(told, remark)


def test_voxels_are_compared_across_units(make_card):
    micrometres = {"scale": (2000, 500, 500), "units": ["um"] * 3}
    assert check_model_fits(make_card(3), Image(VOXELS, **micrometres)) == []


def test_voxels_are_remarked_on_where_the_model_knows_no_unit(make_card):
    card = make_card(3, unit="pixel")
    (remark,) = check_model_fits(card, Image(VOXELS, **MM))
    assert "did not say how large theirs were" in remark
