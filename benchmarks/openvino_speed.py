"""Segmenting a volume on a CPU by torch and by OpenVINO, with the same weights.

    python -m benchmarks openvino_speed --json OUT.json

For each network, in 2D and 3D: the plan's defaults, trained for a moment on phantoms.
Then a phantom that was not seen is segmented in turns (A B A B, medians of processor
time; what is translated and compiled first is told on its own). Labels are compared
with each other and with the truth, so that a change of speed that costs Dice is seen.

    python -m benchmarks openvino_speed --variants

tells instead what `engine/openvino_network.py` was decided by: the bare network in
graphs of any and of one tile size, with and without snippets, and how far off the scale
of what is normalised over many voxels is.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from record import write_record
from turns import in_turns

from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import openvino_network
from specimen_unet.engine.model import Model
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array, Case

ENGINES = ("torch", "openvino")
TRAINED_ON = 3


def trained(network: str, dimensions: int, minutes: float) -> Model:
    """Train the plan's defaults for a moment."""
    cases = [specimen_phantom(seed) for seed in range(TRAINED_ON)]
    plan = make_plan(
        cases, device="cpu", minutes=10, dimensions=dimensions, network=network
    )
    changes = {"minutes": minutes, "ending": "minutes"}
    return train(cases, plan.model_copy(update=changes))


def with_precision(model: Model, precision: str) -> Model:
    """Return the model with a plan that says so."""
    plan = model.plan.model_copy(update={"precision": precision})
    return Model(model.network, model.card.model_copy(update={"plan": plan}))


def dice(a: Array, b: Array) -> float:
    """Dice of all labels together."""
    return 2 * ((a == b) & (a > 0)).sum() / ((a > 0).sum() + (b > 0).sum())


def measured(model: Model, case: Case, rounds: int) -> dict[str, Any]:
    """Segment with both engines in turns."""
    (truth, *_) = case.labels.values()
    labels: dict[str, Array] = {}

    def by(engine: str) -> Callable[[], float]:
        def run() -> float:
            began = time.process_time()
            result = segment(
                case, model, engine=engine, device="cpu", probabilities=False
            )
            taken = time.process_time() - began
            labels[engine] = result.labels
            return taken

        return run

    ways = {engine: by(engine) for engine in ENGINES}
    first = {engine: run() for engine, run in ways.items()}
    seconds = in_turns(ways, rounds)
    ours, torchs = labels["openvino"], labels["torch"]
    return {
        "torch_seconds": seconds["torch"],
        "openvino_seconds": seconds["openvino"],
        "times_torch": seconds["torch"] / seconds["openvino"],
        "openvino_first_seconds": first["openvino"],
        "other_labels_percent": 100 * float((ours != torchs).mean()),
        "dice_torch": float(dice(torchs, truth)),
        "dice_openvino": float(dice(ours, truth)),
    }


def graphs(
    network: str, dimensions: int, precision: str, rounds: int
) -> dict[str, Any]:
    """Time one batch of patches in graphs that were compiled in several ways."""
    cases = [specimen_phantom(seed) for seed in range(TRAINED_ON)]
    plan = make_plan(
        cases, device="cpu", minutes=10, dimensions=dimensions, network=network
    ).model_copy(update={"precision": precision})
    core, module = openvino.Core(), build_network(plan)
    tiles = torch.randn(plan.batch, plan.image_channels, *plan.patch)

    def by(is_any_size: bool, snippets: str) -> Callable[[], float]:
        graph = openvino_network._translated(module, plan)
        if not is_any_size:
            graph.reshape(list(tiles.shape))
        options = openvino_network._options(core, plan) | {"SNIPPETS_MODE": snippets}
        compiled = core.compile_model(graph, "CPU", options)

        def run() -> float:
            began = time.process_time()
            compiled([tiles.numpy()], share_inputs=True, share_outputs=True)
            return time.process_time() - began

        run()
        return run

    ways = {
        "any_size": by(True, "DISABLE"),
        "one_size": by(False, "DISABLE"),
        "one_size_with_snippets": by(False, "ENABLE"),
    }
    row = {"network": network, "dimensions": dimensions, "precision": precision}
    return row | in_turns(ways, rounds)


def scale_off_percent(edge: int) -> float:
    """Tell how far off the scale is of noise of so many voxels a side, normalised."""

    class Normalise(torch.nn.Module):
        """Instance normalisation alone."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.instance_norm(image)

    decoder = TorchScriptPythonDecoder(
        Normalise(), example_input=(torch.randn(1, 2, 8, 8, 8),)
    )
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(decoder))
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(graph, "CPU", exact)
    noise = torch.randn(1, 2, edge, edge, edge)
    found = torch.from_numpy(compiled([noise.numpy()])[0])
    expected = Normalise()(noise.double())
    return float(100 * ((found * expected).mean() / (expected**2).mean() - 1).abs())


def variants(arguments: Any) -> None:
    """Measure what the way in which OpenVINO is used was decided by."""
    rows = [
        graphs(network, dimensions, precision, arguments.rounds)
        for network in arguments.networks
        for dimensions in arguments.dimensions
        for precision in arguments.precisions
    ]
    rows += [
        {"voxels": f"{edge}^3", "scale_off_percent": scale_off_percent(edge)}
        for edge in (64, 128, 256)
    ]
    write_record(arguments.json, "openvino_speed variants", {"rows": rows}, rows)


def main() -> None:
    """Measure every network and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["FastUNet", "UNet"])
    parser.add_argument("--dimensions", nargs="+", type=int, default=[2, 3])
    parser.add_argument(
        "--precisions", nargs="+", default=["float32", "bfloat16"], metavar="FORMAT"
    )
    parser.add_argument("--minutes", type=float, default=0.3, help="of training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.variants:
        variants(arguments)
        return
    case = specimen_phantom(TRAINED_ON)
    rows = []
    for network, dimensions in itertools.product(
        arguments.networks, arguments.dimensions
    ):
        model = trained(network, dimensions, arguments.minutes)
        for precision in arguments.precisions:
            row = {"network": network, "dimensions": dimensions, "precision": precision}
            row |= measured(with_precision(model, precision), case, arguments.rounds)
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    results = {"shape": case.shape, "threads": arguments.threads, "rows": rows}
    write_record(arguments.json, "openvino_speed", results, rows)


if __name__ == "__main__":
    main()
