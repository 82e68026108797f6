"""Whether `torch.compile` pays for itself within a training on a CPU.

    python -m benchmarks compiled

Steps of the bare network on one batch that is ready, as it is and compiled, in turns in
one process, processor time, medians; and how long the first compiled step takes by the
clock, with the compiler. The last column says after how many minutes of training the
time of compiling is won back.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import torch
from record import write_record
from speed_cases import phantoms, plan_for
from training_loops import BareLoop
from training_speed import Clock, in_turns

from specimen_unet.engine.patches import Patches

CPU = torch.device("cpu")
NETWORKS = [("FastUNet", 2), ("FastUNet", 3), ("UNet", 3)]


class CompiledLoop(BareLoop):
    """The bare loop with a compiled network; making it takes the first step."""

    def steps(self, count: int) -> None:
        """Make some steps."""
        if not hasattr(self._network, "_orig_mod"):
            # Else the code of the network before is compiled again, for any size.
            torch._dynamo.reset()
            self._network = torch.compile(self._network, dynamic=False)
        super().steps(count)


def compare(network: str, dimensions: int, arguments: Any) -> dict[str, Any]:
    """Time both sides of one network."""
    cases = phantoms("cpu", dimensions)
    plan = plan_for(cases, network, dimensions, "cpu")
    batch = Patches(cases, plan, CPU).batch(0)
    bare = BareLoop(batch, plan, CPU)
    began = time.perf_counter()
    try:
        compiled = CompiledLoop(batch, plan, CPU)
    except torch._inductor.exc.InductorError as error:
        problem = str(error).strip().splitlines()[0]
        return {"network": f"{network} {dimensions}D", "problem": problem}
    ready = time.perf_counter() - began
    sides = {"bare": bare.steps, "compiled": compiled.steps}
    seconds = in_turns(Clock(CPU), sides, arguments)
    gain = seconds["bare"] / seconds["compiled"]
    return {
        "network": f"{network} {dimensions}D",
        "precision": plan.precision,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "times": gain,
        "seconds_until_ready": ready,
        "minutes_to_win_back": ready / 60 / (gain - 1) if gain > 1 else math.inf,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each timing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--network", help="this one alone")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = [
        compare(*which, arguments)
        for which in NETWORKS
        if arguments.network in (None, which[0])
    ]
    names = {name: None for row in rows for name in row}
    shown = [{name: row.get(name) for name in names} for row in rows]
    write_record(arguments.json, "compiled", {"rows": rows}, shown)


if __name__ == "__main__":
    main()
