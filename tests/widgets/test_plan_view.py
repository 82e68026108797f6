"""PlanView: the plan is told in words, with what it takes and is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt

from specimen_unet.domain.plan import Plan, Split
from specimen_unet.widgets.plan_view import PlanView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def view(qtbot: QtBot) -> PlanView:
    view = PlanView()
    qtbot.addWidget(view.native)
    view.native.show()
    return view


def test_it_names_network_device_time_and_memory(view: PlanView, a_plan: Plan) -> None:
    view.show_plan(a_plan)
    assert view.summary.value == "3D UNet on CPU (2 cores)"
    assert view.forecast.value == (
        "10 min: about 1,500 steps of 0.4 s, 1.3 GB of memory."
    )
    assert view.caution.value == "Only one specimen: slices 2 to 3 are held out."


def test_it_names_what_is_held_out(view: PlanView, a_plan: Plan) -> None:
    split = Split(training=("a",), validation=("b", "c", "d", "e", "f", "g"))
    view.show_plan(a_plan.model_copy(update={"split": split}))
    assert view.forecast.value.endswith(
        "Held out to score the model: b, c, d, e and 2 more."
    )
    assert not view.caution.visible


def test_reasons_are_shown_on_request(
    view: PlanView, a_plan: Plan, qtbot: QtBot
) -> None:
    view.show_plan(a_plan)
    assert not view.reasons.visible
    qtbot.mouseClick(view["show_reasons"].native, Qt.MouseButton.LeftButton)
    assert view.reasons.value == "• 8 × 16 × 16 voxels: what fits\n• 2 patches"
    qtbot.mouseClick(view["show_reasons"].native, Qt.MouseButton.LeftButton)
    assert not view.reasons.visible


def test_a_problem_takes_the_place_of_a_plan(view: PlanView, a_plan: Plan) -> None:
    view.show_plan(a_plan)
    view.show_problem("The patch is larger than the image.")
    assert view.problem.visible
    assert not view.summary.visible
    view.show_plan(a_plan)
    assert not view.problem.visible
