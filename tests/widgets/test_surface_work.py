"""SurfaceWork: one case after the other is measured, and nothing is left behind."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from specimen_unet.domain.comparison import Comparison
from specimen_unet.domain.grid import Grid
from specimen_unet.runs.folder import runs_folder
from specimen_unet.widgets.side_thread import NAME
from specimen_unet.widgets.surface_work import MEASURING, SurfaceWork

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def work() -> Iterator[SurfaceWork]:
    work = SurfaceWork()
    yield work
    work.leave()


def comparison(columns: int) -> Comparison:
    """A square, and one that is wider by so many columns of 0.5 mm."""
    square = np.zeros((24, 24), np.uint8)
    square[4:12, 4:12] = 1
    wider = square.copy()
    wider[4:12, 12 : 12 + columns] = 1
    return Comparison("prediction", wider, {"EA": square}, Grid((0.5, 0.5), "mm"))


def three_cases() -> list[tuple[str, Comparison]]:
    return [(f"case {columns}", comparison(columns)) for columns in (1, 2, 3)]


def copies() -> list:
    folder = runs_folder() / MEASURING
    return list(folder.iterdir()) if folder.is_dir() else []


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_one_case_after_the_other_is_measured(work, qtbot):
    told, measured = [], {}
    work.progressed.connect(told.append)
    work.done.connect(measured.update)
    work.start(three_cases, 0.5)
    qtbot.waitUntil(lambda: not work.is_active, timeout=90_000)
    assert [(each.case, each.number, each.of) for each in told if not each.pair] == [
        *(("case 1", 1, 3), ("case 2", 2, 3), ("case 3", 3, 3)),
    ]
    assert [each.case for each in told if each.pair] == list(measured)
    found = {case: copy.table()["hd95"].item() for case, copy in measured.items()}
    assert found == {"case 1": 0.5, "case 2": 1.0, "case 3": 1.5}
    assert len(copies()) == 1
    work.clear()
    assert copies() == []


@pytest.mark.usefixtures("idle_engine")
def test_all_cases_are_copied_before_the_first_is_measured(work, qtbot):
    cases = three_cases()
    work.progressed.connect(lambda _: cases[2][1].predicted.fill(0))
    work.start(lambda: cases, None)
    qtbot.waitUntil(lambda: not cases[2][1].predicted.any())
    (place,) = copies()
    kept = np.load(place / "surfaces-3" / "predicted.npy")
    np.testing.assert_array_equal(kept, comparison(3).predicted)


@pytest.mark.usefixtures("idle_engine")
def test_what_is_left_while_it_is_measured_leaves_nothing(work, qtbot):
    with qtbot.waitSignal(work.progressed):
        work.start(three_cases, None)
    assert len(copies()) == 1
    work.leave()
    assert not work.is_active
    assert copies() == []


class SlowNames:
    """Names of labels that take their time, just before the labels are copied."""

    def __init__(self) -> None:
        self.are_read, self.may_go_on = threading.Event(), threading.Event()

    def keys(self) -> list[int]:
        self.are_read.set()
        assert self.may_go_on.wait(30)
        return []


@pytest.mark.usefixtures("idle_engine")
@pytest.mark.parametrize("way", ["leave", "stop"])
def test_what_is_not_wanted_while_it_is_copied_leaves_nothing(work, qtbot, way):
    names, seen, told = SlowNames(), [], []

    def compared() -> Iterator[tuple[str, Comparison]]:
        cases = [*three_cases(), ("the last", comparison(4))]
        cases[1] = ("slow", replace(cases[1][1], label_names=names))
        for case in cases:
            seen.append(case[0])
            yield case

    work.ended.connect(told.append)
    work.start(compared, None)
    qtbot.waitUntil(names.are_read.is_set)
    assert len(copies()) == 1
    getattr(work, way)()
    names.may_go_on.set()
    qtbot.waitUntil(lambda: not work.is_active and not is_copying())
    assert copies() == []
    assert told == ([] if way == "leave" else [""])
    # One more may be looked at, but it is not copied.
    assert "the last" not in seen


def is_copying() -> bool:
    return any(thread.name == NAME for thread in threading.enumerate())


@pytest.mark.usefixtures("dead_engine")
def test_an_engine_that_dies_is_told_with_the_case_and_leaves_nothing(work, qtbot):
    with qtbot.waitSignal(work.ended, timeout=20_000) as told:
        work.start(three_cases, None)
    assert told.args[0].startswith("case 1: The process of the measuring ended")
    assert not work.is_active
    assert copies() == []


def test_labels_that_cannot_be_copied_are_told(work, qtbot, monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("SPECIMEN_UNET_RUNS", str(file / "runs"))
    with qtbot.waitSignal(work.ended) as told:
        work.start(three_cases, None)
    assert "cannot be copied" in told.args[0]
    assert "Not a directory" in told.args[0]
