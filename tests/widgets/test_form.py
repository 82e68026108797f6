"""SettingsForm: what it shows and returns is what the settings class says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QStyle, QStyleOptionComboBox

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import Settings, TrainingSettings
from specimen_unet.widgets.form import SettingsForm

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Rates(Settings):
    """Numbers that a form could lose digits of."""

    rate: float = Field(0.001, ge=0, le=1, json_schema_extra={"step": 0.001})
    steps: int = Field(50_000, ge=1)


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm[TrainingSettings]:
    form = SettingsForm(TrainingSettings)
    qtbot.addWidget(form.native)
    return form


@pytest.mark.parametrize("kind", [TrainingSettings, SegmentationSettings, Rates])
def test_untouched_it_gives_the_defaults(qtbot: QtBot, kind: Any) -> None:
    form = SettingsForm(kind)
    qtbot.addWidget(form.native)
    assert form.settings == kind()


def test_every_control_has_its_fields_name_title_and_tooltip(
    form: SettingsForm[TrainingSettings],
) -> None:
    for name, field in TrainingSettings.model_fields.items():
        control = form.control(name)
        assert control.name == name
        assert control.label == field.title
        assert control.tooltip == field.description


@pytest.mark.parametrize("kind", [TrainingSettings, SegmentationSettings])
def test_the_default_choices_are_not_cut_off(qtbot: QtBot, kind: Any) -> None:
    form = SettingsForm(kind)
    qtbot.addWidget(form.native)
    form.native.resize(form.native.minimumSizeHint())
    form.native.show()
    boxes = form.native.findChildren(QComboBox)
    assert boxes
    for box in boxes:
        drawn = QStyleOptionComboBox()
        box.initStyleOption(drawn)
        room = box.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            drawn,
            QStyle.SubControl.SC_ComboBoxEditField,
            box,
        )
        text = box.fontMetrics().horizontalAdvance(box.currentText())
        assert text <= room.width(), box.currentText()


def test_any_settings_can_be_shown_and_read_back(
    form: SettingsForm[TrainingSettings],
) -> None:
    settings = TrainingSettings(
        dimensions=3,
        minutes=0.05,
        patch=(16, 64, 64),
        learning_rate=0.0003,
        mirror_axes=(),
        deep_supervision=True,
        augmentation=0.3,
        annotation="painted",
        device="cuda:1",
    )
    form.show_settings(settings)
    assert form.settings.model_copy(update={"mirror_axes": ()}) == settings


@pytest.mark.parametrize(
    ("text", "patch"),
    [("16, 64, 64", (16, 64, 64)), ("16x64x64", (16, 64, 64)), ("  ", "auto")],
)
def test_sizes_are_typed_as_people_do(
    form: SettingsForm[TrainingSettings], text: str, patch: Any
) -> None:
    form.control("patch").value = text
    assert form.settings.patch == patch


def test_a_text_that_is_no_value_is_told_below_the_fields(
    form: SettingsForm[TrainingSettings],
) -> None:
    form.native.show()
    form.control("learning_rate").value = "fast"
    with pytest.raises(PlanError, match=r"Learning rate cannot be 'fast'.*auto"):
        _ = form.settings
    problem = form["form_problem"]
    assert problem.visible
    assert "cannot be 'fast': write a number, or auto" in problem.value
    form.control("learning_rate").value = "0.01"
    assert not problem.visible
    assert form.settings.learning_rate == 0.01


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("batch", "two", "a whole number"),
        ("patch", "64; 64", "numbers with commas"),
        ("learning_rate", "-1", "a number"),
    ],
)
def test_it_says_what_kind_of_value_is_wanted(
    form: SettingsForm[TrainingSettings], name: str, text: str, wanted: str
) -> None:
    form.control(name).value = text
    with pytest.raises(PlanError, match=f"cannot be '{text}': write {wanted}"):
        _ = form.settings


def test_a_change_is_told(form: SettingsForm[TrainingSettings], qtbot: QtBot) -> None:
    told = []
    form.settings_changed.connect(lambda: told.append(form.settings.minutes))
    form.control("minutes").value = 3
    assert told == [3]


def test_advanced_choices_are_folded_away(
    form: SettingsForm[TrainingSettings], qtbot: QtBot
) -> None:
    form.native.show()
    assert form.control("minutes").native.isVisible()
    assert not form.control("patch").native.isVisible()
    qtbot.mouseClick(form["show_advanced"].native, Qt.MouseButton.LeftButton)
    assert form.control("patch").native.isVisible()
    qtbot.mouseClick(form["show_advanced"].native, Qt.MouseButton.LeftButton)
    assert not form.control("patch").native.isVisible()


def test_choices_are_shown_in_words(form: SettingsForm[TrainingSettings]) -> None:
    box = form.control("annotation").native
    shown = [box.itemText(number) for number in range(box.count())]
    assert shown == ["background", "background in slices with a label", "not annotated"]
    assert form.settings.annotation == "everywhere"


def test_the_wheel_scrolls_past_without_changing_a_value(
    form: SettingsForm[TrainingSettings],
) -> None:
    form.native.show()
    for name in ("minutes", "dimensions"):
        control = form.control(name)
        before = control.value
        event = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, -120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(control.native, event)
        assert control.value == before
        assert not event.isAccepted()
