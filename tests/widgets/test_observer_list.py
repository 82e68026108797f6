from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from specimen_unet.widgets.observer_list import ObserverList


def layer(name: str) -> Labels:
    return Labels(np.zeros((2, 2), np.uint8), name=name)


@pytest.fixture
def ea():
    return layer("EA")


@pytest.fixture
def mg():
    return layer("MG")


@pytest.fixture
def observers(qtbot, ea, mg):
    observers = ObserverList()
    qtbot.addWidget(observers)
    observers.resize(250, 100)
    observers.offer([ea, mg], likely=[ea])
    return observers


def click(observers: ObserverList, row: int, *, x: int) -> None:
    line = observers.visualItemRect(observers.item(row))
    place = line.topLeft()
    place.setX(x)
    place.setY(line.center().y())
    QTest.mouseClick(
        observers.viewport(), Qt.MouseButton.LeftButton, Qt.NoModifier, place
    )


@pytest.mark.parametrize("x", [10, 150], ids=["box", "name"])
def test_a_click_on_box_or_name_ticks_and_unticks(observers, qtbot, ea, mg, x):
    with qtbot.waitSignal(observers.ticks_changed):
        click(observers, 1, x=x)
    assert observers.ticked == [ea, mg]
    with qtbot.waitSignal(observers.ticks_changed):
        click(observers, 0, x=x)
    assert observers.ticked == [mg]


def test_ticks_stay_with_layers_that_are_renamed_and_moved(observers, ea, mg):
    click(observers, 1, x=10)
    ea.name = "Eva"
    observers.offer([mg, ea, layer("new")], likely=[])
    assert [observers.item(row).text() for row in range(3)] == ["MG", "Eva", "new"]
    assert observers.ticked == [mg, ea]


def test_a_layer_unticked_by_hand_is_not_ticked_again(observers, ea, mg):
    click(observers, 0, x=10)
    observers.offer([ea, mg], likely=[ea, mg])
    assert observers.ticked == [mg]


def test_a_layer_that_is_gone_is_not_ticked(observers, ea, mg):
    observers.offer([mg], likely=[])
    assert observers.ticked == []


def test_many_layers_scroll_instead_of_filling_the_dock(observers):
    few = observers.height()
    observers.offer([layer(str(number)) for number in range(40)], likely=[])
    assert few < observers.height() < 8 * few
