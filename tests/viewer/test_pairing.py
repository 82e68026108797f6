"""Pairing: prefilled pairs are the ones a person would make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
)
from specimen_unet.viewer.layers import labels_layer
from specimen_unet.viewer.pairing import (
    Pair,
    observer_name,
    pair_layers,
    pairs_of_cases,
)
from specimen_unet.viewer.provenance import mark_layer

SMALL, LARGE = (4, 8, 8), (4, 9, 9)


def image(name: str, shape: tuple[int, ...] = SMALL) -> Image:
    return Image(np.random.default_rng(0).random(shape), name=name)


def labels(name: str, shape: tuple[int, ...] = SMALL, painted: bool = True) -> Labels:
    return Labels(np.full(shape, int(painted), np.uint8), name=name)


def names(pairs: list[Pair]) -> dict[str, list[str]]:
    return {pair.image.name: [layer.name for layer in pair.truths] for pair in pairs}


def test_a_single_image_takes_all_labels_of_its_shape() -> None:
    pairs = pair_layers([image("032")], [labels("EA"), labels("b"), labels("c", LARGE)])
    assert names(pairs) == {"032": ["EA", "b"]}


def test_images_of_one_shape_are_told_apart_by_name() -> None:
    images = [image("032"), image("033"), image("specimen 1"), image("specimen 10")]
    drawn = [labels(n) for n in ("033_EA", "032_EA", "032-MG", "specimen 10 EA", "x")]
    assert names(pair_layers(images, drawn)) == {
        "032": ["032_EA", "032-MG"],
        "033": ["033_EA"],
        "specimen 10": ["specimen 10 EA"],
    }


@pytest.mark.parametrize(
    "pattern", ["{} DAPI|{} GFP", "{} [0]|{} [1]", "{} layer 0|{} layer 1"]
)
def test_channels_of_one_image_are_paired_with_its_labels(pattern: str) -> None:
    specimens = ["specimen-11", "specimen-12"]
    images = [image(n.format(s)) for s in specimens for n in pattern.split("|")]
    drawn = [labels(f"{s} {o}") for s in specimens for o in ("EA", "MG")]
    first, second = pair_layers(images, drawn)
    assert first.channels == tuple(images[:2])
    assert second.channels == tuple(images[2:])
    assert list(first.observers()) == ["EA", "MG"]


def test_images_that_are_no_channels_are_not_taken_for_one() -> None:
    numbered = [image("specimen 1"), image("specimen 2")]
    (pair,) = pair_layers(numbered, [labels("specimen EA")])
    assert (pair.truths, pair.more) == ((), ())
    dated = [image("032 pre"), image("032 post")]
    drawn = [labels("032 pre EA"), labels("032 post EA")]
    assert names(pair_layers(dated, drawn)) == {
        "032 pre": ["032 pre EA"],
        "032 post": ["032 post EA"],
    }


def test_labels_whose_shape_only_one_image_has_need_no_name() -> None:
    images = [image("a"), image("b", LARGE)]
    assert names(pair_layers(images, [labels("truth", LARGE)])) == {"b": ["truth"]}


def test_labels_that_bear_the_number_of_another_specimen_are_left_out() -> None:
    drawn = [labels("033_EA"), labels("EA 2"), labels("032_MG")]
    assert names(pair_layers([image("032")], drawn)) == {"032": ["EA 2", "032_MG"]}


def test_a_second_copy_of_a_layer_does_not_take_the_labels_of_the_first() -> None:
    pairs = pair_layers([image("a"), image("a [1]")], [labels("a EA")])
    assert names(pairs) == {"a": ["a EA"]}


def test_predictions_and_empty_labels_are_no_ground_truth() -> None:
    specimen = image("032")
    prediction = labels_layer(np.ones(SMALL, np.uint8), specimen, name="prediction")
    mark_layer(prediction, "segmentation")
    drawn = [labels("EA"), prediction, labels("Labels", painted=False)]
    assert names(pair_layers([specimen], drawn)) == {"032": ["EA"]}


def test_what_cannot_be_a_specimen_is_not_offered_beside_one() -> None:
    film = image("film", (2, 2, 4, 8, 8))
    assert names(pair_layers([film, image("a")], [labels("EA")])) == {"a": ["EA"]}


def test_alone_it_is_paired_so_that_its_check_says_why() -> None:
    film = image("film", (2, 2, 4, 8, 8))
    (pair,) = pair_layers([film], [labels("EA", (8, 8))])
    with pytest.raises(ImageError, match="'film' has 5 axes"):
        pair.check()


def test_a_colour_picture_is_paired_with_what_is_drawn_on_it() -> None:
    voxels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    colour = Image(voxels, rgb=True, name="photo")
    (pair,) = pair_layers([colour], [labels("EA", (8, 8))])
    pair.check()
    case = pair.case()
    assert (case.name, case.channels, case.shape) == ("photo", 3, (8, 8))


def test_labels_that_fit_no_image_are_paired_so_that_their_check_says_why() -> None:
    (pair,) = pair_layers([image("a")], [labels("EA", LARGE)])
    with pytest.raises(GridMismatchError, match=r"'EA' are .* choose labels"):
        pair.check()


def test_without_labels_the_first_image_stands_alone() -> None:
    assert names(pair_layers([image("a"), image("b")], [])) == {"a": []}


def test_a_pair_without_ground_truth_says_what_to_do() -> None:
    with pytest.raises(NoAnnotationError, match=r"'032'.*choose one or more"):
        Pair(image("032")).check()


def test_observers_are_named_without_the_name_of_the_image() -> None:
    pair = Pair(image("032"), (labels("032_EA"), labels("MG")))
    case = pair.case()
    assert list(case.labels) == list(pair.observers()) == ["EA", "MG"]
    assert case.name == "032"


def test_observers_that_would_share_a_name_keep_their_own() -> None:
    pair = Pair(image("032"), (labels("032_EA"), labels("EA")))
    assert list(pair.case().labels) == ["032_EA", "EA"]


def test_layers_of_a_run_that_goes_on_are_found_by_name_and_shape() -> None:
    specimen, other = image("032"), image("033")
    drawn = [labels("032_EA"), labels("MG"), labels("032_XY"), labels("EA", LARGE)]
    case = Pair(specimen, tuple(drawn[:2])).case()
    closed = Case(np.zeros(SMALL), {}, spacing=(1, 1, 1), name="034")
    found = pairs_of_cases([case, closed], [specimen, other], drawn)
    assert names(found) == {"032": ["032_EA", "MG"]}
    assert pairs_of_cases([case], [image("032", LARGE)], drawn) == []


@given(st.text(min_size=1, max_size=8), st.text(max_size=8))
def test_an_observer_always_has_a_name(labels_name: str, image_name: str) -> None:
    assert observer_name(labels_name, image_name)
