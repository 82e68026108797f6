"""Batches made ahead in a thread beside the network, or in turn with it, on a CPU.

    python -m benchmarks batches_ahead --data ../shared/data

Steps of plans on phantom specimens (39 x 221 x 200) and, with `--data`, hippocampus and
breast ultrasound: on one ready batch, on batches that a thread makes meanwhile, and on
batches made between the steps; then a specimen segmented with its tiles read in both
ways. In turns (A B A B), medians of seconds by the clock, with as many threads as
`--threads` and beside as many busy programs as `--programs` say.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from busy_cores import beside
from record import write_record

import specimen_unet as su
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import tile_reader
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.prefetch import in_turn, prefetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from specimen_unet.engine.patches import Batch

NOT_COUNTED = 2
RATE = 1e-4
WAYS: dict[str, Any] = {"ahead": prefetched, "in turn": in_turn}


@contextmanager
def ready(make: Callable[[int], Batch], start: int) -> Iterator[Callable[[], Batch]]:
    """Give the same batch again and again."""
    batch = make(start)
    yield lambda: batch


def workloads(data: Path | None) -> dict[str, tuple[list[su.Case], float]]:
    """Return cases and the minutes to plan for, by name."""
    specimens = [specimen_phantom(number) for number in range(4)]
    found = {f"specimens, {n} min": (specimens, n) for n in (1, 5)}
    if data is not None:
        found["hippocampus, 5 min"] = (su.read_cases(data / "hippocampus")[:40], 5)
        found["breast ultrasound, 10 min"] = (su.read_cases(data / "busi")[:40], 10)
    return found


def steps(cases: list[su.Case], minutes: float, arguments: Any) -> dict[str, Any]:
    """Time the steps of a plan in all ways."""
    plan = su.plan(cases, minutes=minutes, device="cpu")
    device = choose_device("cpu")
    patches = Patches(cases, plan, device)
    for number in range(20):
        patches.batch(number)
    learner = Learner(plan, device, None)
    taken: dict[str, list[float]] = {"ready": [], **{way: [] for way in WAYS}}
    for _ in range(arguments.rounds):
        for way, found in taken.items():
            with {"ready": ready, **WAYS}[way](patches.batch, 0) as next_batch:
                times = []
                for step in range(arguments.steps + NOT_COUNTED):
                    start = time.perf_counter()
                    learner.learn(next_batch(), RATE, step)
                    times.append(time.perf_counter() - start)
            found += times[NOT_COUNTED:]
    row = {way: statistics.median(found) for way, found in taken.items()}
    return {"network": plan.network, "patch": str(plan.patch), **row}


def segmented(arguments: Any) -> dict[str, Any]:
    """Time the segmentation of a specimen in both ways."""
    cases = [specimen_phantom(number) for number in range(3)]
    spacing = cases[0].grid.spacing
    model = su.train(cases, minutes=0.1, spacing=spacing, device="cpu")
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(arguments.rounds + 1):
        for way, found in taken.items():
            tile_reader.prefetched = WAYS[way]
            start = time.perf_counter()
            su.segment(cases[0], model, device="cpu", probabilities=False)
            found.append(time.perf_counter() - start)
    row = {way: statistics.median(found[1:]) for way, found in taken.items()}
    return {"network": model.plan.network, "patch": str(model.plan.patch), **row}


def main() -> None:
    """Compare the ways for each number of threads and of programs beside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[0], help="0: all")
    parser.add_argument("--programs", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", help="parts of names of what to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    import torch  # after the engine, which says how its threads wait

    usual = torch.get_num_threads()
    loads = {
        name: load
        for name, load in workloads(arguments.data).items()
        if not arguments.only or any(part in name for part in arguments.only)
    }
    rows: list[dict[str, Any]] = []
    for programs in arguments.programs:
        for threads in arguments.threads:
            torch.set_num_threads(threads or usual)
            told = {"beside": programs, "threads": threads or usual}
            with beside(programs):
                for name, load in loads.items():
                    rows.append({**told, "what": name, **steps(*load, arguments)})
                    print(rows[-1], file=sys.stderr, flush=True)
                rows.append({**told, "what": "segmenting", **segmented(arguments)})
                print(rows[-1], file=sys.stderr, flush=True)
    write_record(arguments.json, "batches_ahead", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
