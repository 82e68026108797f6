"""Surfaces that a dock asks for are measured by the worker, as the terminal does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from specimen_unet.domain.comparison import Comparison, score
from specimen_unet.domain.control import Control
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.events import Failed, TileDone
from specimen_unet.domain.grid import Grid
from specimen_unet.runs.protocol import command_line
from specimen_unet.runs.surface_job import SurfaceJob
from specimen_unet.runs.surface_scores import measure_job, with_surfaces


@pytest.fixture
def comparison(two_observer_cases) -> Comparison:
    """A prediction of two labels against two observers, in 2D and in 3D."""
    case = two_observer_cases[0]
    predicted = np.roll(case.labels["EA"], 2, axis=-1)
    predicted[..., :3] = 2
    names = {1: "NA", 2: "cyst, small"}
    return Comparison(
        "a model", predicted, dict(case.labels), case.grid, label_names=names
    )


def test_what_is_compared_comes_back_as_it_was(comparison, tmp_path):
    opened = SurfaceJob.create(tmp_path, comparison, 0.5).comparison()
    assert (opened.name, opened.grid) == (comparison.name, comparison.grid)
    assert dict(opened.label_names) == comparison.label_names
    np.testing.assert_array_equal(opened.predicted, comparison.predicted)
    for observer, drawn in comparison.truths.items():
        np.testing.assert_array_equal(opened.truths[observer], drawn)


def test_the_worker_finds_what_the_terminal_finds(comparison, tmp_path, child):
    job = SurfaceJob.create(tmp_path, comparison, 0.5)
    child.tell(command_line("surfaces", folder=job.path))
    assert child.until_the_end().path == str(job.table_path)
    wanted = with_surfaces(score(comparison).table, comparison, 0.5)
    assert {"hd95", "mean_surface_distance", "surface_dice"} <= set(wanted)
    pd.testing.assert_frame_equal(job.table(), wanted, check_dtype=False)
    assert list(job.table()["name"].unique()) == ["NA", "cyst, small"]
    job.remove()
    assert list(tmp_path.iterdir()) == []


def test_it_tells_how_far_it_is_and_ends_when_it_is_stopped(comparison, tmp_path):
    job = SurfaceJob.create(tmp_path, comparison, None)
    control = Control()
    told = []
    for event in measure_job(job, control):
        told.append(event)
        control.stop()
    assert isinstance(told[0], TileDone)
    assert (told[0].tile, told[0].of) == (1, 3)
    assert told[-1].stopped_early
    assert not job.table_path.exists()


def test_a_folder_that_is_no_job_is_told(tmp_path, child):
    child.tell(command_line("surfaces", folder=tmp_path))
    assert child.until(Failed)[-1].kind == RunFolderError.__name__


def test_surfaces_of_one_slice_are_in_the_unit_of_the_grid(tmp_path):
    square = np.zeros((16, 16), np.uint8)
    square[4:12, 4:12] = 1
    wider = square.copy()
    wider[4:12, 12:14] = 1
    job = SurfaceJob.create(
        tmp_path, Comparison("a", wider, {"b": square}, Grid((0.5, 0.25), "mm")), 0.1
    )
    for _ in measure_job(job):
        pass
    assert job.table()["hd95"].item() == pytest.approx(0.5)
    assert job.table()["distance_unit"].item() == "mm"


def test_what_does_not_fit_on_the_disk_is_refused_before_it_is_copied(tmp_path):
    # Nothing of it is in memory or on the disk: it is one voxel, repeated.
    huge = np.broadcast_to(np.uint8(1), (1 << 20, 1 << 20, 1 << 10))
    comparison = Comparison("a", huge, {"b": huge}, Grid((1, 1, 1), "mm"))
    with pytest.raises(RunFolderError, match=r"need 2251799.8 GB .* are free"):
        SurfaceJob.create(tmp_path, comparison, None)
    assert list(tmp_path.iterdir()) == []
