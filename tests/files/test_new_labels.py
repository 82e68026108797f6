"""First labels of a case lie where the folder finds them when it is opened again."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.images import read_labels, write_image, write_labels
from specimen_unet.files.new_labels import (
    NewLabels,
    place_of_new_labels,
    save_new_labels,
)

GRID = Grid((0.5, 0.25), "mm")
VOLUME = Grid((2.0, 0.5, 0.25), "mm")


def written(root, names):
    """Write images and labels; what is called after the bare case has no labels."""
    for number, name in enumerate(names):
        grid = VOLUME if name.endswith(".nii.gz") else GRID
        shape = (3, 8, 9)[-grid.dimensions :]
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        is_labels = any(word in name.lower() for word in ("label", "mask", "_ea", "gt"))
        if is_labels:
            write_labels(root / name, np.ones(shape, np.uint8), grid)
        else:
            rng = np.random.default_rng(number)
            image = rng.integers(0, 255, shape).astype(np.uint8)
            write_image(root / name, image, grid)
    return CaseFolder.open(root)


LAYOUTS = {
    "nobody drew": (["a.tif", "b.tif"], "b", "b_labels.tif", "labels"),
    "one observer": (["a.tif", "a_EA.tif", "b.tif"], "b", "b_EA.tif", "EA"),
    "several": (
        ["a.tif", "a_EA.tif", "a_label_MG.tif", "b.tif"], "b", "b_labels.tif", "labels",
    ),
    "folders": (
        ["images/a.tif", "labels-EA/a.tif", "images/b.tif"],
        "b", "labels-EA/b.tif", "EA",
    ),
    "numbered masks": (
        ["c/a.png", "c/a_mask.png", "c/a_mask_1.png", "d/b.png"],
        "b", "d/b_mask.png", "labels",
    ),
    "two folders": (
        ["photos/a.png", "photos/b.png", "photos/c.png", "GT/a.png", "GT/c.png"],
        "b", "GT/b.png", "labels",
    ),
    "nnU-Net": (
        ["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTr/b_0000.nii.gz"],
        "b", "labelsTr/b.nii.gz", "labels",
    ),
    "nnU-Net, nobody drew": (
        ["imagesTr/a_0000.nii.gz", "imagesTr/b_0000.nii.gz"],
        "b", "labelsTr/b.nii.gz", "labels",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "case", "file", "observer"), LAYOUTS.values(), ids=LAYOUTS
)
def test_first_labels_are_found_again(tmp_path, names, case, file, observer):
    folder = written(tmp_path, names)
    (files,) = [f for f in folder.cases(needs_labels=False) if folder.name(f) == case]
    new = place_of_new_labels(folder, files)
    assert new == NewLabels(observer, file)

    _, grid, _ = folder.image(files)
    drawn = np.zeros((3, 8, 9)[-grid.dimensions :], np.uint8)
    drawn[..., 2:4, 3:6] = 1
    path = save_new_labels(folder, files, new, drawn, grid)
    assert path == tmp_path / file
    again = CaseFolder.open(tmp_path)
    assert again.layout == folder.layout
    (found,) = [f for f in again.cases(needs_labels=True) if again.name(f) == case]
    np.testing.assert_array_equal(again.drawn(found)[observer], drawn)
    if not file.endswith(".png"):  # which keeps no spacing of two axes that differ
        assert read_labels(path)[1].same_spacing(grid)
    assert again.drawn(found).keys() == {observer}


def test_a_case_with_labels_has_no_place_for_first_ones(tmp_path):
    folder = written(tmp_path, ["a.tif", "a_EA.tif"])
    assert place_of_new_labels(folder, folder.pairing.drawn[0]) is None


def test_labels_beside_colours_are_not_read_as_colours(tmp_path):
    folder = written(tmp_path, ["a.png", "b.png"])
    colours = np.zeros((8, 9, 3), np.uint8)
    colours[2:5, 2:5] = (255, 0, 0)
    Picture.fromarray(colours).save(tmp_path / "a_mask.png")
    folder = CaseFolder.open(tmp_path)
    (files,) = [f for f in folder.cases(needs_labels=False) if not f.labels]
    new = place_of_new_labels(folder, files)
    drawn = np.eye(8, 9, dtype=np.uint8)
    save_new_labels(folder, files, new, drawn, GRID)
    again = CaseFolder.open(tmp_path)
    (found,) = [f for f in again.pairing.drawn if f.images == files.images]
    np.testing.assert_array_equal(again.drawn(found)[new.observer], drawn)


def test_a_folder_that_lists_its_files_has_no_place(tmp_path):
    written(tmp_path, ["imagesTr/a.nii.gz", "labelsTr/a.nii.gz"])
    (tmp_path / "dataset.json").write_text(
        '{"training": [{"image": "imagesTr/a.nii.gz", "label": "labelsTr/a.nii.gz"}]}'
    )
    written(tmp_path, ["imagesTs/b.nii.gz"])
    folder = CaseFolder.open(tmp_path)
    bare = [f for f in folder.cases(needs_labels=False) if not f.labels]
    assert [place_of_new_labels(folder, files) for files in bare] == [None]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path):
    folder = written(tmp_path, ["a.tif"])
    (files,) = folder.cases(needs_labels=False)
    new = place_of_new_labels(folder, files)
    (tmp_path / new.file).write_bytes(b"mine")
    with pytest.raises(CaseReadError, match="not overwritten"):
        save_new_labels(folder, files, new, np.ones((8, 9), np.uint8), GRID)
    assert (tmp_path / new.file).read_bytes() == b"mine"
    assert place_of_new_labels(folder, files) is None
