"""Pictures keep their numbers; colours that stand for labels are numbered."""

from __future__ import annotations

import imageio.v3
import numpy as np
import pytest
from PIL import Image

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.colour_labels import colour_table, labels_of_colours
from specimen_unet.files.images import (
    labels_suffix,
    open_image,
    probabilities_suffix,
    read_image,
    read_labels,
    write_image,
    write_labels,
)

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 255, (6, 7), dtype=np.uint8)
COLOURS = RANDOM.integers(0, 255, (6, 7, 3), dtype=np.uint8)
GRID = Grid((0.5, 0.25), "mm")


@pytest.mark.parametrize(
    "image", [GRAY, GRAY.astype(np.uint16) * 200, np.moveaxis(COLOURS, -1, 0)]
)
def test_a_png_comes_back_with_its_spacing(tmp_path, image):
    write_image(tmp_path / "a.png", image, GRID)
    read, grid, questions = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(read, image)
    assert read.dtype == image.dtype
    assert grid == GRID
    assert not questions
    other = imageio.v3.imread(tmp_path / "a.png")
    np.testing.assert_array_equal(
        other if image.ndim == 2 else np.moveaxis(other, -1, 0), image
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".jpeg", ".PNG"])
def test_pictures_of_other_programs_are_in_pixels_and_asked_about(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    imageio.v3.imwrite(path, COLOURS)
    image, grid, (question,) = open_image(path)
    np.testing.assert_array_equal(image, np.moveaxis(imageio.v3.imread(path), -1, 0))
    assert grid == Grid((1, 1), "pixel")
    assert question.about == "spacing"
    assert read_image(path, {"spacing": "0.1 mm"})[1] == Grid((0.1, 0.1), "mm")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK"])
def test_colours_that_are_alike_are_one_channel(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    gray = np.full((6, 7), 80, np.uint8)
    picture = Image.fromarray(gray)
    if mode == "CMYK":
        picture = picture.convert("RGB")
    picture.convert(mode).save(path, quality=100)
    np.testing.assert_array_equal(read_image(path)[0], gray)


def test_what_is_transparent_is_black(tmp_path):
    alpha = np.where(GRAY > 100, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([COLOURS, alpha])).save(tmp_path / "a.png")
    image, _ = read_image(tmp_path / "a.png")
    assert image.shape == (3, 6, 7)
    assert not image[:, alpha == 0].any()
    np.testing.assert_array_equal(image[:, alpha > 0], COLOURS[alpha > 0].T)


def test_labels_of_a_palette_are_its_numbers(tmp_path):
    labels = RANDOM.integers(0, 4, (6, 7), dtype=np.uint8)
    picture = Image.fromarray(labels).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], labels)
    assert read_image(tmp_path / "a.png")[0].shape == (3, 6, 7)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_the_numbers_that_were_stored(tmp_path, bits):
    labels = RANDOM.integers(0, 2**bits, (6, 8), dtype=np.uint8)
    rows = np.unpackbits(labels[..., np.newaxis], axis=-1)[..., -bits:]
    packed = np.packbits(rows.reshape(6, -1), axis=-1)
    content = b"".join(b"\0" + row.tobytes() for row in packed)
    (tmp_path / "a.png").write_bytes(_png(8, 6, bits, 0, content))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], labels)


def _png(width, height, bits, colour_type, content):
    """Write a PNG by hand (ISO 15948)."""
    import struct
    import zlib

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(content)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_colours_of_16_bits_are_refused_before_they_are_lost(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(2, 1, 16, 2, b"\0" + b"\1\2" * 6))
    with pytest.raises(CaseReadError, match="16 bits"):
        read_image(tmp_path / "a.png")


def test_a_picture_larger_than_its_file_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(10_000, 10_000, 8, 0, b"\0" * 100))
    with pytest.raises(CaseReadError, match="more than it can hold"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_truncated_picture_is_told(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(COLOURS).save(path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole) // 2, 7), len(whole) // 2]:
        path.write_bytes(whole[:length])
        with pytest.raises(CaseReadError, match=f"a{suffix}"):
            read_image(path)
    path.unlink()
    with pytest.raises(CaseReadError, match="No such file"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("a.png", GRAY.astype(np.float32), "cannot hold float32"),
        ("a.png", np.stack([GRAY] * 4), "cannot hold"),
        ("a.jpg", GRAY, "only read"),
    ],
)
def test_what_a_picture_cannot_hold_is_told(tmp_path, name, image, message):
    grid = GRID if image.ndim == 2 else Grid((1, 1, 1))
    with pytest.raises(CaseReadError, match=message):
        write_image(tmp_path / name, image, grid)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "labels", "probabilities"),
    [
        ("a.jpg", ".png", ".tif"),
        ("a.PNG", ".PNG", ".tif"),
        ("a.ome.tif", ".ome.tif", ".ome.tif"),
        ("a.mhd", ".mha", ".mha"),
        ("a.nhdr", ".nrrd", ".nrrd"),
        ("a.dcm", ".nii.gz", ".nii.gz"),
        ("series", ".nii.gz", ".nii.gz"),
    ],
)
def test_results_are_stored_where_numbers_are_kept(name, labels, probabilities):
    assert labels_suffix(name) == labels
    assert probabilities_suffix(name) == probabilities


def test_one_colour_is_one_label_in_every_picture(tmp_path):
    first = np.zeros((3, 6, 7), np.uint8)
    first[0, 1:3] = 255
    second = np.zeros((3, 6, 7), np.uint8)
    second[1, 1:5] = 255
    pictures = [(tmp_path / "1.png", first), (tmp_path / "2.png", second)]
    table = colour_table(pictures)
    assert table == {(0, 0, 0): 0, (0, 255, 0): 1, (255, 0, 0): 2}
    labels = labels_of_colours(first, table, tmp_path / "1.png")
    np.testing.assert_array_equal(labels, first[0] // 255 * 2)
    assert labels.dtype == np.uint8
    with pytest.raises(CaseReadError, match=r"\(0, 255, 0\)"):
        labels_of_colours(second, {(0, 0, 0): 0}, tmp_path / "2.png")


def test_a_mask_that_jpeg_blurred_is_refused(tmp_path):
    path, mask = tmp_path / "a.jpg", np.zeros((64, 64, 3), np.uint8)
    rows, columns = np.ogrid[:64, :64]
    mask[(rows - 30) ** 2 + (columns - 30) ** 2 < 400] = (255, 40, 0)
    Image.fromarray(mask).save(path)
    with pytest.raises(CaseReadError, match="export the labels as PNG"):
        colour_table([(path, read_image(path)[0])])
    with pytest.raises(CaseReadError, match="channels that differ"):
        read_labels(path)


def test_a_mask_keeps_its_numbers(tmp_path):
    write_labels(tmp_path / "a.png", GRAY.astype(np.int64), GRID)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], GRAY)
