from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.files.model_files import ModelFiles
from specimen_unet.files.predictions import (
    RECORD,
    Predictions,
    newest_predictions,
    prediction_of,
)

SETTINGS = SegmentationSettings()


@pytest.fixture
def case(blob_cases):
    return blob_cases[0]


@pytest.fixture
def folder(tmp_path, case):
    """A case that EA drew on, in a folder below its root."""
    write_image(tmp_path / "specimens/x/032.tif", case.image[0], case.grid)
    write_labels(tmp_path / "specimens/x/032_EA.tif", case.labels["EA"], case.grid)
    return CaseFolder.open(tmp_path / "specimens")


@pytest.fixture
def model(tmp_path):
    (tmp_path / "tumour.safetensors").write_bytes(b"weights")
    return tmp_path / "tumour.safetensors"


def written(folder, model, case, out=None, settings=SETTINGS):
    (files,) = folder.cases(needs_labels=False)
    place, made = prediction_of(folder, files, ModelFiles.one(model), settings, out)
    like = folder.listing.root / files.images[0]
    return Predictions(place).write(made, case.labels["EA"], case.grid, like, {})


def is_done(folder, model, out=None, settings=SETTINGS):
    (files,) = folder.cases(needs_labels=False)
    place, made = prediction_of(folder, files, ModelFiles.one(model), settings, out)
    return Predictions(place).has(made)


def test_labels_lie_beside_the_image_with_its_spacing(folder, model, case):
    path = written(folder, model, case)
    assert path == folder.listing.root / "x" / "032_tumour.tif"
    labels, grid = read_labels(path)
    np.testing.assert_array_equal(labels, case.labels["EA"])
    assert grid.same_spacing(case.grid)


def test_labels_lie_in_a_chosen_folder_under_the_name_of_the_case(
    folder, model, case, tmp_path
):
    assert written(folder, model, case, tmp_path / "out") == tmp_path / "out/032.tif"


@pytest.mark.parametrize("inside", ["", "x/labels-model", "out"])
def test_labels_of_a_model_are_never_taken_for_those_of_an_observer(
    folder, model, case, inside
):
    root = folder.listing.root
    written(folder, model, case, root / inside if inside else None)
    again = CaseFolder.open(root)
    assert again.pairing == folder.pairing
    assert again.others == ()


def test_what_this_model_wrote_from_this_image_is_not_done_again(folder, model, case):
    assert not is_done(folder, model)
    path = written(folder, model, case)
    assert is_done(folder, model)
    assert is_done(folder, model, settings=SegmentationSettings(device="cpu"))
    assert not is_done(folder, model, settings=SegmentationSettings(mirror=True))
    path.unlink()
    assert not is_done(folder, model)


def test_another_model_of_that_name_or_another_image_is_done_again(folder, model, case):
    written(folder, model, case)
    model.write_bytes(b"more weights")
    assert not is_done(folder, model)
    written(folder, model, case)
    assert is_done(folder, model)
    changed = case.image[0][..., :-1]
    write_image(folder.listing.root / "x/032.tif", changed, case.grid)
    assert not is_done(folder, model)


def test_what_a_person_drew_is_never_overwritten(folder, model, case, tmp_path):
    mine = tmp_path / "out" / "032.tif"
    mine.parent.mkdir()
    mine.write_bytes(b"my own work")
    with pytest.raises(CaseReadError, match="not written by a model"):
        written(folder, model, case, tmp_path / "out")
    assert mine.read_bytes() == b"my own work"


def test_labels_that_were_not_finished_are_no_prediction(
    folder, model, case, monkeypatch
):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("specimen_unet.files.predictions.write_labels", killed)
    with pytest.raises(KeyboardInterrupt):
        written(folder, model, case)
    assert not is_done(folder, model)
    assert Predictions(folder.listing.root).of_cases() == {}


def test_the_newest_labels_of_a_case_count(folder, model, case, tmp_path):
    written(folder, model, case)
    later = model.rename(tmp_path / "later.safetensors")
    path = written(folder, later, case, tmp_path / "out")
    places = [folder.listing.root, tmp_path / "out"]
    for order in (places, places[::-1]):
        found, prediction = newest_predictions(order)["032"]
        assert (found, prediction.model) == (path, "later")


def test_labels_that_the_terminal_noted_are_a_models_too(folder, model, case):
    root = folder.listing.root
    path = root / "x" / "032_tumour.tif"
    write_labels(path, case.labels["EA"], case.grid)
    line = '{"image": "x/032.tif", "labels": "032_tumour.tif"}'
    (root / "x" / "segmented.jsonl").write_text(line + '\n{"image": "to')
    again = CaseFolder.open(root)
    assert again.pairing == folder.pairing
    assert again.others == ()


def test_lines_of_another_program_are_left_and_hide_nothing(folder, model, case):
    record = folder.listing.root / RECORD
    record.write_text('{"tool": "other"}\n[1]\n{"labels": "x/her')
    path = written(folder, model, case)
    assert is_done(folder, model)
    assert record.read_text().startswith('{"tool": "other"}\n[1]\n')
    again = CaseFolder.open(folder.listing.root)
    assert again.others == ()
    assert Predictions(folder.listing.root).of_cases()["032"][0] == path


def test_a_line_torn_by_a_kill_is_written_again(folder, model, case):
    written(folder, model, case)
    record = folder.listing.root / RECORD
    record.write_bytes(record.read_bytes()[:-20])
    assert not is_done(folder, model)
    assert CaseFolder.open(folder.listing.root).pairing == folder.pairing
    written(folder, model, case)
    assert is_done(folder, model)


def test_probabilities_are_no_labels_of_an_observer(folder, model, case):
    root = folder.listing.root
    (files,) = folder.cases(needs_labels=False)
    settings = SegmentationSettings(probabilities=True)
    _, made = prediction_of(
        folder, files, ModelFiles.one(model), settings, root / "x" / "out"
    )
    record = Predictions(root / "x" / "out")
    record.note(made)
    for name in ("032.tif", "032_probabilities.tif"):
        write_labels(root / "x" / "out" / name, case.labels["EA"], case.grid)
    again = CaseFolder.open(root)
    assert again.pairing == folder.pairing
    # They serve whoever wants labels alone, but not the other way round.
    assert is_done(folder, model, root / "x" / "out")
    written(folder, model, case, root / "x" / "out")
    assert not is_done(folder, model, root / "x" / "out", settings)
