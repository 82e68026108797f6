from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QProcess, Qt
from qtpy.QtTest import QTest

import specimen_unet as su
from specimen_unet.files.library import library_folder
from specimen_unet.runs.folder import runs_folder
from specimen_unet.viewer.layers import frame_of
from specimen_unet.widgets import job
from specimen_unet.widgets.segment_dock import SegmentDock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton
MINUTE = 60_000


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory, make_blob_case) -> dict[int, Path]:
    """Models that learnt to find blobs in 2D and in 3D, a little."""
    folder = tmp_path_factory.mktemp("models")
    models = {}
    for dimensions, shape in ((2, (32, 32)), (3, (8, 32, 32))):
        cases = [make_blob_case(shape, seed=seed) for seed in range(3)]
        model = su.train(
            cases,
            dimensions=dimensions,
            ending="steps",
            steps=12,
            channels=(4, 8),
            patch=(8, 16, 16)[-dimensions:],
            batch=2,
            seed=1,
            device="cpu",
        )
        models[dimensions] = folder / f"blobs-{dimensions}d.safetensors"
        model.save(models[dimensions])
    return models


@pytest.fixture
def put_in_library(tiny_models):
    def put(dimensions: int) -> Path:
        library_folder().mkdir(parents=True, exist_ok=True)
        path = library_folder() / tiny_models[dimensions].name
        path.write_bytes(tiny_models[dimensions].read_bytes())
        return path

    return put


@pytest.fixture
def open_dock(qtbot, one_core) -> Callable[..., SegmentDock]:
    docks = []

    def open_dock(viewer) -> SegmentDock:
        dock = SegmentDock(viewer)
        docks.append(dock)
        qtbot.addWidget(dock.native)
        dock.native.resize(380, 700)
        dock.native.show()
        return dock

    yield open_dock
    for dock in docks:
        dock.job.shutdown()


def framed(case) -> dict[str, object]:
    """A frame of which every part is unlike the default."""
    axes = case.grid.dimensions
    turn = np.eye(axes)
    turn[-2:, -2:] = [[0.8, -0.6], [0.6, 0.8]]
    affine = np.diag([1.0] * (axes - 2) + [1.5, 1.5, 1.0])
    affine[-2, -1] = 4
    return {
        "scale": np.array(case.grid.spacing) / np.array([1.0, 1.5, 1.5][-axes:]),
        "translate": (1, 2, 3)[-axes:],
        "rotate": turn,
        "affine": affine,
        "units": ["mm"] * axes,
        "axis_labels": ["z", "y", "x"][-axes:],
    }


def click(widget) -> None:
    QTest.mouseClick(widget.native, LEFT)


def wait(qtbot, dock: SegmentDock) -> None:
    qtbot.waitUntil(lambda: not dock.is_active, timeout=MINUTE)


def copies() -> list[Path]:
    folder = runs_folder() / ".segmenting"
    return list(folder.iterdir()) if folder.exists() else []


def test_a_click_adds_labels_that_lie_on_the_image(
    open_dock, put_in_library, qtbot, blob_cases
):
    case = blob_cases[0]
    path = put_in_library(case.grid.dimensions)
    viewer = ViewerModel()
    image = viewer.add_image(case.image[0].copy(), name="032", **framed(case))
    before = image.data.copy()
    dock = open_dock(viewer)
    dock.form.control("probabilities").value = True
    click(dock.segment)
    wait(qtbot, dock)

    assert dock.problem.value == ""
    labels, maps = viewer.layers[-1], viewer.layers[1:-1]
    assert labels.name == f"032 - {path.stem}"
    for layer in (labels, *maps):
        for part, value in frame_of(image).items():
            np.testing.assert_array_equal(frame_of(layer)[part], value, err_msg=part)
    expected = su.segment(case, su.load_model(path), device="cpu")
    np.testing.assert_array_equal(labels.data, expected.labels)
    assert labels.data.any()
    (one,) = maps
    np.testing.assert_allclose(one.data, expected.probabilities[1], atol=1e-6)
    assert list(labels.features["label"]) == ["background", "label 1"]
    np.testing.assert_array_equal(image.data, before)
    assert copies() == []
    assert f"Added '032 - {path.stem}'" in dock.result.value
    assert dock.segment.enabled


def test_a_2d_model_segments_a_volume_even_if_it_is_removed_meanwhile(
    open_dock, put_in_library, qtbot, make_blob_case
):
    case = make_blob_case((8, 32, 32))
    path = put_in_library(2)
    viewer = ViewerModel()
    frame = {"scale": case.grid.spacing, "units": ["mm"] * 3}
    viewer.add_image(case.image[0], name="032", **frame)
    dock = open_dock(viewer)
    click(dock.segment)
    viewer.layers.clear()
    wait(qtbot, dock)
    (labels,) = viewer.layers
    assert labels.name == "032 - blobs-2d"
    expected = su.segment(case, su.load_model(path), device="cpu").labels
    np.testing.assert_array_equal(labels.data, expected)


def test_cancel_ends_it_and_keeps_nothing(
    open_dock, put_in_library, qtbot, make_blob_case
):
    viewer = ViewerModel()
    case = make_blob_case((40, 128, 128))
    viewer.add_image(case.image[0], scale=case.grid.spacing, units=["mm"] * 3)
    put_in_library(3)
    dock = open_dock(viewer)
    dock.form.control("mirror").value = True
    click(dock.segment)
    assert dock.progress.cancel.native.isVisible()
    assert not dock.model.enabled
    qtbot.waitUntil(lambda: dock.progress.bar.value > 0, timeout=MINUTE)
    click(dock.progress.cancel)
    wait(qtbot, dock)
    assert len(viewer.layers) == 1
    assert dock.problem.value == ""
    assert copies() == []
    assert dock.segment.native.isVisible()
    assert dock.model.enabled


def test_cancel_before_the_image_is_copied_keeps_nothing(
    open_dock, put_in_library, qtbot, make_blob_case, idle_engine
):
    viewer = ViewerModel()
    viewer.add_image(make_blob_case((8, 32, 32)).image[0])
    put_in_library(3)
    dock = open_dock(viewer)
    click(dock.segment)
    click(dock.progress.cancel)
    wait(qtbot, dock)
    assert copies() == []
    assert len(viewer.layers) == 1


def test_closing_the_dock_in_mid_work_leaves_no_process_and_no_copy(
    open_dock, put_in_library, qtbot, make_blob_case, idle_engine
):
    viewer = ViewerModel()
    viewer.add_image(make_blob_case((8, 32, 32)).image[0])
    put_in_library(3)
    dock = open_dock(viewer)
    processes = dock.job.findChildren(QProcess)
    assert [p.state() for p in processes] != [QProcess.ProcessState.NotRunning]
    click(dock.segment)
    qtbot.waitUntil(lambda: copies() != [])
    number = int(processes[0].processId())
    dock._leave()
    assert not _is_running(number)
    # A copy that is still being made is removed by the thread that makes it.
    qtbot.waitUntil(lambda: copies() == [])


def _is_running(number: int) -> bool:
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_a_model_it_says_to_train_one(open_dock, idle_engine):
    dock = open_dock(ViewerModel())
    assert "Train one first" in dock.model.problem.value
    assert not dock.segment.enabled


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.eye(32), "one 2D image"),
        (np.zeros((8, 32, 32)), "constant"),
        (np.full((8, 32, 32), np.nan), "NaN"),
        (np.eye(16)[np.newaxis, np.newaxis].repeat(3, 0).repeat(4, 1), "4 axes"),
        (np.random.default_rng(0).random((8, 32, 32, 3)), "RGB"),
    ],
    ids=["2d", "constant", "nan", "4d", "rgb"],
)
def test_a_wrong_image_is_told_before_anything_starts(
    open_dock, put_in_library, idle_engine, data, told
):
    put_in_library(3)
    viewer = ViewerModel()
    viewer.add_image(data, rgb=told == "RGB")
    dock = open_dock(viewer)
    assert told in dock.problem.value
    assert dock.problem.native.isVisible()
    click(dock.segment)
    assert not dock.is_active
    viewer.add_image(np.random.default_rng(0).random((8, 32, 32)), name="right")
    dock.image.value = viewer.layers["right"]
    assert dock.problem.value == ""
    assert dock.segment.enabled


def test_images_may_come_and_go_while_it_is_open(
    open_dock, put_in_library, idle_engine, make_blob_case
):
    put_in_library(3)
    viewer = ViewerModel()
    dock = open_dock(viewer)
    assert "There is no image yet" in dock.problem.value
    viewer.add_image(make_blob_case((8, 32, 32)).image[0], name="032")
    assert dock.segment.enabled
    viewer.layers.clear()
    assert "There is no image yet" in dock.problem.value
    assert not dock.segment.enabled


def test_a_model_can_be_chosen_from_outside(open_dock, tiny_models, idle_engine):
    dock = open_dock(ViewerModel())
    dock.choose_model(tiny_models[2])
    assert dock.model.path == tiny_models[2]


def test_an_engine_that_dies_is_told_and_it_can_be_tried_again(
    open_dock, put_in_library, qtbot, make_blob_case, monkeypatch
):
    dead = [sys.executable, "-c", "import sys; sys.exit('no such luck')"]
    monkeypatch.setattr(job, "worker_command", lambda: dead)
    put_in_library(2)
    viewer = ViewerModel()
    viewer.add_image(make_blob_case((32, 32)).image[0])
    dock = open_dock(viewer)
    click(dock.segment)
    wait(qtbot, dock)
    assert "no such luck" in dock.problem.value
    assert dock.segment.enabled
    assert copies() == []


@pytest.mark.viewer
def test_a_walk_through_the_dock(
    make_napari_viewer_proxy, qtbot, put_in_library, make_blob_case, one_core
):
    case = make_blob_case((8, 32, 32), seed=5, observers=("EA", "MG"))
    viewer = make_napari_viewer_proxy(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("specimen-unet", "Segment")
    assert "Train one first" in dock.model.problem.value

    # A model is trained meanwhile, an image and its ground truth are opened.
    path = put_in_library(3)
    click(dock.model.refresh)
    frame = framed(case)
    image = viewer.add_image(case.image[0], name="032", **frame)
    for observer, drawn in case.labels.items():
        viewer.add_labels(drawn, name=observer, **frame)
    click(dock.segment)
    qtbot.waitUntil(lambda: dock.result.value != "", timeout=MINUTE)
    labels = list(viewer.layers)[-1]
    assert labels.name == f"032 - {path.stem}"
    for part, value in frame_of(image).items():
        np.testing.assert_array_equal(frame_of(labels)[part], value, err_msg=part)
    assert [layer.name for layer in viewer.layers] == ["032", "EA", "MG", labels.name]

    # One click, and it is compared with the observers.
    click(dock.compare)
    compare = viewer.window.dock_widgets["Compare (Specimen U-Net)"]
    qtbot.waitUntil(lambda: not compare.is_busy)
    table = compare.scores.table
    assert table.item(0, 0).text() == "Prediction against EA"
    compare.native.parent().hide()
    click(dock.compare)
    assert compare.native.isVisible()
    assert len(viewer.window.dock_widgets) == 2

    # Both docks are closed: the engine has left.
    process = dock.job.findChild(QProcess)
    number = int(process.processId())
    for one in (dock, compare):
        viewer.window.remove_dock_widget(one.native)
        qtbot.addWidget(one.native)
    assert not _is_running(number)


@pytest.fixture(scope="session")
def stain_model(tmp_path_factory, make_blob_case):
    """A 2D model that learnt a little from two stains."""
    folder = tmp_path_factory.mktemp("stains")
    cases = [make_blob_case((32, 32), seed=seed, channels=2) for seed in range(3)]
    for case in cases:
        case.channel_names = ("DAPI", "GFP")
    model = su.train(
        cases,
        ending="steps",
        steps=4,
        channels=(4, 8),
        patch=(16, 16),
        batch=2,
        device="cpu",
    )
    model.save(folder / "stains.safetensors")
    return folder / "stains.safetensors"


def test_a_model_of_two_channels_takes_two_layers(
    open_dock, qtbot, make_blob_case, stain_model
):
    case = make_blob_case((32, 32), seed=7, channels=2)
    viewer = ViewerModel()
    frame = {"scale": case.grid.spacing, "units": ["mm"] * 2}
    viewer.add_image(case.image[0], name="specimen DAPI", **frame)
    viewer.add_image(case.image[0] * 0 + 1, name="other", visible=False, **frame)
    viewer.add_image(case.image[1], name="specimen GFP", **frame)
    dock = open_dock(viewer)
    dock.choose_model(stain_model)
    dock.image.value = viewer.layers["specimen DAPI"]
    (box,) = dock.channels.boxes
    assert dock.channels.visible
    assert (box.label, box.value.name) == ("GFP", "specimen GFP")
    box.value = dock.image.value
    assert "for two channels" in dock.problem.value
    assert not dock.segment.enabled
    box.value = viewer.layers["specimen GFP"]
    assert dock.segment.enabled
    click(dock.segment)
    wait(qtbot, dock)
    result = viewer.layers[-1]
    expected = su.segment(case, su.load_model(stain_model))
    np.testing.assert_array_equal(result.data, expected.labels)


def test_a_model_of_one_channel_asks_for_no_more(open_dock, put_in_library):
    dock = open_dock(ViewerModel())
    dock.choose_model(put_in_library(2))
    assert dock.channels.boxes == ()
    assert not dock.channels.visible
