"""A training on cases of a folder: read when they are copied, and as they are then."""

from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs.folder import runs_folder
from specimen_unet.widgets import draft as draft_module
from specimen_unet.widgets.draft import Draft
from specimen_unet.widgets.draft_choice import Choice
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.set_up import SetUp


@pytest.fixture
def table(tmp_path, blob_cases):
    root = tmp_path / "specimens"
    for case in blob_cases:
        write_image(root / f"{case.name}.tif", case.image[0], case.grid)
        write_labels(root / f"{case.name}_EA.tif", case.labels["EA"], case.grid)
    return CaseTable(CaseFolder.open(root))


@pytest.fixture
def job(played_engine, qapp, monkeypatch):
    monkeypatch.setattr(draft_module, "SETTLE_MS", 50)
    job = Job(command=played_engine())
    yield job
    job.shutdown()


@pytest.fixture
def draft(job):
    draft = Draft(job)
    yield draft
    draft.leave()


@pytest.fixture
def set_up(job, viewer, qtbot):
    set_up = SetUp(viewer, job)
    qtbot.addWidget(set_up.native)
    yield set_up
    set_up.leave()


def choice(table, **settings):
    chosen = table.chosen(table.rows)
    return Choice((), TrainingSettings(**settings), chosen=chosen, stamp=chosen.stamp)


def test_the_run_holds_the_cases_with_their_groups_and_is_called_after_the_folder(
    draft, table, qtbot
):
    table.mark(table.rows[:2], group="P7", split="test")
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(table))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    run = taken.args[0]
    assert run.name.startswith("specimens-3d_")
    assert [(c.name, c.group, c.split) for c in run.cases()] == [
        ("blob 0", "P7", "test"),
        ("blob 1", "P7", "test"),
        ("blob 2", "blob 2", ""),
        ("blob 3", "blob 3", ""),
    ]


def test_other_settings_do_not_read_the_folder_again(draft, table, qtbot):
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(table))
    stamp = table.chosen(table.rows).stamp
    (table.folder.listing.root / "blob 0.tif").unlink()
    chosen = table.chosen(table.rows)
    with qtbot.waitSignal(draft.planned) as planned:
        draft.choose(
            Choice((), TrainingSettings(minutes=3), chosen=chosen, stamp=stamp)
        )
    assert planned.args[0].minutes == 3


def test_labels_that_were_saved_meanwhile_are_learnt_from(set_up, table, qtbot):
    with qtbot.waitSignal(set_up.draft.planned):
        set_up.learn_from(table.chosen(table.rows))
    case = next(table.chosen(table.rows[:1]).read())
    painted = np.zeros_like(case.labels["EA"])
    painted[..., 3, 4] = 1
    path = table.folder.listing.root / "blob 0_EA.tif"
    write_labels(path, painted, case.grid)
    with qtbot.waitSignal(set_up.begun) as begun:
        set_up.train.native.click()
    run, pairs = begun.args
    assert pairs is None
    np.testing.assert_array_equal(run.cases()[0].labels["EA"], painted)


def test_a_bad_file_is_named_and_leaves_nothing_behind(draft, table, qtbot):
    (table.folder.listing.root / "blob 2.tif").write_bytes(b"")
    with qtbot.waitSignal(draft.refused) as refused:
        draft.choose(choice(table))
    assert "blob 2.tif" in refused.args[0]
    left = [p for p in (runs_folder() / ".drafts").rglob("*") if p.is_file()]
    assert left == []


def test_a_large_folder_is_copied_only_when_asked(draft, table, qtbot, monkeypatch):
    monkeypatch.setattr(draft_module, "LARGE_BYTES", 100)
    with qtbot.waitSignal(draft.told) as told:
        draft.choose(choice(table))
    assert "press Show the plan" in told.args[0]
    with qtbot.waitSignal(draft.planned):
        draft.make()


def test_it_is_told_how_many_are_read(draft, table, qtbot, monkeypatch):
    monkeypatch.setattr(draft_module, "_COUNT_MS", 1)
    told = []
    slow = Draft(draft._job)
    slow.told.connect(told.append)
    with qtbot.waitSignal(slow.planned):
        slow.choose(choice(table))
    slow.leave()
    assert any(text.startswith("Copying: ") for text in told)


def test_a_button_leads_back_to_open_layers(set_up, table, viewer, qtbot):
    set_up.native.show()
    set_up.learn_from(table.chosen(table.rows))
    assert "4 cases of specimens" in set_up.chosen.told.value
    assert not set_up.cases.visible
    set_up.chosen.layers.native.click()
    assert set_up.cases.visible
    assert not set_up.chosen.visible
    assert not set_up.train.enabled
