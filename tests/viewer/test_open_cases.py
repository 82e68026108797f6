from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.overlap import compare
from specimen_unet.viewer.open_cases import open_cases, score_open_cases
from specimen_unet.viewer.provenance import mark_layer


def drawn(name: str, start: int = 3, stop: int = 9) -> Labels:
    labels = np.zeros((4, 16, 16), np.uint8)
    labels[:, start:stop, start:stop] = 1
    return Labels(labels, name=name)


def segmented(image: str, model: str = "a", start: int = 4) -> Labels:
    layer = drawn(f"{image} - {model}", start)
    mark_layer(layer, "segmentation", image=image, model=model)
    return layer


@pytest.fixture
def images() -> list[Image]:
    generator = np.random.default_rng(0)
    return [
        Image(generator.normal(size=(4, 16, 16)), name=name)
        for name in ("specimen 01", "specimen 02", "specimen 03")
    ]


@pytest.fixture
def truths() -> list[Labels]:
    return [
        drawn(f"specimen 0{n} {observer}", 2 + n)
        for n in (1, 2, 3)
        for observer in ("EA", "MG")
    ]


def test_segmentations_of_one_model_are_found_with_their_observers(images, truths):
    made = [segmented("specimen 01"), segmented("specimen 02", start=5)]
    other = segmented("specimen 02", "b")
    cases = open_cases(made[0], images, [*truths, *made, other])
    assert [case.name for case in cases] == ["specimen 01", "specimen 02"]
    assert [case.prediction for case in cases] == made
    assert list(cases[1].truths) == ["EA", "MG"]
    assert cases[1].layers == [images[1], *truths[2:4], made[1]]


def test_the_newest_of_several_segmentations_counts_but_the_chosen_one_first(
    images, truths
):
    old, chosen, newer = (segmented("specimen 01") for _ in range(3))
    later = [segmented("specimen 02") for _ in range(2)]
    labels = [*truths, old, chosen, newer, *later]
    cases = open_cases(chosen, images, labels)
    assert [case.prediction for case in cases] == [chosen, later[1]]


def test_an_observer_is_judged_by_the_others_in_every_case(images, truths):
    found = score_open_cases(truths[1], images, truths, "everywhere")
    assert found.judged == "MG"
    assert set(found.table["first"]) == {"MG"}
    assert set(found.table["second"]) == {"EA"}
    assert list(found.cases) == [f"specimen 0{n}" for n in (1, 2, 3)]


def test_every_case_is_scored_under_common_names(images, truths):
    made = [segmented(f"specimen 0{n}", start=6) for n in (1, 2, 3)]
    table = score_open_cases(made[2], images, [*truths, *made], "everywhere").table
    assert len(table) == 3 * 3
    row = table.query("case == 'specimen 02' and first == 'prediction'").iloc[1]
    dice = compare(made[1].data, truths[3].data)["dice"].item()
    assert row["second"] == "MG"
    assert row["dice"] == pytest.approx(dice)


def test_without_any_case_it_is_told_what_to_open(images, truths):
    with pytest.raises(NoAnnotationError, match="Choose a prediction"):
        score_open_cases(None, images, truths, "everywhere")
    alone = segmented("specimen 09")
    with pytest.raises(NoAnnotationError, match="segment the images"):
        score_open_cases(alone, images, [*truths, alone], "everywhere")
