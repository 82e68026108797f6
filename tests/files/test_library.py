"""The model library, and what its files say of themselves."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from specimen_unet.domain.card import FORMAT_VERSION
from specimen_unet.domain.errors import ModelFileError
from specimen_unet.files.library import (
    CARD_KEY,
    MIGRATIONS,
    count_weights,
    library_folder,
    model_cards,
    models,
    read_card,
    unused_path,
)


@pytest.fixture
def model(tmp_path, write_model):
    return write_model(tmp_path / "tumour.safetensors")


def write_header(path, header, tail=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + tail)
    return path


def test_a_card_comes_back_as_it_was(model, make_card):
    assert read_card(model) == make_card()
    assert read_card(str(model)) == make_card()


def test_a_file_cut_anywhere_is_told_truncated(model, tmp_path):
    content = model.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [0, 5, 8, 9, 200, len(content) - 30, len(content) - 1]:
        cut.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match="truncated") as told:
            read_card(cut)
        assert str(cut) in str(told.value)


def test_bytes_after_the_end_are_told(model):
    model.write_bytes(model.read_bytes() + b"more")
    with pytest.raises(ModelFileError, match="4 bytes follow"):
        read_card(model)


def test_weights_of_another_program_are_told(tmp_path, write_model):
    path = write_model(tmp_path / "other.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match="another program"):
        read_card(path)


def test_a_checkpoint_of_pytorch_is_told(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data.pkl", b"\x80\x02}q\x00.")
    with pytest.raises(ModelFileError, match="no model file"):
        read_card(path)


def test_a_model_of_a_newer_version_is_told(tmp_path, make_card, write_model):
    card = make_card().model_dump(mode="json")
    newer = json.dumps({**card, "format_version": FORMAT_VERSION + 1, "new": 1})
    path = write_model(tmp_path / "new.safetensors", metadata={CARD_KEY: newer})
    with pytest.raises(ModelFileError, match="update"):
        read_card(path)


def test_a_model_of_an_older_version_is_migrated(
    tmp_path, make_card, write_model, monkeypatch
):
    def rename_title(card):
        card["name"] = card.pop("title")
        return card

    card = make_card().model_dump(mode="json")
    card["title"] = card.pop("name")
    old = json.dumps({**card, "format_version": 1})
    path = write_model(tmp_path / "old.safetensors", metadata={CARD_KEY: old})
    monkeypatch.setattr("specimen_unet.files.library.FORMAT_VERSION", 2)
    monkeypatch.setitem(MIGRATIONS, 1, rename_title)
    read = read_card(path)
    assert (read.name, read.format_version) == ("tumour", 2)


def test_every_older_version_has_its_migration():
    assert set(MIGRATIONS) == set(range(1, FORMAT_VERSION))


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no format version"),
        ('{"format_version": "1"}', "no format version"),
        ('{"format_version": 1}', "wrong in name"),
    ],
)
def test_a_damaged_card_is_told(tmp_path, write_model, card, message):
    path = write_model(tmp_path / "bad.safetensors", metadata={CARD_KEY: card})
    with pytest.raises(ModelFileError, match=message):
        read_card(path)


def test_a_field_nobody_knows_is_told(tmp_path, make_card, write_model):
    card = {**make_card().model_dump(mode="json"), "code": "import os"}
    path = write_model(
        tmp_path / "odd.safetensors", metadata={CARD_KEY: json.dumps(card)}
    )
    with pytest.raises(ModelFileError, match="wrong in code"):
        read_card(path)


@pytest.mark.parametrize(
    "header",
    [
        b"{" * 100_000,
        b'{"a": ' + b"1" * 10_000 + b"}",
        b"{\xff}",
        {"__metadata__": {CARD_KEY: 3}},
        {"__metadata__": {CARD_KEY: "{}"}, "w": 1},
        {"__metadata__": {CARD_KEY: "{}"}, "w": {"data_offsets": []}},
        {"__metadata__": {CARD_KEY: "{}"}, "w": {"data_offsets": [0, "x"]}},
    ],
    ids=["deep", "huge number", "no text", "no card", "no table", "empty", "words"],
)
def test_a_hostile_header_is_an_error_like_any_other(tmp_path, header):
    with pytest.raises(ModelFileError, match="damaged"):
        read_card(write_header(tmp_path / "hostile.safetensors", header))


def test_a_header_that_claims_to_be_enormous_is_not_read(tmp_path):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{" + b" " * 100)
    with pytest.raises(ModelFileError, match="claims to be"):
        read_card(path)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_do_anything_but_raise(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "noise.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"noise\.safetensors"):
        read_card(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(ModelFileError, match="no model at"):
        read_card(tmp_path / "gone.safetensors")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_card(tmp_path)


def test_models_are_listed_newest_first(write_model):
    folder = library_folder()
    dates = {"a": "2026-01-01", "b": "2026-03-01T10:00:00Z", "c": "2026-02-01T00:00:00"}
    for name, date in dates.items():
        write_model(folder / f"{name}.safetensors", date=date)
    assert [path.stem for path in models()] == ["b", "c", "a"]
    assert [card.date for card in model_cards().values()] == [
        dates[name] for name in "bca"
    ]


def test_broken_files_are_left_out_of_the_list_and_reported(write_model):
    good = write_model(library_folder() / "good.safetensors", date="some day")
    (library_folder() / "bad.safetensors").write_bytes(b"{")
    (library_folder() / "notes.txt").write_text("not a model")
    (library_folder() / ".1.part.safetensors").write_bytes(b"")
    told = []
    assert models(told.append) == [good]
    assert len(told) == 1
    assert "bad.safetensors" in str(told[0])
    assert models() == [good]


def test_an_empty_library_lists_nothing():
    assert not library_folder().exists()
    assert models() == []


def test_the_library_is_in_the_users_folder_unless_told_otherwise(
    own_folders, monkeypatch
):
    assert library_folder() == own_folders / "library"
    monkeypatch.delenv("SPECIMEN_UNET_LIBRARY")
    assert library_folder().parent.name == "specimen-unet"


def test_an_unused_path_never_meets_a_file(tmp_path):
    taken = [unused_path(tmp_path, "tumour") for _ in range(3)]
    assert {path.name for path in taken} == {"tumour.safetensors"}
    for number in range(3):
        path = unused_path(tmp_path, "tumour")
        path.touch()
        assert path.name == f"tumour{f'-{number + 1}' if number else ''}.safetensors"


@given(st.text(max_size=300))
@example("\N{STETHOSCOPE}" * 200)
@example("..")
@example("a/../../b")
def test_any_name_gives_a_file_in_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("models")
    path = unused_path(folder, name, ".nii.gz")
    assert path.parent == folder
    path.touch()
    assert unused_path(folder, name, ".nii.gz") != path


def test_weights_are_counted_without_running_means(tmp_path):
    path = tmp_path / "tumour.safetensors"
    kept = {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float16)}
    running = {"norm.running_mean": np.ones(7, np.float32), "count": np.array(1)}
    save_file({**kept, **running}, path)
    assert count_weights(path) == 9
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match="truncated"):
        count_weights(path)
