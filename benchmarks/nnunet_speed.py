"""nnU-Net's own steps and predictor against ours; needs nnunetv2.

    python -m benchmarks nnunet_speed --data ../shared/data --device cpu
    python -m benchmarks nnunet_speed ... --images busi --parts training

Training: nnU-Net's train_step on batches of its own loaders (and on one ready batch:
its bare step) against our whole training loop of the same kind of network, patch and
batch, of FastUNet on blocks and of what our plan chooses; where there are volumes, of
MONAI's tutorial recipe, too; A B A B, medians. Segmentation: one network of ours in
nnU-Net's predictor (its defaults, and without mirrors) and in ours, on the volumes that
are not trained on.
"""

from __future__ import annotations

import argparse
import time
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nnunet_side
import numpy as np
import torch
from busi import lesion
from hippocampus import device_of, split_cases
from monai_recipe import BATCH, PATCH, recipe
from record import write_record
from turns import in_turns, synchronise

import specimen_unet as su
from specimen_unet.domain.events import StepDone
from specimen_unet.engine.networks import build_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMAGES = ("hippocampus", "busi")
PARTS = ("recipe", "training", "segmentation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", choices=IMAGES, default=IMAGES[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cases", type=int, default=40, help="to train on")
    parser.add_argument("--volumes", type=int, default=4, help="to segment")
    parser.add_argument("--steps", type=int, default=20, help="before segmenting")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--nnunet-plans", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.images == "busi":
        cases = [c for c in su.read_cases(arguments.data / "busi") if lesion(c)]
        training, scored = cases, cases[arguments.cases :]
    else:
        training, scored = split_cases(arguments.data, 0)
    training, scored = training[: arguments.cases], scored[: arguments.volumes]
    found: dict[str, list[dict[str, Any]]] = {}
    if "recipe" in arguments.parts and arguments.images == "hippocampus":
        found["recipe"] = recipe_speed(training, arguments)
    if {"training", "segmentation"} & set(arguments.parts):
        prepared = nnunet_side.prepare(
            training, device_of(arguments), arguments.nnunet_plans
        )
    if "training" in arguments.parts:
        found["training"] = training_speed(training, prepared, arguments)
    if "segmentation" in arguments.parts:
        found["segmentation"] = prediction_speed(training, scored, prepared, arguments)
    write_record(
        arguments.json,
        "nnunet_speed",
        {"threads": arguments.threads, **found},
        [row for rows in found.values() for row in rows],
    )


def training_speed(
    cases: Sequence[su.Case], prepared: nnunet_side.Prepared, arguments: Any
) -> list[dict[str, Any]]:
    """Return steps and voxels per second of every way, medians over the rounds."""
    configuration = prepared.plans["configurations"][prepared.configuration]
    patch, batch = tuple(configuration["patch_size"]), configuration["batch_size"]
    same = {"network": "DynUNet", "patch": patch, "batch": batch}
    ours = {
        "ours, nnU-Net's network": plan_for(cases, arguments, **same),
        "ours, FastUNet, nnU-Net's patch": on_blocks(cases, arguments, patch, batch),
        "ours, our plan": plan_for(cases, arguments),
    }
    voxels = {name: plan.batch * prod(plan.patch) for name, plan in ours.items()}
    voxels |= dict.fromkeys(("nnU-Net", "nnU-Net, a ready batch"), batch * prod(patch))
    trainer = nnunet_side.ready_trainer(prepared)
    loader = trainer.dataloader_train
    ready = next(loader)
    ways: dict[str, Callable[[], float]] = {
        "nnU-Net": lambda: rate(
            lambda: trainer.train_step(next(loader)), arguments.seconds
        ),
        "nnU-Net, a ready batch": lambda: rate(
            lambda: trainer.train_step(ready), arguments.seconds
        ),
        **{
            name: lambda plan=plan: loop_rate(cases, plan, arguments.seconds)
            for name, plan in ours.items()
        },
    }
    rates = in_turns(ways, arguments.rounds)
    nnunet_side.close(trainer)
    base = rates["nnU-Net"]
    return [
        {
            "training": name,
            "steps/s": rate,
            "Mvoxel/s": rate * voxels[name] / 1e6,
            "steps x nnU-Net": rate / base,
            "voxels x nnU-Net": rate * voxels[name] / (base * voxels["nnU-Net"]),
        }
        for name, rate in rates.items()
    ]


def recipe_speed(cases: Sequence[su.Case], arguments: Any) -> list[dict[str, Any]]:
    """Return steps per second of MONAI's tutorial recipe and ours at its patch.

    On their own: nnU-Net's processes take their share of the cores even when they wait.
    """
    plan = on_blocks(cases, arguments, PATCH, BATCH)
    _, step = recipe(cases, 0, str(device_of(arguments)))
    ways: dict[str, Callable[[], float]] = {
        "MONAI's recipe": lambda: rate(lambda: step(0), arguments.seconds),
        "ours, FastUNet": lambda: loop_rate(cases, plan, arguments.seconds),
    }
    rates = in_turns(ways, arguments.rounds)
    base = rates["MONAI's recipe"]
    return [
        {"training": name, "steps/s": rate, "x MONAI's recipe": rate / base}
        for name, rate in rates.items()
    ]


def prediction_speed(
    training: Sequence[su.Case],
    scored: Sequence[su.Case],
    prepared: nnunet_side.Prepared,
    arguments: Any,
) -> list[dict[str, Any]]:
    """Return seconds a volume of both predictors on the weights of one network."""
    configuration = prepared.plans["configurations"][prepared.configuration]
    patch = tuple(configuration["patch_size"])
    plan = plan_for(
        training,
        arguments,
        network="DynUNet",
        patch=patch,
        batch=2,
        ending="steps",
        steps=arguments.steps,
    )
    model = su.train(training, plan)
    network = build_network(model.plan)
    network.load_state_dict(model.network.state_dict())
    device = str(prepared.device)
    ways = {
        "nnU-Net's predictor": nnunet_side.segmenter(network, prepared),
        "nnU-Net's, no mirrors": nnunet_side.segmenter(network, prepared, mirror=False),
        "ours": lambda case: (
            su.segment(case, model, device=device, probabilities=False).labels
        ),
        "ours, mirrored": lambda case: (
            su.segment(
                case, model, device=device, probabilities=False, mirror=True
            ).labels
        ),
    }
    # Also what comes first, and is not timed.
    labels = {name: [way(case) for case in scored] for name, way in ways.items()}

    def seconds(way: Callable[[su.Case], np.ndarray]) -> float:
        began = time.perf_counter()
        for case in scored:
            way(case)
        return (time.perf_counter() - began) / len(scored)

    timed = {name: (lambda way=way: seconds(way)) for name, way in ways.items()}
    taken = in_turns(timed, arguments.rounds)
    first = labels["nnU-Net's, no mirrors"]
    return [
        {
            "segmentation": name,
            "s/volume": taken[name],
            "x nnU-Net": taken["nnU-Net's predictor"] / taken[name],
            "same labels": float(
                np.mean(
                    [(a == b).mean() for a, b in zip(labels[name], first, strict=True)]
                )
            ),
        }
        for name in ways
    ]


def plan_for(cases: Sequence[su.Case], arguments: Any, **changes: Any) -> Any:
    """Plan a training that nothing but the clock ends, and no validation interrupts."""
    changes = {"minutes": 10, "dimensions": len(cases[0].shape), **changes}
    return su.plan(cases, device=arguments.device, **changes)


def on_blocks(
    cases: Sequence[su.Case], arguments: Any, patch: Sequence[int], batch: int
) -> Any:
    """Plan FastUNet as it is when steps are few: it does not work voxel by voxel."""
    chosen = {"network": "FastUNet", "patch": tuple(patch), "batch": batch}
    return plan_for(cases, arguments, **chosen, ending="steps", steps=1000)


def loop_rate(cases: Sequence[su.Case], plan: Any, seconds: float) -> float:
    """Return the steps per second of our whole training, validation and all left in."""
    events = su.training(cases, plan)
    began, first = 0.0, 0
    for event in events:
        if not isinstance(event, StepDone):
            continue
        if not began and event.step >= 3:
            synchronise()
            began, first = time.perf_counter(), event.step
        elif began and time.perf_counter() - began > seconds:
            synchronise()
            taken = time.perf_counter() - began
            events.close()
            return (event.step - first) / taken
    raise RuntimeError("The training ended before the time was over.")


def rate(step: Callable[[], Any], seconds: float) -> float:
    """Return how often a step is made in a second; the first two are not counted."""
    step()
    step()
    synchronise()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        steps += 1
    synchronise()
    return steps / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
