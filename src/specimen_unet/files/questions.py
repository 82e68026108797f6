"""What a file leaves open, asked so that a person can answer.

Every format reads what a file says. Where it says nothing the usual meaning is taken
(pages are slices, voxels are pixels), and that it was taken is told as a `Question`
beside the image: never a guess that looks like a fact. Where nothing usual can be
taken (two series in a folder) reading ends with an `UnansweredError` that holds the
question.

Questions and answers are plain words, so that the terminal (a table, and
``stack=channels``) and a dock (a label, and a list to choose from) show the same
ones. An answer is used only where the file leaves its question open: one answer can
be given for a whole folder, and what a file does say stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from specimen_unet.domain.errors import CaseReadError, GridMismatchError
from specimen_unet.domain.grid import LENGTHS, Grid, short_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array

About = Literal["spacing", "stack", "series", "gaps"]
"""What can be open: the size of a voxel, what the parts of a stack are, which series
of a folder is meant, whether slices with gaps between them shall be taken."""

Answers = Mapping[About, str]
NO_ANSWERS: Answers = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """What a file does not say.

    Attributes
    ----------
    about : str
        The key under which an answer is given.
    text : str
        What was found and what is not known, a sentence that names the file.
    choices : mapping of str to str
        Possible answers, each with what it means. Empty for "spacing", which is
        answered by numbers and a unit: ``"0.5 0.1 0.1 mm"``.
    taken : str
        The answer that is taken until somebody gives one; "" when there is none.
    """

    about: About
    text: str
    choices: Mapping[str, str]
    taken: str


class UnansweredError(CaseReadError):
    """A file cannot be read before somebody answers a question."""

    def __init__(self, question: Question) -> None:
        self.question = question
        choices = "; ".join(f"{key} ({what})" for key, what in question.choices.items())
        super().__init__(
            f"{question.text} Choose one, as {question.about}=ANSWER: {choices}."
        )


class Reading(NamedTuple):
    """What was read.

    Attributes
    ----------
    image : ndarray, shape (*spatial) or (C, *spatial)
        As many spatial axes as `grid` has.
    grid : Grid
        In pixels when nobody said what a voxel measures.
    questions : tuple of Question
        What the file left open and nobody answered.
    """

    image: Array
    grid: Grid
    questions: tuple[Question, ...] = ()


def chosen(question: Question, answers: Answers) -> str:
    """Return the answer to a question, or what is taken without one.

    Raises
    ------
    UnansweredError
        If there is no answer and nothing can be taken.
    CaseReadError
        If the answer is none of the choices.
    """
    answer = answers.get(question.about, question.taken)
    if not answer:
        raise UnansweredError(question)
    if answer not in question.choices:
        raise CaseReadError(
            f"{question.text} {question.about}={answer!r} is no answer: choose one of "
            f"{', '.join(question.choices)}."
        )
    return answer


def in_words(asked: Sequence[Question]) -> str:
    """Ask once what several files leave open in the same way, and say how to answer."""
    first = asked[0]
    others = f" ({len(asked) - 1} more like it)" if len(asked) > 1 else ""
    choices = ", ".join(f"{key} {what}" for key, what in first.choices.items())
    return (
        f"{first.text}{others} Say otherwise with --answer {first.about}=..."
        f"{f' ({choices})' if choices else ''}"
    )


def ask_spacing(path: Path, grid: Grid, why: str) -> Question:
    """Ask for the size of a voxel.

    Parameters
    ----------
    path : Path
        The file.
    grid : Grid
        What is taken.
    why : str
        What the file does not say, as in "does not say what a voxel measures".
    """
    taken = text_of_grid(grid)
    return Question(
        "spacing",
        f"{path} {why}. It is taken to be {taken} along {', '.join(grid.axes)}.",
        MappingProxyType({}),
        taken,
    )


def answer_spacing(reading: Reading, answers: Answers) -> Reading:
    """Put an answered spacing in place of the one that was taken.

    Parameters
    ----------
    reading : Reading
        With or without a question about its spacing.
    answers : Answers
        ``{"spacing": "0.5 0.1 0.1 mm"}``: one number an axis, (Y, X) or (Z, Y, X),
        or a single one for all, and a unit.

    Raises
    ------
    CaseReadError
        If the answer has another number of axes, or is no spacing at all.
    """
    is_open = any(question.about == "spacing" for question in reading.questions)
    if "spacing" not in answers or not is_open:
        return reading
    grid = spacing_of_text(answers["spacing"], reading.grid.dimensions)
    left = tuple(each for each in reading.questions if each.about != "spacing")
    return Reading(reading.image, grid, left)


def spacing_of_text(text: str, dimensions: int) -> Grid:
    """Read a spacing that somebody typed, as `grid_of_text` does.

    Raises
    ------
    CaseReadError
        If it has another number of axes, or is no spacing at all.
    """
    grid = grid_of_text(text, dimensions)
    if grid is None:
        raise CaseReadError(
            f"spacing={text!r} is no answer: give {dimensions} positive numbers, one "
            f"an axis, and a unit ({', '.join(LENGTHS)} or pixel), such as "
            f"{'0.5 0.1 0.1 mm' if dimensions == 3 else '0.1 0.1 mm'}."
        )
    return grid


def grid_of_text(text: str, dimensions: int) -> Grid | None:
    """Read "0.5 0.1 0.1 mm", or "0.1 mm" for all axes; None if it is no spacing."""
    *numbers, unit = text.replace(",", " ").split() or [""]
    if short_unit(unit) not in ("pixel", *LENGTHS):
        return None
    try:
        steps = [float(number) for number in numbers]
        if len(steps) == 1:
            steps *= dimensions
        return Grid(tuple(steps), unit) if len(steps) == dimensions else None
    except (ValueError, GridMismatchError):
        return None


def text_of_grid(grid: Grid) -> str:
    """Write a spacing as `grid_of_text` reads it."""
    return " ".join([*(f"{step:.10g}" for step in grid.spacing), grid.unit])
