"""Several layers, or one with an axis of channels, become one image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from specimen_unet.domain.errors import GridMismatchError, ImageError
from specimen_unet.viewer.layers import case_from_layers
from specimen_unet.viewer.pairing import Pair


@pytest.fixture
def frame(spatial):
    axes = len(spatial)
    return {"scale": (2.0, 0.5, 0.25)[-axes:], "units": ("mm",) * axes}


@pytest.fixture
def dapi(gray, frame):
    return Image(gray, name="DAPI", **frame)


@pytest.fixture
def gfp(gray, frame):
    return Image(255 - gray, name="GFP", **frame)


@pytest.fixture
def labels(painted, frame):
    return Labels(painted, name="EA", **frame)


def test_layers_of_one_shape_are_channels_of_one_case(dapi, gfp, labels):
    case = case_from_layers([dapi, gfp], labels)
    assert (case.name, case.channel_names) == ("DAPI", ("DAPI", "GFP"))
    np.testing.assert_array_equal(case.image, np.stack([dapi.data, gfp.data]))
    np.testing.assert_array_equal(case.labels["EA"], labels.data)
    assert case.grid.spacing == tuple(dapi.scale)


@pytest.mark.parametrize("axis", [0, -1, 1])
def test_an_axis_of_a_layer_can_be_its_channels(dapi, gfp, labels, axis):
    voxels = np.stack([dapi.data, gfp.data], axis)
    scale = np.insert(np.array(dapi.scale), axis % voxels.ndim, 7.0)
    layer = Image(voxels, name="both", scale=scale, units=("mm",) * voxels.ndim)
    case = case_from_layers(layer, labels, channel_axis=axis)
    assert case.channel_names == ("both [0]", "both [1]")
    assert case.name == "both"
    np.testing.assert_array_equal(case.image, np.stack([dapi.data, gfp.data]))
    assert case.grid.spacing == tuple(dapi.scale)


def test_colours_become_channels_when_that_is_asked_for(gray, frame, labels):
    voxels = np.stack([gray, 255 - gray, gray // 2, np.full_like(gray, 255)], -1)
    photo = Image(voxels, rgb=True, name="photo", **frame)
    case = case_from_layers(photo, labels, channel_axis=-1)
    assert case.channel_names == ("photo [red]", "photo [green]", "photo [blue]")
    np.testing.assert_array_equal(case.image[2], gray // 2)


def test_a_picture_in_colours_is_three_channels(gray, frame, labels):
    voxels = np.stack([gray, 255 - gray, gray * 0, np.full_like(gray, 9)], -1)
    photo = Image(voxels, rgb=True, name="photo", **frame)
    case = case_from_layers(photo, labels)
    assert case.name == "photo"
    assert case.channel_names == ("photo [red]", "photo [green]", "photo [blue]")
    np.testing.assert_array_equal(case.image, np.moveaxis(voxels[..., :3], -1, 0))
    assert case.grid.spacing == tuple(photo.scale)


def test_a_picture_whose_colours_are_alike_is_one_channel(gray, frame, labels):
    alike = np.stack([gray, gray, gray, np.full_like(gray, 9)], -1)
    photo = Image(alike, rgb=True, name="photo", **frame)
    case = case_from_layers(photo, labels)
    assert case.channel_names == ()
    np.testing.assert_array_equal(case.image, gray[np.newaxis])


def test_one_pixel_in_colour_makes_it_a_colour_picture(gray, frame):
    voxels = np.stack([gray] * 3, -1)
    voxels[..., -1, -2, 1] ^= 1
    photo = Image(voxels, rgb=True, name="photo", **frame)
    assert case_from_layers(photo).channels == 3


def test_a_colour_picture_goes_with_a_gray_layer(gray, dapi, frame):
    voxels = np.stack([gray, 255 - gray, gray // 2], -1)
    photo = Image(voxels, rgb=True, name="photo", **frame)
    case = case_from_layers([dapi, photo])
    assert case.channel_names[:2] == ("DAPI", "photo [red]")
    assert case.channels == 4


def test_channels_that_do_not_lie_together_are_refused(dapi, gray, frame):
    small = Image(gray[..., :8], name="small", **frame)
    with pytest.raises(ImageError, match="'small' is"):
        case_from_layers([dapi, small])
    moved = Image(gray, name="moved", **frame, translate=(3.0,) * gray.ndim)
    with pytest.raises(GridMismatchError, match="'moved' is moved"):
        case_from_layers([dapi, moved])
    with pytest.raises(ImageError, match="No image layer"):
        case_from_layers([])
    with pytest.raises(ImageError, match="no channel_axis 7"):
        case_from_layers(dapi, channel_axis=7)


def test_a_pair_of_several_channels_makes_a_case_of_them(dapi, gfp, labels):
    pair = Pair(dapi, (labels,), (gfp,))
    pair.check()
    case = pair.case()
    assert (case.channels, case.name) == (2, "DAPI")
    assert case.channel_names == ("DAPI", "GFP")
    with pytest.raises(ImageError, match="for two channels"):
        Pair(dapi, (labels,), (dapi,)).check()
