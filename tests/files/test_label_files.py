"""Labels as people keep them; pictures are made by Pillow itself."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_labels
from specimen_unet.files.label_files import LabelReader

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


@pytest.fixture
def save(tmp_path):
    """Save a picture of 24 x 32 pixels with boxes in colours or grays."""

    def save_boxes(name, *boxes, **options):
        in_colours = any(isinstance(colour, tuple) for colour, _ in boxes)
        picture = np.zeros((24, 32, 3) if in_colours else (24, 32), np.uint8)
        for colour, columns in boxes:
            picture[4:20, columns] = colour
        Image.fromarray(picture).save(tmp_path / name, **options)

    return save_boxes


def read(root, *files):
    labels, _ = LabelReader.of(root, files).read(files[:1])
    return labels


def columns(labels):
    """Return the labels of the row in the middle, without repeats."""
    row = labels[12].tolist()
    return [a for a, b in zip(row, [*row[1:], None], strict=True) if a != b]


def test_a_mask_of_black_and_white_becomes_0_and_1(tmp_path, save):
    save("a.png", (255, slice(8, 16)))
    labels = read(tmp_path, "a.png")
    assert labels.dtype == np.uint8
    assert columns(labels) == [0, 1, 0]


def test_an_empty_mask_stays_empty(tmp_path, save):
    save("a.png")
    assert not read(tmp_path, "a.png").any()


def test_parts_of_a_mask_are_joined(tmp_path, save):
    save("a_mask.png", (255, slice(2, 8)))
    save("a_mask_1.png", (255, slice(6, 12)))
    save("a_mask_2.png", (255, slice(20, 22)))
    files = [f"a_mask{end}.png" for end in ("", "_1", "_2")]
    labels, _ = LabelReader.of(tmp_path, files).read(files)
    assert columns(labels) == [0, 1, 0, 1, 0]
    assert labels.sum() == 16 * (10 + 2)


def test_parts_that_do_not_fit_are_told(tmp_path, save):
    save("a_mask.png", (255, slice(2, 8)))
    save("a_mask_1.png", (2, slice(2, 8)))
    write_labels(tmp_path / "a_mask_2.png", np.zeros((5, 6), np.uint8), Grid((1, 1)))
    for part, message in (("1", "more than one label"), ("2", r"\(5, 6\) voxels")):
        files = ["a_mask.png", f"a_mask_{part}.png"]
        with pytest.raises(CaseReadError, match=rf"mask_{part}.*{message}"):
            LabelReader.of(tmp_path, files).read(files)


def test_one_colour_is_one_label_in_all_files(tmp_path, save):
    save("a.png", (RED, slice(2, 12)), (GREEN, slice(12, 14)))
    save("b.png", (GREEN, slice(4, 8)))
    save("c.png", (255, slice(4, 6)))  # gray: its white is the colour white
    save("d.png", (WHITE, slice(4, 6)), (RED, slice(10, 12)))
    files = ["a.png", "b.png", "c.png", "d.png"]
    reader = LabelReader.of(tmp_path, files)
    assert reader.colours == {(0, 0, 0): 0, RED: 1, GREEN: 2, WHITE: 3}
    assert columns(reader.read(["a.png"])[0]) == [0, 1, 2, 0]
    assert columns(reader.read(["b.png"])[0]) == [0, 2, 0]
    assert columns(reader.read(["c.png"])[0]) == [0, 3, 0]
    assert columns(reader.read(["d.png"])[0]) == [0, 3, 0, 1, 0]
    (note,) = reader.notes
    assert "#ff0000 is 1, #00ff00 is 2" in note


def test_gray_masks_stored_in_colour_need_no_table(tmp_path, save):
    save("a.png", (WHITE, slice(2, 12)))
    reader = LabelReader.of(tmp_path, ["a.png"])
    assert reader.colours == {}
    assert columns(reader.read(["a.png"])[0]) == [0, 1, 0]


def test_a_palette_keeps_its_numbers(tmp_path):
    picture = Image.fromarray(np.repeat([[0, 2, 5]], 20, axis=0).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 9, 9, 9, *RED, *GREEN, *WHITE, 7, 7, 7])
    picture.save(tmp_path / "a.png")
    assert columns(read(tmp_path, "a.png")) == [0, 2, 5]


def test_a_photograph_among_colours_is_told_by_name(tmp_path, save):
    save("a.png", (RED, slice(2, 12)))
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "b.png")
    reader = LabelReader.of(tmp_path, ["a.png", "b.png"])
    assert columns(reader.read(["a.png"])[0]) == [0, 1, 0]
    with pytest.raises(CaseReadError, match=r"b\.png has \d+ colours"):
        reader.read(["b.png"])


def test_damaged_files_are_told_when_they_are_read(tmp_path, save):
    save("a.png", (RED, slice(2, 12)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    reader = LabelReader.of(tmp_path, ["a.png", "b.png"])
    with pytest.raises(CaseReadError, match=r"b\.png"):
        reader.read(["b.png"])


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_blurred_mask_is_cut_where_it_was_drawn(tmp_path, save, quality):
    save("a.jpg", (255, slice(11, 21)), quality=quality)
    assert np.unique(np.asarray(Image.open(tmp_path / "a.jpg"))).size > 2
    reader = LabelReader.of(tmp_path, ["a.jpg"])
    labels, _ = reader.read(["a.jpg"])
    expected = np.zeros((24, 32), np.uint8)
    expected[4:20, 11:21] = 1
    np.testing.assert_array_equal(labels, expected)
    assert "JPEG" in reader.notes[0]


@pytest.mark.parametrize(
    "boxes",
    [
        [(1, slice(8, 16))],
        [(100, slice(2, 12)), (255, slice(12, 24))],
        [(RED, slice(2, 12))],
    ],
    ids=["numbers", "grays", "colours"],
)
def test_other_labels_in_jpeg_are_refused(tmp_path, save, boxes):
    save("a.jpg", *boxes)
    with pytest.raises(CaseReadError, match=r"a\.jpg.*PNG"):
        read(tmp_path, "a.jpg")
