"""What a training step takes beside other programs, by how threads wait.

    python -m benchmarks busy_cores

Short trainings on all cores, patches included, each in a process of its own, with
nothing beside them, then beside programs that each keep a core busy; by how long GNU's
OpenMP lets threads that wait spin (300000 rounds are its own choice, 5000 ours), in
turns, means by the clock, the median of all rounds. Needs Linux, and a machine that
does nothing else. One thread, for comparison, waits for none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from record import write_record
from speed_cases import phantoms, plan_for

from specimen_unet.domain.events import StepDone
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORKS = [("FastUNet", 3), ("FastUNet", 2), ("UNet", 3)]
STEPS, NOT_COUNTED = 25, 5
FOREVER = "while True: pass"
OWN_CHOICE, OURS = 300_000, 5000


def measured(network: str, dimensions: int, threads: int) -> float:
    """Train in this process; return what a step takes, in the mean."""
    cases = phantoms("cpu", dimensions)
    torch.set_num_threads(1)
    plan = plan_for(cases, network, dimensions, "cpu")
    torch.set_num_threads(threads)
    events = training(cases, plan)
    ends = []
    while len(ends) < STEPS + NOT_COUNTED:
        if isinstance(next(events), StepDone):
            ends.append(time.perf_counter())
    events.close()
    ends = ends[NOT_COUNTED:]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def asked(network: str, dimensions: int, threads: int, spin: int) -> float:
    """Have a process of its own take the steps."""
    words = [network, str(dimensions), str(threads)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--steps-of", *words],
        env={**os.environ, "GOMP_SPINCOUNT": str(spin)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(done.stdout))


@contextmanager
def beside(programs: int) -> Iterator[None]:
    """Keep so many cores busy meanwhile, as programs of somebody's desktop do."""
    busy = [
        subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True)
        for _ in range(programs)
    ]
    try:
        yield
    finally:
        for program in busy:
            program.kill()
            program.wait()


def compare(
    network: str, dimensions: int, programs: int, spins: list[int], rounds: int
) -> dict[str, Any]:
    """Measure every way of waiting, and one thread, in turns."""
    ways = {f"spin {spin}": (torch.get_num_threads(), spin) for spin in spins}
    ways["one thread"] = (1, OWN_CHOICE)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with beside(programs):
        for _ in range(rounds):
            for name, (threads, spin) in ways.items():
                taken[name].append(asked(network, dimensions, threads, spin))
    return {
        "network": f"{network}, {dimensions}D",
        "busy beside it": programs,
        **{name: median(seconds) for name, seconds in taken.items()},
    }


def main() -> None:
    """Compare on all networks, with 0, 1 and 2 programs beside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spins", type=int, nargs="+", default=[OWN_CHOICE, OURS])
    parser.add_argument("--programs", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--networks", type=int, default=len(NETWORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--steps-of", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps_of:
        network, dimensions, threads = arguments.steps_of
        print(json.dumps(measured(network, int(dimensions), int(threads))))
        return
    rows = []
    for network, dimensions in NETWORKS[: arguments.networks]:
        for programs in arguments.programs:
            spins, rounds = arguments.spins, arguments.rounds
            rows.append(compare(network, dimensions, programs, spins, rounds))
            print(rows[-1], file=sys.stderr, flush=True)
    write_record(arguments.json, "busy_cores", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
