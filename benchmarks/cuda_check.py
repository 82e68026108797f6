"""Whether training on a CUDA device does what it does on a CPU. Needs one; about 60 s.

    python benchmarks/cuda_check.py

Says of each promise whether it was kept, and ends with 1 if one was not. The test suite
runs where there is no GPU; this is what it cannot see.
"""

from __future__ import annotations

import math
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage

from specimen_unet.domain.case import Case
from specimen_unet.domain.events import StepDone, Warned
from specimen_unet.domain.plan import Split
from specimen_unet.engine import augmentation, graphed_step, patches
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.losses import IGNORED
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
SHAPES = {2: (96, 112), 3: (24, 64, 64)}
PATCHES = {2: (64, 64), 3: (16, 48, 48)}


def blobs(dimensions: int, seed: int, kind: str = "u2") -> Case:
    """Make bright blobs in noise, labelled."""
    generator = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(generator.normal(size=SHAPES[dimensions]), 4)
    labels = (smooth > smooth.std()).astype(np.uint8)
    image = generator.normal(100, 10, labels.shape) + 40 * labels
    spacing = (1.0,) * dimensions
    return Case(
        image.astype(kind), {"EA": labels}, spacing=spacing, unit="mm", name=f"{seed}"
    )


def plan_for(dimensions: int, **changes: Any) -> Plan:
    """Plan for the blobs."""
    cases = [blobs(dimensions, seed) for seed in range(5)]
    settings = {"steps": 60, "ending": "steps", **changes}
    decided = make_plan(
        cases,
        dimensions=dimensions,
        patch=PATCHES[dimensions],
        batch=4,
        device="cuda",
        learning_rate=0.005,
        **settings,
    )
    split = Split(training=("0", "1", "2", "3"), validation=("4",))
    return decided.model_copy(update={"split": split})


def finish(events: Any) -> tuple[list[Any], Model]:
    """Return the events and the model of a training."""
    heard = []
    while True:
        try:
            heard.append(next(events))
        except StopIteration as end:
            return heard, end.value


def patches_are_those_of_the_cpu() -> None:
    for dimensions in (2, 3):
        plan = plan_for(dimensions, augmentation=1.0)
        changes, augmentation._CHANGES = augmentation._CHANGES, ()
        try:
            for kind in ("u1", "u2", "i2", "f4", "f8", "i4"):
                cases = [blobs(dimensions, seed, kind) for seed in range(5)]
                sides = [Patches(cases, plan, device) for device in (CPU, GPU)]
                fits, patches.fit_on = patches.fit_on, lambda *_: False
                sides.append(Patches(cases, plan, GPU))
                patches.fit_on = fits
                for step in range(8):
                    expected, *found = (side.batch(step) for side in sides)
                    for batch in found:
                        assert batch.images.device == GPU
                        error = (batch.images.cpu() - expected.images).abs().max()
                        assert error < 2e-3, f"{kind}: gray values differ by {error}"
                        same = (batch.classes.cpu() == expected.classes).float().mean()
                        assert same > 0.999, f"{kind}: {same} of the classes agree"
        finally:
            augmentation._CHANGES = changes


def making_a_batch_never_waits() -> None:
    for dimensions in (2, 3):
        plan = plan_for(dimensions, augmentation=2.0)
        cases = [blobs(dimensions, seed) for seed in range(5)]
        made = Patches(cases, plan, GPU)
        for step in range(40):
            made.batch(step)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in range(40, 80):
                made.batch(step)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def paint_is_seen() -> None:
    plan = plan_for(3).model_copy(update={"label_values": (0, 1)})
    cases = [blobs(3, seed) for seed in range(4)]
    made = Patches(cases, plan, GPU)
    made.batch(0)
    for case in cases:
        case.labels["EA"][:] = 1
    # Labels are scanned again now and then, and turned patches reach beyond the image.
    for step in range(1, 40):
        classes = made.batch(step).classes
    share = float((classes[classes != IGNORED] == 1).float().mean())
    assert share == 1, share


def a_graph_learns_what_steps_learn() -> None:
    cases = {d: [blobs(d, seed) for seed in range(4)] for d in (2, 3)}
    variants = [
        (2, {}),
        (3, {}),
        (3, {"optimiser": "SGD"}),
        (3, {"optimiser": "Adam"}),
        (3, {"network": "DynUNet", "deep_supervision": True}),
        (3, {"loss": "Generalised Dice + boundary"}),
    ]
    for dimensions, changes in variants:
        plan = plan_for(dimensions, **changes)
        plan = plan.model_copy(update={"precision": "float32"})
        made = Patches(cases[dimensions], plan, GPU)
        losses = {}
        for name, share in (("steps", math.inf), ("graph", -1.0)):
            graphed_step._SHARE_OF_LAUNCHES = share
            learns = Learner(plan, GPU, None)
            losses[name] = [
                float(learns.learn(made.batch(step), 0.002 + step * 1e-4, step))
                for step in range(16)
            ]
            is_graphed = learns._graph is not None and learns._graph.is_graphed
            assert is_graphed == (name == "graph"), f"{changes}: {learns.problem}"
            assert learns.is_sound
        difference = np.abs(np.subtract(losses["steps"], losses["graph"])).max()
        assert difference < 0.03, f"{changes}: losses differ by {difference}"
    graphed_step._SHARE_OF_LAUNCHES = 0.5


def a_training_learns_blobs() -> None:
    for dimensions in (2, 3):
        cases = [blobs(dimensions, seed) for seed in range(5)]
        events, model = finish(training(cases, plan_for(dimensions, steps=150)))
        told = [event.message for event in events if isinstance(event, Warned)]
        assert not told, told
        dice = model.card.metrics.mean_dice if model.card.metrics else None
        assert dice is not None
        assert dice > 0.75, f"{dimensions}D: Dice {dice}"


def a_training_that_was_left_goes_on() -> None:
    cases = [blobs(3, seed) for seed in range(5)]
    plan = plan_for(3, steps=60)
    _, straight = finish(training(cases, plan))
    with tempfile.TemporaryDirectory() as folder:
        events = training(cases, plan, checkpoints=Path(folder))
        for event in events:
            if isinstance(event, StepDone) and event.step == 25:
                break
        events.close()
        _, left = finish(training(cases, plan, checkpoints=Path(folder), resume=True))
        assert left.card.steps_done == 60
        dice = [model.card.metrics.mean_dice for model in (straight, left)]
        assert abs(dice[0] - dice[1]) < 0.05, dice
        _, more = finish(
            training(cases, plan, checkpoints=Path(folder), more_minutes=0.05)
        )
        assert more.card.steps_done > 60


def minutes_are_kept() -> None:
    cases = [blobs(3, seed) for seed in range(5)]
    plan = plan_for(3, ending="minutes", minutes=0.15)
    start = time.perf_counter()
    finish(training(cases, plan))
    taken = time.perf_counter() - start
    assert abs(taken - 9) < 0.45, f"{taken:.2f} s instead of 9"


PROMISES: list[Callable[[], None]] = [
    patches_are_those_of_the_cpu,
    making_a_batch_never_waits,
    paint_is_seen,
    a_graph_learns_what_steps_learn,
    a_training_learns_blobs,
    a_training_that_was_left_goes_on,
    minutes_are_kept,
]


def main() -> int:
    """Try every promise."""
    broken = 0
    for promise in PROMISES:
        start = time.perf_counter()
        try:
            promise()
            outcome = "kept"
        except Exception:  # noqa: BLE001 (every one is tried)
            outcome = "BROKEN\n" + traceback.format_exc()
            broken += 1
        seconds = time.perf_counter() - start
        print(f"{promise.__name__.replace('_', ' ')}: {outcome} ({seconds:.1f} s)")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
