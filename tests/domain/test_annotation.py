from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.annotation import IGNORED, annotated_voxels, classes_of


@pytest.fixture
def volume():
    labels = np.zeros((3, 2, 4), np.uint8)
    labels[1, 0] = [0, 1, 5, 5]
    return labels


def test_everything_is_annotated_where_zero_is_background(volume):
    everywhere = annotated_voxels(volume, "everywhere")
    assert np.broadcast_to(everywhere, volume.shape).all()
    classes = classes_of(volume, (0, 1, 5), "everywhere")
    assert classes.dtype == np.int16
    assert classes[1, 0].tolist() == [0, 1, 2, 2]
    assert not classes[[0, 2]].any()


def test_only_slices_that_hold_a_label_are_annotated(volume):
    assert annotated_voxels(volume, "slices")[:, 0, 0].tolist() == [False, True, False]
    classes = classes_of(volume, (0, 1, 5), "slices")
    assert (classes[[0, 2]] == IGNORED).all()
    assert classes[1].tolist() == [[0, 1, 2, 2], [0, 0, 0, 0]]


def test_a_flat_image_is_one_slice(volume):
    assert annotated_voxels(volume[1], "slices").all()
    assert not annotated_voxels(volume[0], "slices").any()


def test_of_a_painted_image_zero_is_ignored_and_the_first_label_is_background(volume):
    assert (annotated_voxels(volume, "painted") == (volume > 0)).all()
    classes = classes_of(volume, (0, 5), "painted", painted_background=1)
    assert classes[1, 0].tolist() == [IGNORED, 0, 1, 1]
    assert (classes[[0, 2]] == IGNORED).all()


def test_a_label_the_plan_does_not_know_is_ignored(volume):
    classes = classes_of(volume, (0, 5), "everywhere")
    assert classes[1, 0].tolist() == [0, IGNORED, 1, 1]


@pytest.mark.parametrize("dtype", [bool, np.int64, ">u2"])
def test_any_whole_number_type_will_do(dtype):
    labels = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert classes_of(labels, (0, 1), "slices").tolist() == [[0, 1], [1, 0]]
