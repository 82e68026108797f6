"""Answers to what files leave open, as a person types them in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.questions import About, grid_of_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specimen_unet.files.questions import Answers

ABOUTS: tuple[str, ...] = get_args(About)
_EXAMPLE = "spacing=0.5 0.1 0.1 mm; stack=channels"
_EXAMPLES: dict[About, str] = {
    "spacing": "spacing=0.1 0.1 mm",
    "stack": "stack=channels",
    "series": "series=NAME",
    "gaps": "gaps=ignore",
}


def example_of_answers(asked: Iterable[About]) -> str:
    """Show what an answer to each of these looks like."""
    return "; ".join(_EXAMPLES[about] for about in asked)


def answers_of_text(text: str) -> Answers:
    """Read ``spacing=0.5 0.1 0.1 mm; stack=channels``.

    Raises
    ------
    CaseReadError
        If it answers something that is never asked, or a spacing is none.
    """
    answers: dict[About, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        about, _, answer = (word.strip() for word in part.partition("="))
        if about not in ABOUTS or not answer:
            raise CaseReadError(
                f"{part!r} is no answer: {', '.join(ABOUTS)} can be told, as in "
                f"{_EXAMPLE}."
            )
        if about == "spacing" and not _is_spacing(answer):
            raise CaseReadError(
                f"{answer!r} is no voxel size: give a number an axis, or one for all, "
                f"and a unit, as in {_EXAMPLE}."
            )
        answers[cast("About", about)] = answer
    return answers


def _is_spacing(text: str) -> bool:
    return any(grid_of_text(text, dimensions) for dimensions in (2, 3))
