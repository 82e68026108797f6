"""Phantom specimens as files."""

from __future__ import annotations

import numpy as np
import pytest

import specimen_unet as su
from specimen_unet.cli import main
from specimen_unet.domain.phantoms import specimen_phantom


def test_they_are_cases_with_two_observers_in_millimetres(tmp_path):
    folder = tmp_path / "specimens"
    assert main(["phantoms", str(folder), "--cases", "2", "--shape", "8,32,28"]) == 0
    first, second = su.read_cases(folder)
    expected = specimen_phantom(1, (8, 32, 28))
    np.testing.assert_array_equal(first.image, expected.image)
    for case in (first, second):
        assert set(case.labels) == {"EA", "MG"}
        assert case.grid.unit == "mm"


def test_a_folder_that_holds_anything_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["phantoms", str(tmp_path), "--cases", "1"]) == 1
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("options", "status"),
    [(["--cases", "0"], 1), (["--shape", "39,221"], 1), (["--shape", "a,b,c"], 2)],
)
def test_what_cannot_be_made_is_told(tmp_path, capsys, options, status):
    command = ["phantoms", str(tmp_path / "new"), *options]
    try:
        found = main(command)
    except SystemExit as end:
        found = end.code
    assert found == status
    assert "39,221,200" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
