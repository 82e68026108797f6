"""A clock that other programs cannot make run faster than the training does.

On a machine that is shared, ten minutes by the clock are worth fewer steps than on a
quiet one. Here a minute is so much processor time of this process, computing in one
thread, as a minute of all cores is worth on a quiet machine: `speed` says how many
times as many steps all cores make as one thread does, measured on quiet cores.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import argparse


def add_clock(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be asked for this clock."""
    parser.add_argument(
        "--processor-clock",
        type=float,
        metavar="SPEED",
        help="minutes of processor time instead: see processor_clock.py",
    )


def run_by_processor_time(speed: float) -> None:
    """Let the engine's clock tell processor time, and compute in one thread.

    Parameters
    ----------
    speed : float
        Steps a second of all cores by the clock, over steps a second of one thread.

    Raises
    ------
    RuntimeError
        If the engine has been imported, which then knows the other clock.
    """
    if "specimen_unet.engine.training" in sys.modules:
        raise RuntimeError("Set the clock before the engine is imported.")
    torch.set_num_threads(1)
    time.perf_counter = lambda: time.process_time() / speed
