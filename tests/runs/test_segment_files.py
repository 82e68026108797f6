"""Many images from the terminal: nothing twice, nothing lost, several models."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.cli import main
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.model import load_model
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.files.images import read_image, read_labels, write_image
from specimen_unet.files.model_files import ModelFiles
from specimen_unet.files.predictions import (
    Predictions,
    newest_predictions,
    prediction_of,
)
from specimen_unet.runs import segment_files as module
from specimen_unet.runs.answers import Status
from specimen_unet.runs.segment_files import Where, segment_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.runs.answers import Answer

SETTINGS = SegmentationSettings(device="cpu")


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory,
    make_blob_case: Callable[..., Case],
    small_settings: Callable[..., TrainingSettings],
) -> list[Path]:
    """Return two models in 2D that differ."""
    folder = tmp_path_factory.mktemp("models")
    cases = [make_blob_case((32, 32), seed=seed) for seed in range(4)]
    for seed in range(2):
        settings = small_settings(seed=seed, steps=20, learning_rate=0.02)
        train(cases, **settings.model_dump()).save(folder / f"{seed}.safetensors")
    return [folder / "0.safetensors", folder / "1.safetensors"]


@pytest.fixture
def images(tmp_path: Path, make_blob_case: Callable[..., Case]) -> Path:
    for seed in range(3):
        case = make_blob_case((32, 32), seed=seed)
        write_image(tmp_path / "images" / f"{seed}.tif", case.image[0], case.grid)
    return tmp_path / "images"


@pytest.fixture
def do(images: Path, models: list[Path], tmp_path: Path) -> Callable[..., Answer]:
    """Segment the images with the first model, or otherwise."""

    def segmented(
        *, with_: list[Path] | None = None, settings: Any = SETTINGS, **where: Any
    ) -> Answer:
        return segment_files(
            images,
            with_ or models[:1],
            tmp_path / "out",
            settings,
            AS_FOUND,
            Where(**where),
        )

    return segmented


def kept(answer: Answer) -> list[str]:
    assert answer.status == Status.OK
    return [os.path.basename(name) for name in answer.content["kept"]]


def test_what_is_segmented_is_not_segmented_again(do, tmp_path):
    first = do()
    assert kept(first) == []
    labels = tmp_path / "out" / "1.tif"
    before = labels.stat().st_mtime_ns
    second = do()
    assert kept(second) == ["0.tif", "1.tif", "2.tif"]
    assert second.content["written"] == first.content["written"]
    assert "3 of them were there already" in second.text
    assert labels.stat().st_mtime_ns == before
    assert kept(do(again=True)) == []
    assert labels.stat().st_mtime_ns > before


def order_of_a_dock(
    images: Path, model: Path, out: Path
) -> list[tuple[Predictions, Prediction]]:
    """Return what the Segment dock would write with a model, and into which list."""
    folder, used = CaseFolder.open(images), ModelFiles.one(model)
    return [
        (Predictions(place), wanted)
        for files in folder.cases(needs_labels=False)
        for place, wanted in [prediction_of(folder, files, used, SETTINGS, out)]
    ]


def test_a_dock_does_not_segment_again_what_the_terminal_has(
    do, images, models, tmp_path
):
    do()
    out = tmp_path / "out"
    ordered = order_of_a_dock(images, models[0], out)
    assert [record.has(wanted) for record, wanted in ordered] == [True] * 3
    for record, wanted in order_of_a_dock(images, models[1], out):
        assert not record.has(wanted)
        record.check_free(wanted)  # a model's labels may be replaced
    assert newest_predictions([out])["1"][0] == out / "1.tif"


def test_the_terminal_does_not_segment_again_what_a_dock_has(
    do, images, models, tmp_path
):
    voxels, grid = read_image(images / "1.tif")
    labels = np.full(voxels.shape, 1, np.uint8)
    record, wanted = order_of_a_dock(images, models[0], tmp_path / "out")[1]
    record.write(wanted, labels, grid, images / "1.tif", {})
    assert kept(do()) == ["1.tif"]
    assert np.array_equal(read_labels(tmp_path / "out" / "1.tif")[0], labels)


def test_labels_of_a_killed_command_are_no_observers(images, models, monkeypatch):
    """A command that is killed once labels are written has not noted it."""
    real = module.segment_image

    def killed(*arguments: Any) -> Any:
        yield from real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "segment_image", killed)
    before = CaseFolder.open(images).pairing
    segment_files(images, models[:1], images / "out", SETTINGS, AS_FOUND)
    assert (images / "out" / "0.tif").exists()
    again = CaseFolder.open(images)
    assert again.pairing == before
    assert again.others == ()


def test_labels_that_were_corrected_are_kept(do, tmp_path, make_blob_case):
    do()
    path = tmp_path / "out" / "1.tif"
    corrected, grid = np.full((32, 32), 1, np.uint8), read_labels(path)[1]
    module.write_labels(path, corrected, grid)
    do()
    assert np.array_equal(read_labels(path)[0], corrected)


@pytest.mark.parametrize("change", ["model", "settings", "image", "labels", "record"])
def test_what_differs_is_segmented_again(
    change, do, models, images, tmp_path, make_blob_case
):
    do()
    changes: dict[str, Any] = {}
    again = {"0.tif", "1.tif", "2.tif"}
    if change == "model":
        changes["with_"] = models[1:]
    elif change == "settings":
        changes["settings"] = SegmentationSettings(mirror=True, device="cpu")
    elif change == "image":
        case = make_blob_case((32, 32), seed=9)
        write_image(images / "1.tif", case.image[0], case.grid)
        again = {"1.tif"}
    elif change == "labels":
        (tmp_path / "out" / "1.tif").unlink()
        again = {"1.tif"}
    else:
        record = tmp_path / "out" / "segmented.jsonl"
        record.write_bytes(record.read_bytes()[:-20])  # killed in mid-line
        again = {"2.tif"}
    assert set(kept(do(**changes))) == {"0.tif", "1.tif", "2.tif"} - again
    assert set(kept(do(**changes))) == {"0.tif", "1.tif", "2.tif"}


def test_another_device_makes_no_other_labels(do):
    do()
    assert len(kept(do(settings=SegmentationSettings()))) == 3


def test_the_record_says_which_models_made_the_labels(do, models, tmp_path):
    do(with_=models)
    text = (tmp_path / "out" / "segmented.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    first, *others = (line for line in lines if not line.get("unfinished"))
    assert len(others) == 2
    assert first["labels"] == "0.tif"
    assert [model["name"] for model in first["models"]] == [
        load_model(path).name for path in models
    ]
    assert len({model["sha256"] for model in first["models"]}) == 2


def test_an_interruption_between_images_keeps_what_was_written(
    do, tmp_path, monkeypatch
):
    real, seen = module.segment_image, []

    def interrupted(image: Any, *rest: Any) -> Any:
        seen.append(image.name)
        if image.name == "1":
            raise KeyboardInterrupt
        return real(image, *rest)

    monkeypatch.setattr(module, "segment_image", interrupted)
    answer = do()
    assert answer.status == Status.INTERRUPTED
    assert list(answer.content["written"]) == [str(tmp_path / "images" / "0.tif")]
    assert "2 images are left. The same command goes on" in answer.text
    monkeypatch.undo()
    assert kept(do()) == ["0.tif"]


def test_several_models_segment_together_from_the_terminal(
    images, models, tmp_path, capsys
):
    out = tmp_path / "out"
    command = ["segment", str(images), *map(str, models), "--out", str(out)]
    assert main(command) == 0
    image, grid = read_image(images / "0.tif")
    expected = segment(
        image, [load_model(path) for path in models], spacing=grid.spacing, unit="mm"
    )
    assert np.array_equal(read_labels(out / "0.tif")[0], expected.labels)
    assert main(command) == 0
    assert "were there already" in capsys.readouterr().out
    assert main([*command, "--again"]) == 0
    assert "were there already" not in capsys.readouterr().out


@pytest.mark.slow
def test_workers_segment_as_one_machine_does(do, images, tmp_path, cluster):
    here = do()
    expected = {
        path: read_labels(path)[0]
        for path in map(Path, here.content["written"].values())
    }
    (images / "broken.tif").write_bytes(b"no image")
    answer = do(scheduler=cluster.scheduler_address, again=True)
    assert answer.status == Status.SOME_FILES_FAILED
    assert [os.path.basename(name) for name in answer.content["failed"]] == [
        "broken.tif"
    ]
    assert set(map(Path, answer.content["written"].values())) == set(expected)
    assert answer.content["kept"] == []
    for path, labels in expected.items():
        assert np.array_equal(read_labels(path)[0], labels)
    (tmp_path / "out" / "1.tif").unlink()
    answer = do(scheduler=cluster.scheduler_address)
    assert len(answer.content["kept"]) == 2
    assert (tmp_path / "out" / "1.tif").exists()
