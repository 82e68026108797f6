"""A folder that is killed while it is filled is never seen, and goes at the next."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import specimen_unet as su
from specimen_unet.cli import main
from specimen_unet.runs.unfinished import finished_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILL = """
import sys, time
from pathlib import Path
from specimen_unet.runs.unfinished import finished_folder

def fill(folder):
    (folder / "half.txt").write_text("half")
    print("filling", flush=True)
    time.sleep(600)

finished_folder(Path(sys.argv[1]), fill)
"""


@pytest.fixture
def filler(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is filling ``first`` and does not end by itself."""
    command = [sys.executable, "-c", FILL, str(tmp_path / "first")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "filling\n"
        yield process
        process.kill()


def write(folder: Path) -> None:
    (folder / "whole.txt").write_text("whole")


def test_what_is_filled_stays_and_what_a_kill_left_goes(
    filler: subprocess.Popen[str], tmp_path: Path
) -> None:
    finished_folder(tmp_path / "second", write)
    (half,) = tmp_path.glob(".*")
    assert (half / "half.txt").exists()
    filler.kill()
    filler.wait()
    finished_folder(tmp_path / "third", write)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["second", "third"]
    assert [path.name for path in (tmp_path / "third").iterdir()] == ["whole.txt"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        finished_folder(tmp_path / "new", fail)
    assert not list(tmp_path.iterdir())


def test_phantoms_that_were_killed_are_made_by_the_same_command(tmp_path: Path) -> None:
    folder = tmp_path / "phantoms"
    made = ["phantoms", str(folder), "--cases", "2", "--shape", "8,32,28"]
    endless = [*made[:3], "9999", *made[4:]]
    with subprocess.Popen([sys.executable, "-m", "specimen_unet", *endless]) as victim:
        limit = time.monotonic() + 300
        while not list(tmp_path.rglob("specimen-1_EA.tif")):
            assert victim.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        victim.kill()
    assert not folder.exists()
    assert main(made) == 0
    assert len(su.read_cases(folder)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["phantoms"]
