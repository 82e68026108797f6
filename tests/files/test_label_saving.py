from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.files.label_saving import save_drawn


def saved(tmp_path, labels, observer="EA"):
    folder = CaseFolder.open(tmp_path)
    (files,) = folder.cases(needs_labels=True)
    return folder, files, save_drawn(folder, files, observer, labels)


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".nrrd", ".mha"])
def test_labels_go_back_with_grid_and_type(tmp_path, blob_cases, suffix):
    case = blob_cases[0]
    drawn = case.labels["EA"].astype(np.uint16)
    write_image(tmp_path / f"a{suffix}", case.image[0], case.grid)
    write_labels(tmp_path / f"a_EA{suffix}", drawn, case.grid)
    changed = np.roll(case.labels["EA"], 3, axis=-1)
    _, _, paths = saved(tmp_path, changed)
    labels, grid = read_labels(paths[0])
    np.testing.assert_array_equal(labels, changed)
    assert labels.dtype == np.uint16
    assert grid.same_spacing(case.grid)


def picture(path, values):
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def test_a_mask_of_0_and_255_stays_one(tmp_path):
    picture(tmp_path / "a.png", np.arange(16).reshape(4, 4))
    picture(tmp_path / "a_EA.png", 255 * np.eye(4))
    _, _, paths = saved(tmp_path, 1 - np.eye(4, dtype=np.uint8))
    found = np.asarray(Image.open(paths[0]))
    np.testing.assert_array_equal(found, 255 * (1 - np.eye(4)))


def test_a_mask_in_parts_stays_in_parts(tmp_path):
    first, second = np.zeros((2, 4, 4), np.uint8)
    first[0], second[3] = 255, 255
    picture(tmp_path / "a.png", np.arange(16).reshape(4, 4))
    picture(tmp_path / "a_mask.png", first)
    picture(tmp_path / "a_mask_1.png", second)
    labels = np.zeros((4, 4), np.uint8)
    labels[0, :2] = labels[2, 2] = labels[3, 3] = 1
    folder, files, _ = saved(tmp_path, labels, "labels")
    np.testing.assert_array_equal(folder.drawn(files)["labels"], labels)
    parts = [np.asarray(Image.open(tmp_path / n)) for n in files.labels["labels"]]
    assert [int((part > 0).sum()) for part in parts] == [3, 1]
    with pytest.raises(CaseReadError, match="label 2 was painted"):
        saved(tmp_path, 2 * labels, "labels")


def test_what_cannot_keep_labels_is_told_and_stays_as_it_was(tmp_path):
    picture(tmp_path / "a.png", np.arange(16).reshape(4, 4))
    mask = np.zeros((4, 4), np.uint8)
    Image.fromarray(mask).save(tmp_path / "a_EA.jpg")
    before = (tmp_path / "a_EA.jpg").read_bytes()
    with pytest.raises(CaseReadError, match="only read"):
        saved(tmp_path, mask + 1)
    assert (tmp_path / "a_EA.jpg").read_bytes() == before


def test_colours_are_not_overwritten_with_numbers(tmp_path):
    picture(tmp_path / "a.png", np.arange(16).reshape(4, 4))
    coloured = np.zeros((4, 4, 3), np.uint8)
    coloured[0, :, 0], coloured[1, :, 1] = 255, 255
    Image.fromarray(coloured).save(tmp_path / "a_EA.png")
    with pytest.raises(CaseReadError, match="holds colours"):
        saved(tmp_path, np.ones((4, 4), np.uint8))
    np.testing.assert_array_equal(Image.open(tmp_path / "a_EA.png"), coloured)
