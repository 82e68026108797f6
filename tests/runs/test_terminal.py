"""Progress on standard error, and what Ctrl-C does."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time

import pytest

from specimen_unet.domain.events import StepDone, TileDone, Validated, Warned
from specimen_unet.runs.terminal import ProgressBar, duration

STEP = StepDone(310, 0.4123, 1e-3, 0.42, 30.0, 185.0)
SCORED = Validated(300, 0.871, 0.77, {1: 0.871}, {1: 0.77}, {"EA": 0.871}, 0.3, True)


def shown(capsys, *events) -> str:
    with ProgressBar("Training") as bar:
        time.sleep(0.12)  # a bar is not drawn more often than that
        for event in events:
            bar.show(event)
        return capsys.readouterr().err


def test_the_bar_says_how_far_how_good_and_how_long(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    text = shown(capsys, SCORED, STEP)
    assert "Training" in text
    assert "42%" in text
    assert "step 310, loss 0.412, Dice 0.871, 3:05 left" in text


def test_the_bar_counts_tiles(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert "25%" in shown(capsys, TileDone(1, 4, 9.0))


def test_a_log_file_gets_a_line_for_each_validation(capsys):
    text = shown(capsys, STEP, SCORED, STEP)
    assert text == "step 300, Dice 0.871, loss 0.300\n"


def test_warnings_are_always_shown(capsys):
    assert shown(capsys, Warned("mind the gap")) == "warning: mind the gap\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (200, "3:20"),
        (3909, "1:05:09"),
        (-3, "0:00"),
        (math.nan, "?"),
        (math.inf, "?"),
    ],
)
def test_durations_read_as_clocks_do(seconds, text):
    assert duration(seconds) == text


# In a process of their own: a signal that goes astray ends that of the tests, and with
# it all tests that it still had to run.
CTRL_C_TWICE = """
import signal
from specimen_unet.domain.control import Control
from specimen_unet.runs.terminal import stopping

control = Control()
before = signal.getsignal(signal.SIGINT)
with stopping(control):
    signal.raise_signal(signal.SIGINT)
    print("stopped", control.is_stopped)
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("left at once")
print("as before", signal.getsignal(signal.SIGINT) is before)
"""
END_SIGNAL = """
import signal
from specimen_unet.domain.control import Control, WorkLeft
from specimen_unet.runs.terminal import stopping

control = Control()
with stopping(control):
    signal.raise_signal(signal.SIGTERM)
    print("left", control.is_left, "paused", control.is_paused)
    try:
        control.wait_while_paused()
    except WorkLeft:
        print("to be resumed")
"""


def told_by(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_ctrl_c_stops_and_a_second_one_leaves_at_once():
    told = told_by(CTRL_C_TWICE)
    assert told.stdout.splitlines() == [
        "stopped True",
        "left at once",
        "as before True",
    ]
    assert "kept" in told.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_the_end_signal_leaves_the_work_to_be_resumed():
    told = told_by(END_SIGNAL)
    assert told.stdout.splitlines() == ["left True paused True", "to be resumed"]
