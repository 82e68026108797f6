"""What a file leaves open is noted in its layers, and an answer takes effect."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
import tifffile
from napari.components import ViewerModel
from napari.layers import Layer

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image
from specimen_unet.files.zarr_writing import write_zarr
from specimen_unet.viewer.answering import answer_question
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.open_questions import leave_as_taken, open_questions
from specimen_unet.viewer.reader import read_layers
from specimen_unet.viewer.zarr_reader import read_zarr_layers

STACK = np.random.default_rng(0).integers(0, 255, (4, 8, 9), dtype=np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


def opened(viewer, path, read=read_layers):
    """Open a file as napari does."""
    for data in read(str(path)):
        viewer.add_layer(Layer.create(*data))
    return viewer


def pages(path, stack=STACK):
    tifffile.imwrite(path, stack, photometric="minisblack", metadata=None)
    return path


def asked(viewer):
    return {each.question.about: each for each in open_questions(viewer.layers)}


def test_a_file_that_says_it_all_asks_nothing(viewer, tmp_path):
    write_image(tmp_path / "a.tif", STACK, Grid((2, 0.5, 0.5), "mm"))
    assert asked(opened(viewer, tmp_path / "a.tif")) == {}


def test_layers_of_one_question_are_asked_about_together(viewer, tmp_path):
    for name in ("032.tif", "032_labels.tif", "033.tif"):
        opened(viewer, pages(tmp_path / name, STACK // 100))
    questions = asked(viewer)
    assert list(questions) == ["stack", "spacing"]
    assert "2 more layers like it" in questions["spacing"].text
    answer_question(viewer, questions["spacing"], "2 0.5 0.25 mm")
    assert {grid_of_layer(layer) for layer in viewer.layers} == {
        Grid((2, 0.5, 0.25), "mm")
    }
    leave_as_taken(asked(viewer)["stack"])
    assert asked(viewer) == {}


def test_a_scale_that_somebody_sets_is_an_answer(viewer, tmp_path):
    (layer,) = opened(viewer, pages(tmp_path / "a.tif")).layers
    layer.scale = (2, 1, 1)
    assert list(asked(viewer)) == ["stack"]


def test_pages_that_are_channels_become_layers_in_their_place(viewer, tmp_path):
    opened(viewer, pages(tmp_path / "a.tif"))
    opened(viewer, pages(tmp_path / "b.tif", STACK[0]))
    answer_question(viewer, asked(viewer)["stack"], "channels")
    names = [layer.name for layer in viewer.layers]
    assert names == [*(f"a [{number}]" for number in range(4)), "b"]
    np.testing.assert_array_equal(viewer.layers[3].data, STACK[3])
    assert list(asked(viewer)) == ["spacing"]
    answer_question(viewer, asked(viewer)["spacing"], "0.5 mm")
    assert {grid_of_layer(each) for each in viewer.layers} == {Grid((0.5, 0.5), "mm")}


@pytest.mark.parametrize(("about", "answer"), [("spacing", "wide"), ("stack", "times")])
def test_what_is_no_answer_is_told_and_changes_nothing(viewer, tmp_path, about, answer):
    (layer,) = opened(viewer, pages(tmp_path / "a.tif")).layers
    with pytest.raises(CaseReadError):
        answer_question(viewer, asked(viewer)[about], answer)
    assert list(viewer.layers) == [layer]
    assert list(asked(viewer)) == ["stack", "spacing"]


def test_a_store_without_a_unit_asks_and_keeps_its_place(viewer, tmp_path):
    write_zarr(tmp_path / "a.ome.zarr", STACK, Grid((2, 2, 2)))
    (layer,) = opened(viewer, tmp_path / "a.ome.zarr", read_zarr_layers).layers
    layer.translate = (4, 2, 0)
    answer_question(viewer, asked(viewer)["spacing"], "1 0.5 0.5 um")
    assert grid_of_layer(layer) == Grid((1, 0.5, 0.5), "um")
    np.testing.assert_allclose(layer.translate, (2, 0.5, 0))


def test_what_nothing_usual_can_be_taken_for_is_shown_and_asked(viewer, tmp_path):
    """Four axes: channels, or points in time? Each is a layer until somebody says."""
    volumes = [SimpleITK.GetImageFromArray(STACK + number) for number in range(2)]
    SimpleITK.WriteImage(SimpleITK.JoinSeries(volumes), str(tmp_path / "a.nii"))
    opened(viewer, tmp_path / "a.nii")
    assert [layer.name for layer in viewer.layers] == ["a [0]", "a [1]"]
    question = asked(viewer)["stack"].question
    assert "points in time?" in question.text
    assert question.taken == "channels"
    with pytest.raises(CaseReadError, match="one of them time"):
        answer_question(viewer, asked(viewer)["stack"], "times")


def test_every_series_of_a_folder_is_shown(viewer, tmp_path, damage):
    (tmp_path / "scan").mkdir()
    for number, name in enumerate(("axial", "coronal")):
        told = {"SeriesInstanceUID": f"1.{number + 2}", "SeriesDescription": name}
        for place in range(3):
            path = tmp_path / "scan" / f"{name}{place}"
            damage.write_dicom(path, STACK[0], place, changes=told)
    opened(viewer, tmp_path / "scan")
    assert [layer.name for layer in viewer.layers] == ["scan axial", "scan coronal"]
    assert asked(viewer) == {}
