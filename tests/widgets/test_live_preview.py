"""LivePreview: one slice, exactly on the image, and nobody else's layers touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QObject

from specimen_unet.domain.events import Preview, StepDone
from specimen_unet.viewer.pairing import Pair
from specimen_unet.viewer.provenance import kind_of_layer
from specimen_unet.widgets import live_preview
from specimen_unet.widgets.live_preview import NAME, LivePreview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot


class Asked(QObject):
    """Keeps what a job is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.slices: list[tuple[str, int]] = []

    def preview(self, case: str, index: int) -> None:
        self.slices.append((case, index))


@pytest.fixture
def job() -> Asked:
    return Asked()


@pytest.fixture
def preview(
    viewer: ViewerModel,
    job: Asked,
    spatial: tuple[int, ...],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[LivePreview]:
    """A preview on "032" (turned, scaled and moved) and "033", in 2D and in 3D."""
    monkeypatch.setattr(live_preview, "_EVERY_MS", 50)
    monkeypatch.setattr(live_preview, "_MOVED_MS", 10)
    generator = np.random.default_rng(0)
    axes = len(spatial)
    images = [
        viewer.add_image(generator.random(spatial), name="033"),
        viewer.add_image(
            generator.random(spatial),
            name="032",
            scale=(2.0, 0.5, 0.5)[-axes:],
            translate=(3.0, 4.0, 5.0)[-axes:],
            units=("mm",) * axes,
        ),
    ]
    preview = LivePreview(viewer, job)
    preview.start([Pair(image) for image in images])
    preview.hear(StepDone(1, 0.5, 0.001, 0.1, 1.0, 9.0))
    yield preview
    preview.stop()


def seen(
    case: str,
    index: int,
    spatial: tuple[int, ...],
    label: int = 1,
    seconds: float = 0.0,
) -> Preview:
    labels = np.full(spatial[-2:], label, np.uint8)
    return Preview(case, index, 10, labels, seconds)


def test_the_slice_in_view_of_the_topmost_image_is_asked_for(
    preview: LivePreview,
    viewer: ViewerModel,
    job: Asked,
    spatial: tuple[int, ...],
    qtbot: QtBot,
) -> None:
    index = 0
    if len(spatial) == 3:
        viewer.dims.set_point(0, 3.0 + 2 * 5)
        index = 5
    qtbot.waitUntil(lambda: ("032", index) in job.slices)


def test_the_selected_image_is_preferred(
    preview: LivePreview,
    viewer: ViewerModel,
    job: Asked,
    spatial: tuple[int, ...],
    qtbot: QtBot,
) -> None:
    viewer.layers.selection.active = viewer.layers["033"]
    preview.hear(seen("032", 0, spatial))
    qtbot.waitUntil(lambda: any(case == "033" for case, _ in job.slices))


def test_while_an_answer_is_awaited_nothing_else_is_asked(
    preview: LivePreview, job: Asked, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: len(job.slices) == 1)
    qtbot.wait(300)
    assert len(job.slices) == 1


def test_a_preview_that_cost_much_is_not_followed_by_another_at_once(
    preview: LivePreview, job: Asked, spatial: tuple[int, ...], qtbot: QtBot
) -> None:
    job.slices.clear()
    preview.hear(seen("032", 0, spatial, seconds=0.2))
    qtbot.wait(400)
    assert not job.slices
    qtbot.waitUntil(lambda: len(job.slices) == 1, timeout=6000)


def test_a_preview_that_cost_little_is_followed_at_the_next_tick(
    preview: LivePreview, job: Asked, spatial: tuple[int, ...], qtbot: QtBot
) -> None:
    job.slices.clear()
    preview.hear(seen("032", 0, spatial, seconds=0.001))
    qtbot.waitUntil(lambda: len(job.slices) == 1, timeout=500)


def test_a_person_at_the_slider_need_not_wait_for_what_the_last_one_cost(
    preview: LivePreview,
    viewer: ViewerModel,
    spatial: tuple[int, ...],
    job: Asked,
    qtbot: QtBot,
) -> None:
    preview.hear(seen("032", 0, spatial, seconds=100.0))
    job.slices.clear()
    viewer.dims.set_current_step(0, viewer.dims.current_step[0] + 1)
    qtbot.waitUntil(lambda: len(job.slices) == 1, timeout=1000)


def test_the_first_step_is_followed_by_a_question_at_once(
    viewer: ViewerModel,
    job: Asked,
    spatial: tuple[int, ...],
    qtbot: QtBot,
) -> None:
    image = viewer.add_image(np.random.default_rng(0).random(spatial), name="032")
    preview = LivePreview(viewer, job)
    preview.start([Pair(image)])
    # Before, the network has learnt nothing, and the answer would be noise.
    qtbot.wait(100)
    assert not job.slices
    preview.hear(StepDone(1, 0.5, 0.001, 0.1, 1.0, 9.0))
    assert len(job.slices) == 1
    preview.hear(StepDone(2, 0.5, 0.001, 0.1, 1.0, 9.0))
    assert len(job.slices) == 1
    preview.stop()


def test_only_the_slice_in_view_is_filled_exactly_on_the_image(
    preview: LivePreview, viewer: ViewerModel, spatial: tuple[int, ...]
) -> None:
    preview.hear(seen("032", 0, spatial))
    layer, image = viewer.layers[NAME], viewer.layers["032"]
    assert layer.data.shape == image.data.shape
    for part in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_array_equal(getattr(layer, part), getattr(image, part))
    assert layer.units == image.units
    assert kind_of_layer(layer) == "preview"
    if len(spatial) == 3:
        preview.hear(seen("032", 5, spatial, label=2))
        assert (layer.data[5] == 2).all()
        assert not np.delete(layer.data, 5, axis=0).any()
    else:
        assert (layer.data == 1).all()


def test_the_layers_of_the_person_stay_selected(
    preview: LivePreview, viewer: ViewerModel, spatial: tuple[int, ...]
) -> None:
    viewer.layers.selection.active = viewer.layers["033"]
    preview.hear(seen("032", 0, spatial))
    assert viewer.layers.selection.active is viewer.layers["033"]
    assert not viewer.layers[NAME].editable


def test_another_case_moves_the_preview(
    preview: LivePreview, viewer: ViewerModel, spatial: tuple[int, ...]
) -> None:
    preview.hear(seen("032", 0, spatial))
    preview.hear(seen("033", 0, spatial))
    names = [layer.name for layer in viewer.layers]
    assert names.count(NAME) == 1
    np.testing.assert_array_equal(viewer.layers[NAME].scale, viewer.layers["033"].scale)


def test_a_preview_that_was_removed_does_not_come_back(
    preview: LivePreview, viewer: ViewerModel, spatial: tuple[int, ...], job: Asked
) -> None:
    preview.hear(seen("032", 0, spatial))
    viewer.layers.remove(viewer.layers[NAME])
    preview.hear(seen("032", 0, spatial))
    assert NAME not in viewer.layers


def test_a_removed_image_takes_its_preview_along(
    preview: LivePreview, viewer: ViewerModel, spatial: tuple[int, ...]
) -> None:
    preview.hear(seen("032", 0, spatial))
    viewer.layers.remove(viewer.layers["032"])
    preview.hear(seen("032", 0, spatial))
    assert [layer.name for layer in viewer.layers] == ["033"]


def test_stopping_takes_the_preview_away(
    viewer: ViewerModel, job: Any, spatial: tuple[int, ...], qtbot: QtBot
) -> None:
    image = viewer.add_image(np.random.default_rng(0).random(spatial), name="032")
    preview = LivePreview(viewer, job)
    preview.start([Pair(image)])
    preview.hear(seen("032", 0, spatial))
    preview.stop()
    assert list(viewer.layers) == [image]
