"""What oneDNN gains for tiles that are computed one at a time, in float32 on a CPU.

    python -m benchmarks one_patch

Networks with first weights, passes of one tile: by torch's own choice, and as the
engine computes them, in turns in one process, processor time of one thread, medians.
"""

from __future__ import annotations

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from record import write_record
from speed_cases import phantoms, plan_for
from turns import in_turns

from specimen_unet.engine.networks import build_network
from specimen_unet.engine.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORKS = ("FastUNet", "UNet", "DynUNet")
TILES = ((32, 48, 48), (32, 96, 96), (64, 128, 128))
ROUNDS = 7


def compare(network: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Time both ways of one network and tile."""
    plan = plan_for(phantoms("cpu", 3), network, 3, "cpu")
    built, tile = build_network(plan).eval(), torch.randn(1, 1, *shape)

    def timed(
        context: Callable[[], AbstractContextManager[object]],
    ) -> Callable[[], float]:
        def way() -> float:
            began = time.thread_time()
            with torch.inference_mode(), context():
                built(tile)
            return time.thread_time() - began

        return way

    cpu = torch.device("cpu")
    ways = {
        "torch": timed(nullcontext),
        "ours": timed(lambda: autocast(cpu, "float32")),
    }
    seconds = in_turns(ways, ROUNDS)
    return {
        "network": f"{network} {plan.channels}",
        "tile": " x ".join(map(str, shape)),
        **seconds,
        "times": seconds["torch"] / seconds["ours"],
    }


def main() -> None:
    """Compare all networks and tiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [compare(network, shape) for network in NETWORKS for shape in TILES]
    write_record(arguments.json, "one_patch", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
