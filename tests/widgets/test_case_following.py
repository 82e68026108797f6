from __future__ import annotations

import pytest

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.widgets.case_following import CaseFollowing


@pytest.fixture
def run(two_observer_cases):
    settings = TrainingSettings()
    return RunFolder.create(runs_folder(), "blobs", two_observer_cases, settings)


@pytest.fixture
def following(viewer, qapp):
    following = CaseFollowing(viewer)
    yield following
    following.stop()


def test_cases_of_the_run_that_are_open_are_found_with_their_observers(
    following, run, viewer, open_case, two_observer_cases, make_blob_case
):
    open_case(viewer, two_observer_cases[1])
    open_case(viewer, make_blob_case((9, 9)), "other")
    (pair,) = following.pairs_of(run)
    assert pair.image.name == "blob 1"
    assert list(pair.observers()) == ["EA", "MG"]


def test_a_case_that_is_opened_is_told_once_it_is_whole(
    following, run, viewer, open_case, two_observer_cases, qtbot
):
    told = []
    following.opened.connect(told.append)
    following.start(run)
    open_case(viewer, two_observer_cases[0])
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    qtbot.wait(300)
    assert [len(pair.truths) for pairs in told for pair in pairs] == [2]
    following.stop()
    open_case(viewer, two_observer_cases[1])
    qtbot.wait(300)
    assert len(told) == 1
