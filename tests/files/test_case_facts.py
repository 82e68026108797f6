from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.files.case_facts import (
    dice_of,
    read_image_facts,
    read_label_facts,
    read_score,
)
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.files.thumbnails import outline_of


@pytest.fixture
def opened(tmp_path, two_observer_cases):
    """Open a folder of small cases, in 2D and in 3D; give its first case, too."""
    for case in two_observer_cases:
        write_image(tmp_path / f"{case.name}.tif", case.image[0], case.grid)
        for who, drawn in case.labels.items():
            write_labels(tmp_path / f"{case.name}_{who}.tif", drawn, case.grid)
    folder = CaseFolder.open(tmp_path)
    return folder, folder.cases(needs_labels=False)[0], two_observer_cases[0]


def test_an_image_tells_shape_spacing_and_a_small_picture(opened):
    folder, files, case = opened
    facts = read_image_facts(folder, files)
    assert (facts.shape, facts.spacing, facts.unit) == (
        case.shape,
        case.grid.spacing,
        "mm",
    )
    assert facts.thumbnail.shape == (32, 32)
    assert facts.thumbnail.dtype == np.uint8
    assert facts.problem == ""


def test_outlines_are_read_with_labels_and_score(opened, tmp_path):
    folder, files, case = opened
    write_labels(tmp_path / "p.tif", case.labels["MG"], case.grid)
    drawn = read_label_facts(folder, files).outline
    np.testing.assert_array_equal(drawn, outline_of(case.labels["EA"]))
    predicted = read_score(folder, files, tmp_path / "p.tif").outline
    np.testing.assert_array_equal(predicted, outline_of(case.labels["MG"]))
    assert drawn.any()
    assert drawn.shape == read_image_facts(folder, files).thumbnail.shape


def test_labels_tell_what_is_present_and_how_large_the_larger_is(opened):
    folder, files, case = opened
    facts = read_label_facts(folder, files)
    assert facts.present == (1,)
    assert facts.foreground == max(int(d.sum()) for d in case.labels.values())


def test_the_score_of_a_prediction_is_the_mean_over_observers(opened, tmp_path):
    folder, files, case = opened
    write_labels(tmp_path / "p.tif", case.labels["EA"], case.grid)
    score = read_score(folder, files, tmp_path / "p.tif")
    assert 0.9 < score.dice < 1
    assert score.dice == dice_of(case.labels["EA"], case.labels)


def test_a_score_without_labels_on_either_side_is_undefined():
    empty = np.zeros((4, 4), np.uint8)
    assert np.isnan(dice_of(empty, {"EA": empty}))
    assert np.isnan(dice_of(empty, {}))


def test_bad_files_are_told_and_raise_nothing(opened, tmp_path):
    folder, files, _ = opened
    for name in (*files.files, "p.tif"):
        (tmp_path / name).write_bytes(b"nothing")
    assert "blob 0.tif" in read_image_facts(folder, files).problem
    assert "blob 0_EA.tif" in read_label_facts(folder, files).problem
    assert "p.tif" in read_score(folder, files, tmp_path / "p.tif").problem


def test_a_picture_in_colours_keeps_them(tmp_path):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[..., 0], picture[:10, :, 1] = 200, 90
    Image.fromarray(picture).save(tmp_path / "a.png")
    folder = CaseFolder.open(tmp_path)
    (files,) = folder.cases(needs_labels=False)
    np.testing.assert_array_equal(read_image_facts(folder, files).thumbnail, picture)
