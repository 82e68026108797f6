from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from specimen_unet.domain.case import Case
from specimen_unet.domain.near_duplicates import (
    alike_pairs,
    joined_groups,
    near_duplicates,
    print_of,
)


def speckle(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Make an image as ultrasound is: bright above, dark below, speckled."""
    noise = np.random.default_rng(seed).normal(size=shape)
    depth = np.linspace(2, 0, shape[-2])[:, np.newaxis]
    return depth + sum(gaussian_filter(noise, size) * size for size in (2, 5))


@pytest.fixture(params=[(120, 90), (24, 60, 60)], ids=["2d", "3d"])
def shape(request: pytest.FixtureRequest) -> tuple[int, ...]:
    return request.param


def named(**images: np.ndarray) -> list[Case]:
    return [Case(image, name=name) for name, image in images.items()]


def test_an_image_scaled_brightened_and_marked_anew_is_a_near_duplicate(shape) -> None:
    image = speckle(0, shape)
    again = 3 * zoom(image, 0.7, order=1) + 40
    again[(*(1,) * (len(shape) - 2), slice(4, 8), slice(4, 8))] = again.max()
    groups = near_duplicates(
        named(first=image, again=again, other=speckle(1, shape), more=speckle(2, shape))
    )
    assert groups == {
        "first": "first",
        "again": "first",
        "other": "other",
        "more": "more",
    }


def test_images_that_are_only_lit_alike_are_none(shape) -> None:
    prints = {str(seed): print_of(speckle(seed, shape)[None]) for seed in range(30)}
    assert alike_pairs(prints) == []


def test_a_cropped_picture_is_found() -> None:
    image = speckle(3, (200, 160))
    prints = {"whole": print_of(image[None]), "part": print_of(image[None, 6:, :-4])}
    assert alike_pairs(prints) == [("whole", "part")]


def test_pictures_and_volumes_are_not_compared_with_one_another() -> None:
    volume = speckle(0, (8, 32, 32))
    prints = {"3d": print_of(volume[None]), "2d": print_of(volume.mean(0)[None])}
    assert alike_pairs(prints) == []


def test_images_that_show_nothing_are_alike_to_nothing() -> None:
    empty = {name: print_of(np.full((1, 20, 20), 7.0)) for name in "ab"}
    assert alike_pairs(empty) == []


def test_groups_that_were_known_stay_together_and_are_joined() -> None:
    known = {"a": "P1", "b": "P1", "c": "c", "d": "d", "e": "e"}
    groups = joined_groups(known, [("b", "c"), ("c", "d")])
    assert groups == {"a": "P1", "b": "P1", "c": "P1", "d": "P1", "e": "e"}


def test_nothing_is_joined_without_pairs() -> None:
    assert joined_groups({"a": "x", "b": "b"}, []) == {"a": "x", "b": "b"}
    assert near_duplicates([]) == {}
