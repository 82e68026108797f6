"""Draft: the last choice is planned once, and handed over up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.viewer.pairing import Pair
from specimen_unet.widgets import draft as draft_module
from specimen_unet.widgets.draft import Draft, remove_old_drafts
from specimen_unet.widgets.draft_choice import Choice
from specimen_unet.widgets.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case


@pytest.fixture
def pair(
    viewer: ViewerModel,
    two_observer_cases: list[Case],
    open_case: Callable[..., None],
) -> Pair:
    open_case(viewer, two_observer_cases[0], "032")
    return Pair(viewer.layers[0], tuple(viewer.layers[1:]))


@pytest.fixture
def draft(
    qtbot: QtBot,
    played_engine: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Draft]:
    monkeypatch.setattr(draft_module, "SETTLE_MS", 50)
    job = Job(command=played_engine())
    draft = Draft(job)
    yield draft
    draft.leave()
    job.shutdown()


def choice(pair: Pair, **settings: Any) -> Choice:
    return Choice((pair,), TrainingSettings(**settings))


def folders() -> list[Path]:
    return list((runs_folder() / ".drafts").glob("*/*"))


def test_a_choice_that_stays_is_planned(draft: Draft, pair: Pair, qtbot: QtBot) -> None:
    told: list[str] = []
    draft.told.connect(told.append)
    with qtbot.waitSignal(draft.planned) as planned:
        draft.choose(choice(pair, minutes=3))
    assert planned.args[0].minutes == 3
    assert told == ["Copying the images…", "Making a plan…"]


def test_a_layer_of_another_scale_is_copied_anew(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    settings = TrainingSettings()
    for factor in (1, 3):
        for layer in (pair.image, *pair.truths):
            layer.scale = np.asarray(layer.scale) * factor
        grid = grid_of_layer(pair.image)
        with qtbot.waitSignal(draft.planned):
            draft.choose(Choice((pair,), settings, grids=(grid,)))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    assert taken.args[0].cases()[0].grid == grid


def test_choices_that_were_overtaken_are_not_told(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    minutes: list[float] = []
    draft.planned.connect(lambda plan: minutes.append(plan.minutes))
    for number in range(1, 6):
        draft.choose(choice(pair, minutes=number))
        qtbot.wait(110)
    qtbot.waitUntil(lambda: minutes[-1:] == [5])
    qtbot.wait(600)
    assert minutes == [5]
    assert len(folders()) == 1


def test_a_choice_that_waits_for_another_finds_what_it_begins_with(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(pair, minutes=1))
    # The second of these is asked for before the first has taken the draft's place.
    draft.choose(choice(pair, minutes=2))
    draft.make()
    # Begun; on a quick machine it may be over by now.
    qtbot.waitUntil(lambda: draft._task._question is None)
    draft.choose(choice(pair, minutes=3))
    draft.make()
    with qtbot.waitSignal(draft.planned) as planned:
        pass
    assert planned.args[0].minutes == 3
    assert len(folders()) == 1


def test_a_choice_that_cannot_be_planned_is_refused(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(draft.refused) as refused:
        draft.choose(choice(pair, seed=13))
    assert refused.args == ["unlucky"]
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(pair, seed=14))


def test_what_is_painted_meanwhile_is_in_the_run(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(pair))
    pair.truths[0].data[0] = 9
    with qtbot.waitSignal(draft.planned):
        draft.painted()
    pair.truths[1].data[0] = 8
    draft.painted()
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    case = taken.args[0].cases()[0]
    np.testing.assert_array_equal(case.labels["EA"], pair.truths[0].data)
    np.testing.assert_array_equal(case.labels["MG"], pair.truths[1].data)


def test_the_run_is_kept_under_a_name_that_tells_what_it_is(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(pair, minutes=7))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    run: RunFolder = taken.args[0]
    assert run.path.parent == runs_folder()
    assert run.name.startswith("032-3d_20")
    assert run.settings.minutes == 7
    assert folders() == []


def test_a_run_taken_at_once_waits_for_its_copy(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    draft.choose(choice(pair, minutes=2))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    assert taken.args[0].settings.minutes == 2


def test_a_run_taken_while_it_is_planned_waits_for_the_plan(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(
        draft.told, check_params_cb=lambda text: text.startswith("Making")
    ):
        draft.choose(choice(pair))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    assert RunFolder.is_run(taken.args[0].path)


def test_choices_changed_while_they_are_planned_end_in_a_training_that_works(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    """The engine may still read the copy that the new one takes the place of."""
    failed: list[object] = []
    draft._job.failed.connect(failed.append)
    with qtbot.waitSignal(
        draft.told, check_params_cb=lambda text: text.startswith("Making")
    ):
        draft.choose(choice(pair, minutes=2))
    draft.choose(choice(pair, minutes=3))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    assert failed == []
    assert taken.args[0].settings.minutes == 3
    assert folders() == []


def test_a_plan_that_failed_is_told_before_the_training_begins(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    """Else it would be taken for a failure of the training."""
    order: list[str] = []
    draft._job.failed.connect(lambda _: order.append("failed"))
    draft.taken.connect(lambda _: order.append("taken"))
    with qtbot.waitSignal(
        draft.told, check_params_cb=lambda text: text.startswith("Making")
    ):
        draft.choose(choice(pair, seed=13))
    with qtbot.waitSignal(draft.taken):
        draft.take()
    qtbot.wait(50)
    assert order == ["failed", "taken"]


def test_two_runs_of_one_minute_have_two_folders(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    runs = []
    for _ in range(2):
        draft.choose(choice(pair))
        with qtbot.waitSignal(draft.taken) as taken:
            draft.take()
        runs.append(taken.args[0].path)
    assert len(set(runs)) == 2


def test_a_large_choice_is_copied_only_when_asked(
    draft: Draft, pair: Pair, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_module, "LARGE_BYTES", 100)
    with qtbot.waitSignal(draft.told) as told:
        draft.choose(choice(pair))
    assert "press Show the plan" in told.args[0]
    qtbot.wait(200)
    assert folders() == []
    assert draft.is_large
    with qtbot.waitSignal(draft.planned):
        draft.make()


def test_layers_that_cannot_be_copied_are_refused(
    draft: Draft, pair: Pair, qtbot: QtBot
) -> None:
    pair.truths[0].data[...] = 0
    with qtbot.waitSignal(draft.refused) as refused:
        draft.choose(choice(pair))
    assert "Nothing is painted" in refused.args[0]


def test_a_model_to_start_from_is_copied_into_the_run(
    draft: Draft, pair: Pair, qtbot: QtBot, tmp_path: Path
) -> None:
    model = tmp_path / "earlier.safetensors"
    model.write_bytes(b"weights")
    draft.choose(Choice((pair,), TrainingSettings(), model))
    with qtbot.waitSignal(draft.taken) as taken:
        draft.take()
    assert taken.args[0].start_path.read_bytes() == b"weights"


def test_leaving_removes_the_copies(draft: Draft, pair: Pair, qtbot: QtBot) -> None:
    with qtbot.waitSignal(draft.planned):
        draft.choose(choice(pair))
    assert folders() != []
    draft.leave()
    assert folders() == []


def test_drafts_that_a_killed_viewer_left_are_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = runs_folder() / ".drafts" / "1-abc" / "032"
    left.mkdir(parents=True)
    remove_old_drafts()
    assert left.exists()
    monkeypatch.setattr(draft_module, "_OLD_SECONDS", -1.0)
    remove_old_drafts()
    assert not left.exists()
