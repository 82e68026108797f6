"""Fixtures of the docks: an engine that only plays, and layers to choose from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel

from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.viewer.provenance import mark_layer
from specimen_unet.widgets import job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.case import Case

PLAYED_ENGINE = """
import os, signal, sys, time
from pathlib import Path
from specimen_unet.domain import events
from specimen_unet.domain.plan import Plan
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import command_from_line, event_to_line

def say(event):
    sys.stdout.write(event_to_line(event, Path()))
    sys.stdout.flush()

def plan(run):
    settings = RunFolder.open(run).settings
    if settings.seed == 13:
        say(events.Failed("PlanError", "unlucky"))
        return
    time.sleep(0.2)
    told = Path(__file__).with_name("plan.json").read_text("utf-8")
    plan = Plan.model_validate_json(told)
    say(events.PlanReady(plan.model_copy(update={"minutes": settings.minutes})))

def train(run, resume, more_minutes):
    if run.endswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if run.endswith("broken"):
        sys.exit("no such luck")
    print("a library prints this")
    say(events.StepDone(1, 0.5, 0.1, 0.5, 0.1, 3.0))
    if run.endswith("endless"):
        return
    if run.endswith("refused"):
        say(events.Failed("PlanError", "too small"))
    else:
        say(events.Finished(f"{run}/{resume}"))

say(events.Ready("a played device"))
for line in sys.stdin:
    command = command_from_line(line)
    if command.name == "train":
        train(**command.arguments)
    elif command.name == "plan":
        plan(**command.arguments)
    elif command.name == "segment":
        say(events.Finished(command.arguments["job"]))
    elif command.name == "export":
        if command.arguments["settings"]["licence"] == "refused":
            say(events.Failed("ExportError", "no such licence"))
        else:
            say(events.Finished(command.arguments["target"]))
    else:
        say(events.Warned(f"{command.name} {sorted(command.arguments.items())}"))
Path(sys.argv[1]).write_text("left")
if sys.argv[2:]:
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _in_one_thread(garbage_stays_here: None) -> None:
    """Destroy widgets where they were made."""


@pytest.fixture
def played_engine(tmp_path: Path, a_plan: Plan) -> Callable[..., list[str]]:
    """Make the command of a child that answers at once; it writes tmp_path/"left".

    Plans are `a_plan` with the minutes of the settings; the seed 13 is refused.
    ``played_engine("stubborn")`` does not leave when its standard input closes.
    """
    script = tmp_path / "engine.py"
    script.write_text(PLAYED_ENGINE, encoding="utf-8")
    (tmp_path / "plan.json").write_text(a_plan.model_dump_json(), encoding="utf-8")

    def command(*arguments: str) -> list[str]:
        return [sys.executable, str(script), str(tmp_path / "left"), *arguments]

    return command


@pytest.fixture
def viewer() -> ViewerModel:
    """Make a viewer without a window."""
    return ViewerModel()


@pytest.fixture
def open_case() -> Callable[..., None]:
    """Open a case as layers: its image, and a labels layer an observer.

    ``open_case(viewer, case)`` names them "032" and "032_EA", "032_MG".
    """

    def open_layers(viewer: Any, case: Case, name: str | None = None) -> None:
        name = name or case.name
        frame = {
            "scale": case.grid.spacing,
            "units": (case.grid.unit,) * len(case.shape),
        }
        viewer.add_image(case.image[0].copy(), name=name, **frame)
        for observer, drawn in case.labels.items():
            viewer.add_labels(drawn.copy(), name=f"{name}_{observer}", **frame)

    return open_layers


@pytest.fixture
def three_specimens(
    make_blob_case: Callable[..., Case], open_case: Callable[..., None]
) -> ViewerModel:
    """Open three specimens of two observers, segmented ever worse by one model."""
    viewer = ViewerModel()
    for number in (1, 2, 3):
        case = make_blob_case((8, 32, 32), observers=("EA", "MG"))
        name = f"specimen 0{number}"
        open_case(viewer, case, name)
        drawn = viewer.layers[f"{name}_EA"]
        predicted = np.roll(drawn.data, number, axis=-1)
        layer = viewer.add_labels(
            predicted, name=f"{name} - m", scale=drawn.scale, units=drawn.units
        )
        layer.features = {"index": [0, 1], "label": ["background", "tumour"]}
        mark_layer(layer, "segmentation", image=name, model="/gone/m.safetensors")
    return viewer


@pytest.fixture
def idle_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start an engine that never answers, and costs nothing."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    monkeypatch.setattr(job, "worker_command", lambda: command)


@pytest.fixture
def dead_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start an engine that dies at its first work."""
    command = [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"]
    monkeypatch.setattr(job, "worker_command", lambda: command)


@pytest.fixture
def a_plan() -> Plan:
    """Return a plan that no planner was needed for."""
    return Plan(
        dimensions=3, annotation="everywhere", ending="minutes", minutes=10, steps=1500,
        network="UNet", channels=(4, 8), strides=((1, 1, 1), (1, 2, 2)),
        kernels=((1, 3, 3), (3, 3, 3)), residual_units=0, deep_supervision=False,
        image_channels=1, label_values=(0, 1), label_names=("background", "tumour"),
        painted_background=None, loss="Dice", optimiser="AdamW", learning_rate=0.001,
        patch=(8, 16, 16), batch=2, spacing=(2.0, 0.5, 0.5), unit="mm",
        normalisation="z-score", mirror_axes=(1,), augmentation=1, foreground=0.5,
        precision="float32", device="cpu", device_name="CPU (2 cores)", seed=3,
        split=Split(
            training=("032",), validation=("032",), held_out=(2, 4),
            caution="Only one specimen: slices 2 to 3 are held out.",
        ),
        forecast=Forecast(seconds_per_step=0.4, memory_bytes=1_300_000_000, steps=1500),
        fingerprint=Fingerprint(
            cases=1, shapes=((8, 32, 32),), spacings=((2.0, 0.5, 0.5),), unit="mm",
            channels=1, label_values=(1,), annotated_fraction=1,
            foreground_fraction=0.2, foreground_mean=1, foreground_sd=1,
            background_mean=0, background_sd=1,
        ),
        settings=TrainingSettings(),
        reasons={"patch": "8 × 16 × 16 voxels: what fits", "batch": "2 patches"},
    )  # fmt: skip


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let real children leave the other cores to others."""
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
