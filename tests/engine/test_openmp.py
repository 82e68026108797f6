"""How the threads of a CPU wait for each other."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from specimen_unet.engine.openmp import wait_briefly

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS_IN_TWO_THREADS_AND_IN_ONE = """
import json, os, statistics, sys, time
os.sched_setaffinity(0, map(int, sys.argv[1:]))
import specimen_unet.engine
import torch
from monai.networks.nets import UNet

network = UNet(3, 1, 2, (16, 32, 64, 128), (2, 2, 2))
images = torch.randn(2, 1, 32, 48, 48)

def step():
    start = time.perf_counter()
    network(images).square().mean().backward()
    return time.perf_counter() - start

taken = {1: [], 2: []}
for _ in range(3):
    for threads, seconds in taken.items():
        torch.set_num_threads(threads)
        step()
        seconds += [step() for _ in range(4)]
print(json.dumps([statistics.median(taken[2]), statistics.median(taken[1])]))
"""


def without_choices() -> dict[str, str]:
    chosen = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name not in chosen}


def test_waiting_is_set_before_torch_is_loaded() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys, specimen_unet.engine;"
            "print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])",
        ],
        env=without_choices(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["False", "5000"]


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_chose_stays(name: str) -> None:
    environment = {name: "as the user wants"}

    wait_briefly(environment)

    assert environment == {name: "as the user wants"}


def test_nothing_is_said_where_it_comes_too_late() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, torch, specimen_unet.engine;"
            "print('GOMP_SPINCOUNT' in os.environ)",
        ],
        env=without_choices(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["False"]


@contextlib.contextmanager
def busy(core: int) -> Iterator[None]:
    """Another program that never rests, on one core, not of this terminal."""
    rest = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    program = subprocess.Popen([sys.executable, "-c", rest], start_new_session=True)
    try:
        yield
    finally:
        program.kill()
        program.wait()


@pytest.mark.alone
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores of Linux",
)
def test_a_program_beside_does_not_make_all_threads_wait() -> None:
    """Spinning as long as GNU's OpenMP has them, two take 28 times as long as one."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    with busy(cores[0]):
        told = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                STEPS_IN_TWO_THREADS_AND_IN_ONE,
                *map(str, cores),
            ],
            env=without_choices(),
            stdout=subprocess.PIPE,
            check=True,
        )

    two, one = json.loads(told.stdout)
    assert two < 4 * one
