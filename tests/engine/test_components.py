"""The largest part of every label is kept, and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from monai.transforms import KeepLargestConnectedComponent

from specimen_unet.engine.components import keep_largest


def test_smaller_parts_of_every_label_go() -> None:
    labels = np.array(
        [[1, 1, 0, 2, 0], [0, 0, 0, 2, 0], [1, 0, 0, 2, 0], [0, 0, 2, 0, 0]], np.uint16
    )
    kept = keep_largest(labels)
    assert kept.dtype == labels.dtype
    assert kept.tolist() == [
        [1, 1, 0, 2, 0],
        [0, 0, 0, 2, 0],
        [0, 0, 0, 2, 0],
        [0, 0, 2, 0, 0],
    ]


def test_a_part_of_one_label_inside_another_is_told_apart() -> None:
    labels = np.ones((5, 5), np.uint8)
    labels[1:4, 1:4] = 3
    labels[2, 2] = 1
    expected = labels.copy()
    expected[2, 2] = 0
    assert keep_largest(labels).tolist() == expected.tolist()


def test_the_first_of_equal_parts_is_kept() -> None:
    assert keep_largest(np.array([[1, 0, 1]])).tolist() == [[1, 0, 0]]


def test_an_empty_image_stays_empty(spatial: tuple[int, ...]) -> None:
    assert not keep_largest(np.zeros(spatial, np.uint8)).any()


def test_parts_are_those_of_monai(spatial: tuple[int, ...]) -> None:
    labels = (np.random.default_rng(0).random(spatial) < 0.2).astype(np.uint8)
    reference = KeepLargestConnectedComponent(applied_labels=1)
    expected = reference(torch.from_numpy(labels)[None])[0]
    assert keep_largest(labels).sum() == int(expected.sum()) > 1
