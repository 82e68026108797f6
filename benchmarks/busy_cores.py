"""What a plan says of a step and what it takes, beside other programs.

    python -m benchmarks busy_cores

Plans for one and for five minutes on four phantom specimens (39 x 221 x 200), and the
first steps of their trainings, each in a process of its own on all cores: with nothing
beside it, then beside programs that each keep a core busy; with GNU's OpenMP spinning
as long as it wants (300000 rounds), and as short as the engine has it. Seconds by the
clock, means of 20 steps, patches included. Needs Linux, and a machine that does nothing
else.
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
from typing import TYPE_CHECKING, Any

from record import write_record

import specimen_unet as su
from specimen_unet.domain.events import StepDone
from specimen_unet.domain.phantoms import specimen_phantom

if TYPE_CHECKING:
    from collections.abc import Iterator

# Both ways to make batches are tried in the first 16.
STEPS, NOT_COUNTED = 20, 18
WAYS = {"OpenMP's own": {"GOMP_SPINCOUNT": "300000"}, "ours": {}}
# Until whoever began it has gone, however that ended.
BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


def measured(minutes: float) -> dict[str, Any]:
    """Plan and begin to train in this process; return both times of a step."""
    cases = [specimen_phantom(number) for number in range(4)]
    plan = su.plan(cases, minutes=minutes, device="cpu")
    events = su.training(cases, plan)
    ends: list[float] = []
    while len(ends) <= STEPS + NOT_COUNTED:
        if isinstance(next(events), StepDone):
            ends.append(time.perf_counter())
    events.close()
    return {
        "network": plan.network,
        "patch": " x ".join(map(str, plan.patch)),
        "forecast_s": plan.forecast.seconds_per_step,
        "real_s": (ends[-1] - ends[NOT_COUNTED]) / STEPS,
        "steps_forecast": plan.forecast.steps,
    }


def asked(minutes: float, environment: dict[str, str]) -> dict[str, Any]:
    """Have a process of its own do it, which loads OpenMP anew."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--inside", str(minutes)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def beside(programs: int) -> Iterator[None]:
    """Keep so many cores busy meanwhile, as programs of somebody's desktop do."""
    busy = [
        subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True)
        for _ in range(programs)
    ]
    try:
        yield
    finally:
        for program in busy:
            program.kill()
            program.wait()


def main() -> None:
    """Compare both ways with 0, 1 and 2 programs beside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5])
    parser.add_argument("--programs", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(measured(arguments.inside)))
        return
    rows = []
    for programs in arguments.programs:
        for minutes in arguments.minutes:
            for way in arguments.ways:
                with beside(programs):
                    found = asked(minutes, WAYS[way])
                told = {"beside": programs, "minutes": minutes, "way": way}
                rows.append({**told, **found})
                print(rows[-1], file=sys.stderr, flush=True)
    write_record(arguments.json, "busy_cores", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
