"""Runs that are small enough to train in a test."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest
from distributed import LocalCluster
from safetensors.numpy import load_file

from specimen_unet.domain.events import Failed, Finished, Ready
from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import command_line, event_from_line
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.events import Event


@pytest.fixture(scope="session")
def small_settings() -> Callable[..., TrainingSettings]:
    """Make settings of a training that takes seconds on one core."""

    def make(**changes: Any) -> TrainingSettings:
        dimensions = changes.pop("dimensions", 2)
        small = {
            "dimensions": dimensions,
            "ending": "steps",
            "steps": 12,
            "channels": (4, 8),
            "patch": (16, 16) if dimensions == 2 else (8, 16, 16),
            "batch": 2,
            "residual_units": 0,
            "device": "cpu",
        }
        return TrainingSettings(**{**small, **changes})

    return make


@pytest.fixture
def run(
    tmp_path: Path,
    blob_cases: list[Case],
    small_settings: Callable[..., TrainingSettings],
) -> RunFolder:
    """Return a run of four small cases, in 2D and in 3D, not yet trained."""
    dimensions = blob_cases[0].grid.dimensions
    settings = small_settings(dimensions=dimensions)
    return RunFolder.create(tmp_path, "blobs", blob_cases, settings)


@pytest.fixture(scope="session")
def study_cases(
    spatial: tuple[int, ...], make_blob_case: Callable[..., Case]
) -> list[Case]:
    """Return six small cases of three patients, in 2D and in 3D, that two drew."""
    return [
        make_blob_case(
            spatial, seed=seed, observers=("EA", "MG"), group=f"patient {seed // 2}"
        )
        for seed in range(6)
    ]


@pytest.fixture
def study(
    tmp_path: Path,
    study_cases: list[Case],
    small_settings: Callable[..., TrainingSettings],
) -> StudyFolder:
    """Return a study of three folds that was not begun."""
    settings = small_settings(dimensions=study_cases[0].grid.dimensions)
    return StudyFolder.create(tmp_path / "study", study_cases, settings, folds=3)


@pytest.fixture
def make_flat_study(
    tmp_path: Path,
    make_blob_case: Callable[..., Case],
    small_settings: Callable[..., TrainingSettings],
) -> Callable[..., StudyFolder]:
    """Make a study of three folds in 2D, for what starts processes."""

    def make(**changes: Any) -> StudyFolder:
        cases = [make_blob_case((32, 32), seed=seed) for seed in range(6)]
        return StudyFolder.create(
            tmp_path / "flat", cases, small_settings(**changes), folds=3
        )

    return make


@pytest.fixture
def flat_study(make_flat_study: Callable[..., StudyFolder]) -> StudyFolder:
    """Return a study whose folds take a moment."""
    return make_flat_study()


@pytest.fixture
def long_study(make_flat_study: Callable[..., StudyFolder]) -> StudyFolder:
    """Return a study whose folds take so long that they can be killed."""
    return make_flat_study(steps=150)


@pytest.fixture
def plan_of_ours() -> Plan:
    """Return a plan that no planner was needed for."""
    return Plan(
        dimensions=2, annotation="everywhere", ending="steps", minutes=1, steps=10,
        network="UNet", channels=(4, 8), strides=((1, 1), (2, 2)),
        kernels=((3, 3), (3, 3)), residual_units=0, deep_supervision=False,
        image_channels=1, label_values=(0, 1), label_names=("background", "tumour"),
        painted_background=None, loss="Dice", optimiser="AdamW", learning_rate=0.001,
        patch=(16, 16), batch=2, spacing=(0.5, 0.5), unit="mm",
        normalisation="z-score", mirror_axes=(1,), augmentation=1, foreground=0.5,
        precision="float32", device="cpu", device_name="CPU", seed=3,
        split=Split(training=("a",), validation=("b",), held_out=(2, 4)),
        forecast=Forecast(seconds_per_step=0.1, memory_bytes=10**6, steps=10),
        fingerprint=Fingerprint(
            cases=2, shapes=((32, 32), (30, 32)), spacings=((0.5, 0.5),) * 2,
            unit="mm", channels=1, label_values=(1,), annotated_fraction=1,
            foreground_fraction=0.2, foreground_mean=1, foreground_sd=np.nan,
            background_mean=0, background_sd=1,
        ),
        settings=TrainingSettings(minutes=10),
        reasons={"patch": "16 × 16 pixels: what fits"},
    )  # fmt: skip


class Child:
    """The real worker process, spoken with as the docks do."""

    def __init__(self, **environment: str) -> None:
        self.library: Path | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "specimen_unet", "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            text=True,
            encoding="utf-8",
        )
        self._heard: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self._heard.put(event_from_line(line))
        self._heard.put(None)

    def tell(self, line: str) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def train(self, run: RunFolder, *, resume: bool = False) -> None:
        self.tell(command_line("train", run=run.path, resume=resume))

    def hear(self, seconds: float = 120) -> Event | None:
        """Wait for the next event; None when the child has gone."""
        return self._heard.get(timeout=seconds)

    def until(self, *kinds: type) -> list[Event]:
        """Hear events up to one of these kinds; anything that ends before fails."""
        heard = []
        while True:
            event = self.hear()
            assert event is not None, f"the child went away after {heard[-3:]}"
            heard.append(event)
            if isinstance(event, kinds):
                return heard
            assert not isinstance(event, Finished | Failed), event

    def until_the_end(self) -> Finished:
        """Hear events up to the result."""
        return self.until(Finished)[-1]

    def is_silent(self, seconds: float) -> bool:
        try:
            self.hear(seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> int:
        """Close its standard input, as a parent that is gone; return its status."""
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture
def start_child() -> Iterator[Callable[[], Child]]:
    """Start children, and end those that a test left."""
    children: list[Child] = []

    def start(**environment: str) -> Child:
        children.append(Child(**environment))
        return children[-1]

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        child.process.stdin.close()
        child.process.stdout.close()


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """Return one child for several tests, its imports done."""
    library = tmp_path_factory.mktemp("library")
    child = Child(SPECIMEN_UNET_LIBRARY=str(library))
    child.library = library
    assert isinstance(child.hear(), Ready)
    yield child
    assert child.close() == 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Start a scheduler and two workers, each a process of its own.

    Dask leaves MALLOC_TRIM_THRESHOLD_ and more in the environment, and processes that
    later tests start would take another way to get their memory.
    """
    with (
        patch.dict(os.environ),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="session")
def weights() -> Callable[[Any], dict[str, bytes]]:
    """Read the weights of a model, as bytes to be compared."""

    def read(path: Any) -> dict[str, bytes]:
        tensors = load_file(path)
        assert tensors
        return {name: tensor.tobytes() for name, tensor in tensors.items()}

    return read
