"""Damaged and hostile OME-Zarr folders are told by name and fault, and run no code."""

from __future__ import annotations

import json
import pickle
import random
import shutil

import numpy as np
import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.zarr_images import read_drawn, read_zarr

MUTATIONS = 75  # of each version


@pytest.fixture(params=["0.4", "0.5"])
def store(request, tmp_path, make_zarr_image, make_zarr_labels):
    """Make a small image with labels, whole."""
    volume = np.random.default_rng(0).integers(1, 255, (8, 32, 32), dtype=np.uint8)
    path = tmp_path / "a.ome.zarr"
    make_zarr_image(path, [volume], version=request.param)
    make_zarr_labels(path, "EA", [volume // 128], "zyx", version=request.param)
    return path


def head(store, folder="0"):
    """Return the file that describes an array."""
    place = store / folder
    return next(p for p in (place / ".zarray", place / "zarr.json") if p.exists())


def attributes(store):
    return next(p for p in (store / ".zattrs", store / "zarr.json") if p.exists())


def blocks(store):
    return sorted(
        p for p in (store / "0").rglob("*") if p.is_file() and "z" not in p.name
    )


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def load(store):
    image, _ = read_zarr(store)
    return np.asarray(image)[None], [np.asarray(d) for d in read_drawn(store).values()]


def test_a_block_without_a_file_is_fill_value(store):
    blocks(store)[0].unlink()
    image, _ = load(store)
    assert (image[0, :4, :16, :16] == 0).all()
    assert (image[0, 4:] > 0).all()


def test_a_truncated_block_is_told_when_it_is_loaded(store):
    block = blocks(store)[0]
    block.write_bytes(block.read_bytes()[:100])
    image, _ = read_zarr(store)
    assert (np.asarray(image[4:]) > 0).all()
    with pytest.raises(CaseReadError, match=r"a\.ome\.zarr/0 has a damaged block"):
        np.asarray(image[:4])


def test_a_block_of_less_than_nothing_is_told(tmp_path, make_zarr_image):
    store = make_zarr_image(tmp_path / "a.ome.zarr", [np.ones((8, 32, 32), np.uint8)])
    block = blocks(store)[0]
    content = block.read_bytes()
    block.write_bytes(content[:4] + b"\xff" * 4 + content[8:])
    with pytest.raises(CaseReadError, match="claims to hold -1 bytes"):
        np.asarray(read_zarr(store)[0])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"zarr_format": 9}', "\0\1"])
def test_bad_json_is_told(store, content):
    for path in (attributes(store), head(store)):
        whole = path.read_text()
        path.write_text(content)
        with pytest.raises(CaseReadError, match=r"a\.ome\.zarr"):
            load(store)
        path.write_text(whole)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([10**9, 10**9, 10**9], "beyond reason"),
        ([10**12, 4, 4], "beyond reason"),
        ([0, 32, 32], "no voxels"),
        ([8, 32], "cannot be read|axes"),
        ([-8, 32, 32], "cannot be read"),
        ("many", "cannot be read"),
    ],
)
def test_a_shape_that_cannot_be_is_told(store, shape, message):
    edit(head(store), shape=shape)
    with pytest.raises(CaseReadError, match=message):
        read_zarr(store)


def test_text_is_no_image(tmp_path, make_zarr_image):
    path = make_zarr_image(tmp_path / "a.zarr", [np.zeros((8, 32, 32), np.uint8)])
    for dtype in ("|S1", "<U1", "<c8", "|O", "<M8[s]"):
        edit(head(path), dtype=dtype, fill_value=None, filters=None)
        with pytest.raises(CaseReadError, match=r"a\.zarr/0"):
            read_zarr(path)


class Malice:
    """Makes a folder when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return __import__("os").mkdir, (str(self.target),)


@pytest.mark.parametrize("field", ["filters", "compressor"])
def test_nothing_is_ever_unpickled(tmp_path, make_zarr_image, field):
    path = make_zarr_image(tmp_path / "a.zarr", [np.zeros((4, 16, 16), np.uint8)])
    harm = tmp_path / "harm"
    codec = {"id": "pickle", "protocol": 4}
    edit(
        head(path),
        **{"compressor": None, field: [codec] * (field == "filters") or codec},
    )
    for block in blocks(path):
        block.write_bytes(pickle.dumps(Malice(harm)))
    with pytest.raises(CaseReadError, match="pickle"):
        np.asarray(read_zarr(path)[0])
    assert not harm.exists()


def mutate(store, chance):
    """Do one thing to one file of a folder that could happen to it."""
    path = chance.choice(sorted(p for p in store.rglob("*") if p.is_file()))
    content = bytearray(path.read_bytes())
    kind = chance.choice(["flip", "flip", "cut", "remove", "empty", "number", "word"])
    if kind == "remove":
        path.unlink()
        return
    place = chance.randrange(len(content))
    if kind == "flip":
        content[place] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[place:]
    elif kind == "empty":
        content.clear()
    elif kind == "number":
        digits = [i for i, byte in enumerate(content) if chr(byte).isdigit()] or [place]
        content[chance.choice(digits)] = ord(chance.choice("0123456789"))
    else:
        content[place:place] = chance.choice([b"null", b'"', b"-1", b"[]", b"1e99"])
    path.write_bytes(content)


def test_mutated_folders_are_read_or_refused(store, tmp_path):
    chance, ends = random.Random(0), []
    for number in range(MUTATIONS):
        copy = tmp_path / str(number) / "a.ome.zarr"
        shutil.copytree(store, copy)
        mutate(copy, chance)
        try:
            image, drawn = load(copy)
        except CaseReadError as error:
            ends.append("refused" if "a.ome.zarr" in str(error) else str(error))
        else:
            assert image.size < 10**8
            assert all(labels.shape == image.shape[-labels.ndim :] for labels in drawn)
            ends.append("read")
    assert set(ends) == {"read", "refused"}
    assert min(ends.count("read"), ends.count("refused")) > MUTATIONS // 10
