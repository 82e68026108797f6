"""Painting while training: what is painted arrives in the run's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder
from specimen_unet.viewer.pairing import Pair, pair_layers
from specimen_unet.widgets.painting import LivePainting, write_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case


@pytest.fixture
def pairs(
    viewer: ViewerModel,
    two_observer_cases: list[Case],
    open_case: Callable[..., None],
) -> list[Pair]:
    for number in range(2):
        open_case(viewer, two_observer_cases[number], f"03{number}")
    layers = list(viewer.layers)
    return pair_layers(layers[::3], [*layers[1:3], *layers[4:6]])


@pytest.fixture
def run(pairs: list[Pair], tmp_path: Path) -> RunFolder:
    cases = [pair.case() for pair in pairs]
    return RunFolder.create(tmp_path, "run", cases, TrainingSettings())


@pytest.fixture
def painting(
    viewer: ViewerModel, run: RunFolder, pairs: list[Pair], qtbot: QtBot
) -> Iterator[LivePainting]:
    painting = LivePainting(viewer)
    painting.start(run, pairs)
    yield painting
    painting.stop()


def stored(run: RunFolder, case: int, observer: str) -> Any:
    return np.array(run.cases()[case].labels[observer])


def paint(layer: Any, label: int) -> None:
    """Paint as a mouse does."""
    layer.paint(tuple(size // 2 for size in layer.data.shape), label)


def test_only_what_was_painted_is_written(run: RunFolder, pairs: list[Pair]) -> None:
    assert write_labels(run, pairs) == 0
    layer = pairs[1].truths[0]
    layer.data[1] = 5
    assert write_labels(run, pairs) == 1
    np.testing.assert_array_equal(stored(run, 1, "EA"), layer.data)
    assert not (stored(run, 0, "EA") == 5).any()


def test_a_stroke_of_the_brush_arrives_in_the_run(
    painting: LivePainting, run: RunFolder, pairs: list[Pair], qtbot: QtBot
) -> None:
    layer = pairs[0].truths[1]
    paint(layer, 7)
    qtbot.waitUntil(lambda: bool((stored(run, 0, "MG") == 7).any()))
    np.testing.assert_array_equal(stored(run, 0, "MG"), layer.data)


def test_undo_arrives_as_well(
    painting: LivePainting, run: RunFolder, pairs: list[Pair], qtbot: QtBot
) -> None:
    layer = pairs[0].truths[0]
    paint(layer, 7)
    qtbot.waitUntil(lambda: bool((stored(run, 0, "EA") == 7).any()))
    layer.undo()
    qtbot.waitUntil(lambda: not (stored(run, 0, "EA") == 7).any())


def test_a_training_that_has_the_file_open_sees_it(
    run: RunFolder, pairs: list[Pair]
) -> None:
    mapped = run.cases()[0].labels["EA"]
    pairs[0].truths[0].data[0] = 3
    write_labels(run, pairs)
    assert (mapped[0] == 3).all()


def test_after_stopping_nothing_is_written(
    painting: LivePainting, run: RunFolder, pairs: list[Pair], qtbot: QtBot
) -> None:
    painting.stop()
    paint(pairs[0].truths[0], 7)
    qtbot.wait(800)
    assert not (stored(run, 0, "EA") == 7).any()


def test_cases_whose_layers_are_closed_stay_as_they_are(
    run: RunFolder, pairs: list[Pair]
) -> None:
    before = stored(run, 1, "MG")
    write_labels(run, pairs[:1])
    np.testing.assert_array_equal(stored(run, 1, "MG"), before)
