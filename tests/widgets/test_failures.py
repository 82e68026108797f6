"""Failures: what people can mend is told; a bug reaches napari besides."""

from __future__ import annotations

from napari.utils.notifications import ErrorNotification, notification_manager

from specimen_unet.domain.events import Failed
from specimen_unet.widgets.failures import failure_text


def bugs() -> list[ErrorNotification]:
    return [r for r in notification_manager.records if isinstance(r, ErrorNotification)]


def test_what_people_can_mend_is_told_as_it_is() -> None:
    before = len(bugs())
    text = failure_text(Failed("PlanError", "The patch is too large."))
    assert text == "The patch is too large."
    assert len(bugs()) == before


def test_a_bug_reaches_napari_with_its_traceback() -> None:
    before = len(bugs())
    text = failure_text(Failed("bug", "Traceback ...\nKeyError: 'patch'\n"))
    assert "KeyError: 'patch'" in text
    assert "report it" in text
    (bug,) = bugs()[before:]
    assert "Traceback ..." in str(bug.exception)
