"""``specimen-unet cases FOLDER --near-duplicates``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from specimen_unet.cli import main


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate("acd"):
        noise = np.random.default_rng(number).integers(0, 255, (30, 30))
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / f"{name}.png")
    Image.open(tmp_path / "a.png").resize((45, 45)).save(tmp_path / "b.png")
    return tmp_path


def test_near_duplicates_are_shown_and_nothing_is_written(folder, capsys):
    assert main(["cases", str(folder), "--near-duplicates"]) == 0
    told = capsys.readouterr().out
    assert "2 of 4 cases, in 1 groups" in told
    assert "a: a, b" in told
    assert "--save-groups" in told
    assert not (folder / "groups.csv").exists()


def test_groups_are_written_when_asked_for(folder, capsys):
    words = ["cases", str(folder), "--near-duplicates", "--save-groups", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == [["a", "b"]]
    assert (folder / "groups.csv").read_text().splitlines() == [
        "image,group,split",
        "a.png,a,",
        "b.png,a,",
        "c.png,c,",
        "d.png,d,",
    ]


def test_a_bad_image_is_told_and_the_others_are_compared(folder, capsys):
    (folder / "e.png").write_bytes(b"no picture")
    assert main(["cases", str(folder), "--near-duplicates"]) == 3
    assert "Cannot be read: 1\n  e:" in capsys.readouterr().out


def test_saving_without_looking_is_not_understood(folder):
    with pytest.raises(SystemExit) as left:
        main(["cases", str(folder), "--save-groups"])
    assert left.value.code == 2
