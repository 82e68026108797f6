from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QObject

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.widgets.latest_task import LatestTask


@pytest.fixture
def owner(qtbot):
    return QObject()


@pytest.fixture
def task(owner):
    return LatestTask(owner)


@pytest.fixture
def answers(task):
    heard: list[object] = []
    task.answered.connect(heard.append)
    return heard


def test_a_question_is_answered_in_the_main_thread_and_worked_out_beside_it(
    task, qtbot
):
    heard = []
    task.answered.connect(
        lambda where: heard.append((where, threading.current_thread()))
    )
    task.ask(threading.current_thread)
    qtbot.waitUntil(lambda: heard != [])
    ((worked, told),) = heard
    assert told is threading.main_thread()
    assert worked is not told


def test_of_many_questions_only_the_newest_is_begun(task, answers, qtbot):
    begun = []
    for number in range(20):
        task.ask(lambda number=number: begun.append(number) or number)
    qtbot.waitUntil(lambda: not task.is_busy)
    assert begun == answers == [19]


def test_a_question_asked_meanwhile_is_answered_next(task, answers, qtbot):
    go = threading.Event()
    task.ask(lambda: go.wait(5) and "first")
    qtbot.wait(120)  # it has begun
    task.ask(lambda: "second")
    go.set()
    qtbot.waitUntil(lambda: not task.is_busy)
    assert answers == ["first", "second"]


def test_a_dropped_question_is_not_answered(task, answers, qtbot):
    go = threading.Event()
    task.ask(lambda: go.wait(5) and "stale")
    qtbot.wait(120)
    task.drop()
    task.ask(lambda: "new")
    go.set()
    qtbot.waitUntil(lambda: not task.is_busy)
    qtbot.wait(50)
    assert answers == ["new"]


def test_an_error_for_people_is_told(task, answers, qtbot):
    def refuse() -> None:
        raise GridMismatchError("The shapes differ.")

    with qtbot.waitSignal(task.refused) as told:
        task.ask(refuse)
    assert told.args == ["The shapes differ."]
    assert answers == []
    assert not task.is_busy


@pytest.mark.parametrize("kind", [RuntimeError, ZeroDivisionError])
def test_a_bug_is_raised_and_the_next_question_is_answered(task, answers, qtbot, kind):
    def fail() -> None:
        raise kind("a bug")

    with qtbot.captureExceptions() as raised:
        task.ask(fail)
        qtbot.waitUntil(lambda: not task.is_busy)
    assert [error[0] for error in raised] == [kind]
    task.ask(lambda: "next")
    qtbot.waitUntil(lambda: answers == ["next"])


def test_an_owner_that_goes_leaves_no_thread(qtbot):
    owner = QObject()
    task = LatestTask(owner)
    go = threading.Event()
    task.ask(lambda: go.wait(5))
    qtbot.wait(120)
    owner.deleteLater()
    del owner, task
    qtbot.wait(50)
    go.set()
    qtbot.waitUntil(
        lambda: not [t for t in threading.enumerate() if "specimen" in t.name]
    )
