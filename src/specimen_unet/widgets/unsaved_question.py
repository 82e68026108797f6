"""The question what becomes of changes that are not saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari.qt import get_current_stylesheet
from qtpy.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

UnsavedAnswer = Literal["save", "discard", "stay"]


def ask_about_unsaved(
    parent: QWidget, title: str, text: str, *, more: str = "", discard: str, stay: str
) -> UnsavedAnswer:
    """Ask whether changes shall be saved, and wait for the answer.

    Parameters
    ----------
    parent : QWidget
        A dock, also one that was taken out of its window.
    title, text : str
        What was changed, shortly and in a sentence.
    more : str, optional
        What saving does.
    discard, stay : str
        What the other two buttons say.
    """
    box = QMessageBox(parent)
    # A dock that was closed is outside of the window that has napari's colours.
    box.setStyleSheet(get_current_stylesheet())
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    save = box.addButton("Save", QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton(discard, QMessageBox.ButtonRole.DestructiveRole)
    go_back = box.addButton(stay, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(save)
    box.setEscapeButton(go_back)
    box.exec()
    pressed = box.clickedButton()
    if pressed is save:
        return "save"
    return "discard" if pressed is leave else "stay"
