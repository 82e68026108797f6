from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from safetensors.numpy import save_file

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.library import card_metadata, library_folder
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.widgets.model_choice import ModelChoice, ModelDrop

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def save_model(make_card):
    """Write a model file with a card and one small tensor."""

    def save(path, card=None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = card_metadata(card or make_card(3))
        save_file({"weight": np.ones(50, np.float32)}, path, metadata=metadata)

    return save


@pytest.fixture
def in_library(save_model):
    """Put models of these names into the library."""

    def put(*names: str) -> None:
        for name in names:
            save_model(library_folder() / f"{name}.safetensors")

    return put


@pytest.fixture
def choose(qtbot):
    def make() -> ModelChoice:
        choice = ModelChoice()
        qtbot.addWidget(choice.native)
        qtbot.addWidget(choice.box.native)
        return choice

    return make


def names(choice: ModelChoice) -> list[str]:
    return [path.stem for path in choice.box.choices]


def test_without_models_it_says_to_train_one_first(choose):
    choice = choose()
    assert choice.path is None
    assert "Train one first" in choice.problem.value
    assert choice.problem.native.isVisibleTo(choice.native)


def test_a_model_of_the_library_is_chosen_and_described(choose, in_library):
    in_library("tumour-3d")
    choice = choose()
    assert choice.path == library_folder() / "tumour-3d.safetensors"
    assert choice.summary.value.startswith("Finds tumour in volumes (3D).")
    assert not choice.problem.value


def test_new_models_are_found_by_refresh_and_the_choice_stays(choose, in_library):
    in_library("first")
    choice = choose()
    in_library("second")
    QTest.mouseClick(choice.refresh.native, LEFT)
    assert sorted(names(choice)) == ["first", "second"]
    assert choice.path.stem == "first"


def test_a_file_from_elsewhere_is_chosen_and_stays_on_offer(
    choose, in_library, save_model, tmp_path
):
    in_library("first")
    save_model(tmp_path / "mine.safetensors")
    choice = choose()
    heard = []
    choice.model_changed.connect(lambda: heard.append(choice.path))
    choice.choose(tmp_path / "mine.safetensors")
    assert choice.path == tmp_path / "mine.safetensors"
    assert heard[-1] == choice.path
    QTest.mouseClick(choice.refresh.native, LEFT)
    assert sorted(names(choice)) == ["first", "mine"]


def test_two_models_of_one_name_can_be_told_apart(
    choose, in_library, save_model, tmp_path
):
    in_library("tumour")
    save_model(tmp_path / "tumour.safetensors")
    choice = choose()
    choice.choose(tmp_path / "tumour.safetensors")
    texts = [choice.box.native.itemText(i) for i in range(2)]
    assert len(set(texts)) == 2
    assert str(tmp_path) in texts[0]


def broken_file(folder, kind: str, save_model):
    path = folder / f"{kind}.safetensors"
    if kind == "truncated":
        save_model(path)
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "foreign":
        save_file({"weight": np.ones(3, np.float32)}, path)
    elif kind == "no model":
        path.write_text("a letter, not a model")
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("truncated", "is truncated"),
        ("foreign", "weights of another program"),
        ("no model", "is no model file"),
        ("missing", "There is no model at"),
    ],
)
def test_a_file_that_is_no_model_is_told_and_the_choice_stays(
    choose, in_library, save_model, tmp_path, kind, told
):
    in_library("first")
    choice = choose()
    choice.choose(broken_file(tmp_path, kind, save_model))
    assert told in choice.problem.value
    assert choice.path.stem == "first"


def test_a_model_that_was_removed_meanwhile_is_no_longer_on_offer(choose, in_library):
    in_library("first")
    choice = choose()
    (library_folder() / "first.safetensors").unlink()
    QTest.mouseClick(choice.refresh.native, LEFT)
    assert choice.path is None
    assert choice.card is None
    assert "Train one first" in choice.problem.value


@pytest.fixture
def make_study(blob_cases, save_model):
    """Make a study of two folds, some of which have their model."""

    def make(path, models: int = 2):
        study = StudyFolder.create(path, blob_cases, TrainingSettings(), folds=2)
        for fold in range(models):
            save_model(path / f"fold-{fold}" / "model.safetensors")
        return study

    return make


def test_studies_are_offered_after_the_models_once_they_are_whole(
    choose, in_library, make_study
):
    in_library("first")
    study = make_study(runs_folder() / "specimens-study")
    make_study(runs_folder() / "half", models=1)
    make_study(runs_folder() / "torn")
    (runs_folder() / "torn" / "study.json").write_text("{")
    choice = choose()
    texts = [choice.box.native.itemText(i) for i in range(choice.box.native.count())]
    assert texts == ["first", "Study specimens-study: 2 models together"]
    choice.box.value = study.path
    assert choice.path == study.path
    assert choice.file is None
    assert choice.summary.value == (
        "Finds tumour in volumes (3D).\n2 models together: the mean of what they see "
        "decides. It takes 2 times as long as one."
    )


def test_a_study_from_elsewhere_is_chosen_or_dropped(choose, make_study, tmp_path):
    study = make_study(tmp_path / "mine")
    choice = choose()
    keep = ModelDrop(choice.native, choice)
    assert drop(choice.native, study.path)
    assert choice.path == study.path
    assert choice.problem.value == ""
    del keep


@pytest.mark.parametrize(
    ("models", "told"), [(1, "has 1 of 2 models"), (None, "is not a study")]
)
def test_a_folder_that_is_no_whole_study_is_told_and_the_choice_stays(
    choose, in_library, make_study, tmp_path, models, told
):
    in_library("first")
    if models is not None:
        make_study(tmp_path / "study", models)
    (tmp_path / "study").mkdir(exist_ok=True)
    choice = choose()
    choice.choose(tmp_path / "study")
    assert told in choice.problem.value
    assert choice.path.stem == "first"


def test_the_dice_of_a_study_on_cases_not_seen_is_told(choose, make_study, tmp_path):
    study = make_study(tmp_path / "mine")
    scores = {"between_observers": [False, False, True], "dice": [0.5, 0.8, 0.1]}
    study.write_table(study.scores_path, pd.DataFrame(scores))
    choice = choose()
    choice.choose(study.path)
    assert "one alone reached Dice 0.65" in choice.summary.value


def drop(widget, *paths) -> bool:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, no_key = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(5, 5), copy, data, LEFT, no_key)
    QApplication.sendEvent(widget, entering)
    event = QDropEvent(QPointF(5, 5), copy, data, LEFT, no_key)
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_a_model_file_can_be_dropped_and_other_files_are_left_to_napari(
    choose, save_model, tmp_path
):
    save_model(tmp_path / "mine.safetensors")
    choice = choose()
    keep = ModelDrop(choice.native, choice)
    assert choice.native.acceptDrops()
    assert not drop(choice.native, tmp_path / "image.tif")
    assert not drop(choice.native, *[tmp_path / "mine.safetensors"] * 2)
    assert choice.path is None
    assert drop(choice.native, tmp_path / "mine.safetensors")
    assert choice.path == tmp_path / "mine.safetensors"
    del keep
