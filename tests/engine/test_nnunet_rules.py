"""Sizes as nnU-Net's own planner (2.8.1) chose them: `benchmarks/nnunet_plans.py`."""

from __future__ import annotations

import math

import pytest

from specimen_unet.engine.nnunet_rules import nnunet_sizes

# Strides below the first level, a letter each.
STRIDES = {
    "a": (2, 2, 2),
    "f": (1, 2, 2),
    "x": (1, 1, 2),
    "z": (2, 1, 1),
    "p": (2, 2),
}
# Shape, spacing, classes, cases: patch, strides, batch.
CHOSEN = [
    ((36, 50, 35), (1, 1, 1), 3, 260, (40, 56, 40), "aaa", 9),
    ((482, 512, 512), (1, 0.767, 0.767), 3, 131, (128, 128, 128), "aaaaa", 2),
    ((20, 320, 319), (3.6, 0.62, 0.62), 3, 32, (20, 320, 256), "ffaaff", 2),
    ((115, 320, 232), (1.37, 1.25, 1.25), 2, 20, (80, 192, 160), "aaaaf", 2),
    ((9, 256, 216), (10, 1.56, 1.56), 4, 200, (10, 256, 224), "ffaff", 7),
    ((96, 512, 512), (2.5, 0.8, 0.8), 3, 281, (40, 224, 224), "faaaf", 2),
    ((39, 221, 200), (0.5, 0.15, 0.15), 2, 10, (40, 224, 224), "faaaf", 2),
    ((18, 512, 512), (5, 0.994, 0.994), 2, 5, (12, 384, 384), "ffafff", 2),
    ((16, 40, 900), (1, 1, 1), 2, 3, (16, 40, 256), "aafxx", 2),
    ((700, 1024, 1024), (4, 1, 1), 2, 12, (96, 128, 128), "ffaaaz", 2),
    ((450, 560), (1, 1), 2, 260, (512, 640), "ppppppp", 10),
    ((584, 565), (1, 1), 2, 20, (640, 640), "ppppppp", 2),
]


@pytest.mark.parametrize(
    ("shape", "spacing", "classes", "cases", "patch", "strides", "batch"), CHOSEN
)
def test_sizes_are_those_of_nnunets_own_planner(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    classes: int,
    cases: int,
    patch: tuple[int, ...],
    strides: str,
    batch: int,
) -> None:
    found = nnunet_sizes(shape, spacing, classes, float(math.prod(shape) * cases))
    assert found.patch == patch
    assert found.levels.strides[1:] == tuple(STRIDES[letter] for letter in strides)
    assert found.batch == batch


def test_less_memory_means_smaller_patches_but_still_two() -> None:
    whole = nnunet_sizes((200, 300, 300), (1, 1, 1), 2, 1e9)
    part = nnunet_sizes((200, 300, 300), (1, 1, 1), 2, 1e9, share=0.1)
    assert math.prod(part.patch) < 0.2 * math.prod(whole.patch)
    assert part.batch == whole.batch == 2


def test_hardly_any_memory_ends_at_the_smallest_patch() -> None:
    found = nnunet_sizes((64, 64), (1, 1), 2, 1e9, share=1e-9)
    assert all(n <= 8 for n in found.patch)


def test_channels_double_up_to_a_limit_that_dimensions_decide() -> None:
    volume = nnunet_sizes((128, 128, 128), (1, 1, 1), 2, 1e9)
    picture = nnunet_sizes((512, 512), (1, 1), 2, 1e9)
    assert volume.channels == (32, 64, 128, 256, 320, 320)
    assert picture.channels == (32, 64, 128, 256, 512, 512, 512, 512)
