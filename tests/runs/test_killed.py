"""Kill the training at any moment: it resumes, ends, and gives the same model."""

from __future__ import annotations

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from specimen_unet.domain.events import Finished, PlanReady, StepDone
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.protocol import command_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.settings import TrainingSettings

pytestmark = pytest.mark.slow

KILLS = 5  # in 2D and again in 3D
STEPS = 60


@pytest.fixture
def planned(
    child,
    tmp_path: Path,
    blob_cases: list[Case],
    small_settings: Callable[..., TrainingSettings],
) -> RunFolder:
    """Return a run that is planned and not begun, to be copied."""
    dimensions = blob_cases[0].grid.dimensions
    settings = small_settings(dimensions=dimensions, steps=STEPS)
    run = RunFolder.create(tmp_path / "planned", "run", blob_cases, settings)
    child.tell(command_line("plan", run=run.path))
    child.until(PlanReady)
    return run


def test_a_killed_training_resumes_to_the_very_same_model(
    child, start_child, planned: RunFolder, weights, tmp_path
):
    straight = _copy(planned, tmp_path / "straight")
    child.train(straight)
    events = len(child.until(Finished))

    def kill(number: int) -> RunFolder:
        """Train a copy, and kill it after some events and a moment."""
        chance = random.Random(f"{planned.settings.dimensions} {number}")
        run = _copy(planned, tmp_path / f"killed-{number}")
        victim = start_child()
        victim.hear()
        victim.train(run)
        # A stratified choice, so that no part of the run is left out.
        share = (number + chance.random()) / KILLS
        for _ in range(int(share * (events - 1))):
            victim.hear()
        time.sleep(chance.uniform(0, 0.03))
        victim.process.kill()
        victim.process.wait()
        return run

    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(kill, range(KILLS)))

    expected = weights(straight.model_path)
    reached = []
    for run in killed:
        reached.append(max(_steps(run), default=0))
        child.train(run, resume=True)
        assert child.until(Finished)[-1].stopped_early is False
        assert run.is_finished
        assert weights(run.model_path) == expected
        assert set(_steps(run)) == set(range(1, STEPS + 1))
    assert min(reached) < STEPS / 3
    assert sum(0 < steps < STEPS for steps in reached) >= KILLS - 2


def test_a_training_killed_again_and_again_gets_to_the_end(
    start_child, child, planned: RunFolder, weights, tmp_path
):
    straight = _copy(planned, tmp_path / "straight")
    child.train(straight)
    child.until(Finished)
    for _ in range(2 if planned.settings.dimensions == 3 else 1):
        victim = start_child()
        victim.train(planned, resume=True)
        for _ in range(STEPS // 4):
            victim.until(StepDone)
        victim.process.kill()
        victim.process.wait()
    child.train(planned, resume=True)
    child.until(Finished)
    assert weights(planned.model_path) == weights(straight.model_path)


def test_a_training_killed_after_its_model_was_saved_only_has_to_tell(
    child, planned: RunFolder
):
    child.train(planned)
    finished = child.until(Finished)[-1]
    journal = planned.path / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:10])
    child.train(planned, resume=True)
    assert child.until(Finished) == [finished]
    assert planned.events()[-1] == finished


def test_what_a_killed_process_was_writing_is_cleared_away(child, planned: RunFolder):
    half = planned.path / ".1-2.checkpoint.safetensors"
    half.write_bytes(b"half of it")
    child.train(planned, resume=True)
    child.until(Finished)
    assert not half.exists()


def _copy(run: RunFolder, path: Path) -> RunFolder:
    return RunFolder.open(shutil.copytree(run.path, path))


def _steps(run: RunFolder) -> list[int]:
    return [event.step for event in run.events() if isinstance(event, StepDone)]
