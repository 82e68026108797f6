from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.files.thumbnails import (
    THUMBNAIL,
    outline_of,
    outlined,
    thumbnail_of,
)


@pytest.mark.parametrize("shape", [(100, 300), (7, 100, 300)])
def test_thumbnails_are_small_and_use_all_grays(shape):
    image = np.linspace(-5, 70, np.prod(shape)).reshape(shape)
    small = thumbnail_of(image, len(shape), is_coloured=False)
    assert max(small.shape) <= THUMBNAIL
    assert (small.min(), small.max()) == (0, 255)


def test_an_image_of_one_gray_value_has_a_thumbnail_too():
    small = thumbnail_of(np.full((9, 9), np.nan), 2, is_coloured=False)
    assert small.tolist() == np.zeros((9, 9)).tolist()


@pytest.mark.parametrize("shape", [(100, 300), (7, 100, 300)])
def test_outlines_lie_on_the_thumbnail_and_small_labels_are_not_lost(shape):
    labels = np.zeros(shape, np.uint8)
    labels[..., 40:80, 80:160] = 2
    labels[..., 17, 211] = 1
    edge = outline_of(labels)
    thumbnail = thumbnail_of(labels, len(shape), is_coloured=False)
    assert edge.shape == thumbnail.shape
    step = -(-300 // THUMBNAIL)
    assert edge[17 // step, 211 // step]
    assert edge[40 // step, 120 // step]
    assert not edge[60 // step, 120 // step]  # within the label
    assert not edge[0].any()


def test_a_border_between_two_labels_is_an_outline():
    labels = np.ones((10, 10), np.uint8)
    labels[:, 5:] = 2
    expected = np.zeros((10, 10), bool)
    expected[:, 4:6] = True
    np.testing.assert_array_equal(outline_of(labels), expected)


def test_what_an_observer_drew_lies_over_the_prediction():
    gray = np.full((4, 4), 7, np.uint8)
    drawn, predicted = np.eye(4, dtype=bool), np.ones((4, 4), bool)
    picture = outlined(gray, drawn, predicted)
    assert tuple(picture[1, 1]) == (230, 159, 0)
    assert tuple(picture[0, 1]) == (86, 180, 233)
    assert (gray == 7).all()
    np.testing.assert_array_equal(outlined(gray), gray)
    np.testing.assert_array_equal(outlined(gray, np.ones((3, 4), bool)), gray)
