from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.near_duplicates import find_near_duplicates


@pytest.fixture
def folder(tmp_path):
    """Four pictures, of which b is a again, and one that is damaged."""
    for number, name in enumerate("acd"):
        noise = np.random.default_rng(number).integers(0, 255, (30, 30))
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / f"{name}.png")
    Image.open(tmp_path / "a.png").resize((45, 45)).save(tmp_path / "b.png")
    (tmp_path / "e.png").write_bytes(b"no picture")
    return tmp_path


def test_what_shows_nearly_the_same_becomes_one_group_and_bad_files_are_told(folder):
    found = find_near_duplicates(CaseFolder.open(folder))
    assert found.pairs == [("a", "b")]
    assert found.groups == {"a": "a", "b": "a", "c": "c", "d": "d", "e": "e"}
    assert list(found.failed) == ["e"]
    assert found.cases == 2


def test_groups_of_the_table_are_joined(folder):
    (folder / "groups.csv").write_text("image,group\nb.png,P1\nc.png,P1\n")
    found = find_near_duplicates(CaseFolder.open(folder))
    assert found.groups["a"] == found.groups["b"] == found.groups["c"]


def test_it_can_be_stopped(folder):
    answers = iter([True, False])
    found = find_near_duplicates(CaseFolder.open(folder), None, lambda: next(answers))
    assert found.pairs == []
