"""A form made from a settings class: what is written there is not written again."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Union, get_args
from typing import get_origin as origin_of

from magicgui.widgets import Container, LineEdit, PushButton, Widget, create_widget
from psygnal import Signal
from pydantic import ValidationError
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QWidget

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.settings import Settings
from specimen_unet.widgets.field_grid import FieldGrid
from specimen_unet.widgets.note import QUIET, Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pydantic.fields import FieldInfo

SettingsKind = TypeVar("SettingsKind", bound=Settings)

# The spin boxes of Qt end here when a field has no upper limit.
_LARGEST = 2**31 - 1
_FOLDED, _UNFOLDED = "▸ Advanced", "▾ Advanced"


class SettingsForm(Container[Widget], Generic[SettingsKind]):
    """One control a field; those marked as advanced are folded away.

    Parameters
    ----------
    kind : type of Settings
        Title, description, limits, step and ``words`` (what people read for each
        choice) of its fields make the controls. A control has the field's name.
    more : sequence of Widget
        Controls that are no fields and stand first among the advanced ones.
    without : collection of str
        Fields that are not asked for and keep their default.

    Attributes
    ----------
    settings_changed : Signal
        A control was changed; `settings` may raise.
    """

    settings_changed = Signal()

    def __init__(
        self,
        kind: type[SettingsKind],
        more: Sequence[Widget] = (),
        without: Collection[str] = (),
    ) -> None:
        super().__init__(labels=False, name="form")
        self._kind = kind
        self._controls: dict[str, Any] = {
            name: _control(name, field)
            for name, field in kind.model_fields.items()
            if name not in without
        }
        plain, folded = _by_rank(kind, self._controls)
        self._problem = Note("form_problem", "problem")
        self._advanced = FieldGrid("advanced", [*more, *folded])
        self._advanced.visible = False
        self._toggle = PushButton(
            name="show_advanced", text=_FOLDED, tooltip="Show or hide all other choices"
        )
        self._toggle.native.setStyleSheet(QUIET)
        self._basic = FieldGrid("basic", plain)
        self.extend([self._basic, self._problem])
        if folded or more:
            self.extend([self._toggle, self._advanced])
        self._wheel_guard = _WheelGuard()
        self._wheel_guard.watch([*self._controls.values(), *more])
        self._listen()

    @property
    def settings(self) -> SettingsKind:
        """What the form says.

        Raises
        ------
        PlanError
            If a text is no valid value: which one, and what would be.
        """
        values = {name: _value(control) for name, control in self._controls.items()}
        try:
            return self._kind.model_validate(values)
        except ValidationError as error:
            raise PlanError(_plain_words(error, self._kind, values)) from None

    def control(self, name: str) -> Any:
        """Return the control of a field."""
        return self._controls[name]

    def show_field(self, name: str, is_shown: bool) -> None:
        """Show or hide the control of a field that is not folded away."""
        self._basic.show_row(self._controls[name], is_shown)

    def show_settings(self, settings: SettingsKind) -> None:
        """Set every control to what the settings say."""
        for name, control in self._controls.items():
            control.value = _as_shown(getattr(settings, name), control)

    def _listen(self) -> None:
        for control in self._controls.values():
            control.changed.connect(self._tell_change)
        self._toggle.changed.connect(self._fold)
        self.margins = (0, 0, 0, 0)

    def _fold(self) -> None:
        self._advanced.visible = not self._advanced.visible
        self._toggle.text = _UNFOLDED if self._advanced.visible else _FOLDED

    def _tell_change(self) -> None:
        """Tell of a text that is no value at once, below the fields."""
        try:
            _ = self.settings
        except PlanError as error:
            self._problem.tell(str(error))
        else:
            self._problem.tell("")
        self.settings_changed.emit()


class _WheelGuard(QObject):
    """Keep the wheel, which scrolls the dock, from changing values on its way."""

    def watch(self, controls: Iterable[Widget]) -> None:
        """Guard the controls that would take the wheel."""
        for control in controls:
            native: QWidget = control.native
            if isinstance(native, QAbstractSpinBox | QComboBox):
                native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                native.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Hand the wheel on, unless the control was clicked into before."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


def _by_rank(
    kind: type[Settings], controls: Mapping[str, Widget]
) -> tuple[list[Widget], list[Widget]]:
    """Part the controls into those always shown and those folded away."""
    plain: list[Widget] = []
    folded: list[Widget] = []
    for name, control in controls.items():
        is_folded = _extra(kind.model_fields[name]).get("advanced")
        (folded if is_folded else plain).append(control)
    return plain, folded


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _control(name: str, field: FieldInfo) -> Widget:
    """Make the control of one field."""
    kinds = list(_members(field.annotation))
    literals = [choice for kind in kinds for choice in get_args(kind)]
    options: dict[str, Any] = {"tooltip": field.description or ""}
    if all(origin_of(kind) is Literal for kind in kinds):
        words = _extra(field).get("words", {})
        # "auto" stands last in the annotation and first in the list.
        literals.sort(key=lambda choice: choice != "auto")
        options["choices"] = [(words.get(str(c), str(c)), c) for c in literals]
        value, annotation = field.default, None
    elif kinds in ([int], [float]):
        options |= _limits(field)
        value, annotation = field.default, kinds[0]
    elif kinds == [bool]:
        value, annotation = field.default, bool
    else:
        value, annotation = _as_text(field.default), str
    control = create_widget(
        value=value,
        annotation=annotation,
        name=name,
        label=field.title or name,
        widget_type="ComboBox" if "choices" in options else None,
        options=options,
    )
    if "choices" not in options:
        control.native.setMinimumWidth(60)
    return control


def _members(annotation: Any) -> Iterable[Any]:
    """List the members of a union; anything else is its only member."""
    is_union = origin_of(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _limits(field: FieldInfo) -> dict[str, Any]:
    """Read the limits and the step of a number."""
    limits: dict[str, Any] = {"min": 0, "max": _LARGEST, "step": 1}
    for limit in field.metadata:
        if hasattr(limit, "ge"):
            limits["min"] = limit.ge
        if hasattr(limit, "le"):
            limits["max"] = limit.le
    return limits | {k: v for k, v in _extra(field).items() if k == "step"}


def _as_shown(value: Any, control: Any) -> Any:
    return _as_text(value) if isinstance(control, LineEdit) else value


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _value(control: Any) -> Any:
    """Read a control; an emptied text means "auto"."""
    if isinstance(control, LineEdit):
        return control.value.strip() or "auto"
    return control.value


def _plain_words(
    error: ValidationError, kind: type[Settings], values: Mapping[str, Any]
) -> str:
    """Say which controls hold no valid value, and what would be one."""
    wrong = dict.fromkeys(str(e["loc"][0]) for e in error.errors() if e["loc"])
    lines = [
        f"{kind.model_fields[name].title} cannot be {values[name]!r}: write "
        f"{_wanted(kind.model_fields[name])}, or auto to leave it to the planner."
        for name in wrong
    ]
    return "\n".join(lines) or str(error.errors()[0]["msg"])


def _wanted(field: FieldInfo) -> str:
    """Say what kind of value a field takes."""
    kinds = [origin_of(kind) or kind for kind in _members(field.annotation)]
    if tuple in kinds:
        return "numbers with commas between them"
    is_whole = any("int" in str(kind) for kind in _members(field.annotation))
    return "a whole number" if is_whole else "a number"
