"""Which cases of a folder a dock works on, instead of open layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton, Widget
from psygnal import Signal

from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.files.chosen_cases import ChosenCases


class ChosenPanel(Container[Widget]):
    """Tells which cases are chosen; shown as long as there are any.

    Parameters
    ----------
    instead : str
        What stands on the button that lets them go.

    Attributes
    ----------
    changed_cases : Signal
        Other cases are chosen, or none.
    """

    changed_cases = Signal()

    def __init__(self, instead: str) -> None:
        super().__init__(labels=False, name="chosen_cases", visible=False)
        self.margins = (0, 0, 0, 0)
        self.cases: ChosenCases | None = None
        self.told = Note("chosen_cases_told")
        self.layers = PushButton(
            name="use_layers", text=instead, tooltip="Leave these cases alone"
        )
        self.extend([self.told, self.layers])
        self.layers.changed.connect(self._let_go)

    def show_cases(self, chosen: ChosenCases | None) -> None:
        """Work on these cases; None: on layers."""
        self.cases = chosen
        self.told.tell(chosen.summary if chosen is not None else "")
        self.visible = chosen is not None
        self.changed_cases.emit()

    def _let_go(self, _: Any = None) -> None:
        self.show_cases(None)
