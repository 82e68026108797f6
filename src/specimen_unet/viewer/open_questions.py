"""What the files of layers leave open, and what a person answers.

The reader puts the questions of a file (see `files.questions`) into the metadata of its
layers. Layers of one question are asked about together: somebody who opens ten pictures
of one scanner answers once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from specimen_unet.viewer.layer_checks import units_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from specimen_unet.files.questions import Answers, Question

_KEY = "specimen-unet.open"


class _Answering:
    """Tells all who ask that a question was left as it was taken."""

    left = Signal()


answering = _Answering()


@dataclass(frozen=True, slots=True)
class FileOfLayer:
    """The file that a layer was read from, how, and what it left open."""

    path: Path
    answers: Answers
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question and the layers that it is about.

    Attributes
    ----------
    question : Question
        As the file of the first layer asks it.
    layers : tuple of layer
        All whose files ask the same.
    """

    question: Question
    layers: tuple[Any, ...]

    @property
    def text(self) -> str:
        """The question in words, with the number of other layers."""
        more = len(self.layers) - 1
        others = f" ({more} more layer{'s' * (more > 1)} like it)" if more else ""
        return f"{self.question.text}{others}"


def asked_of_layer(
    path: Path, questions: Sequence[Question], answers: Answers
) -> dict[str, Any]:
    """Return the attributes of a layer whose file leaves something open."""
    if not questions:
        return {}
    return {"metadata": {_KEY: FileOfLayer(path, dict(answers), tuple(questions))}}


def with_question(
    attributes: dict[str, Any], path: Path, question: Question
) -> dict[str, Any]:
    """Return the attributes of a layer with one more question."""
    file = attributes.get("metadata", {}).get(_KEY)
    known = file if file else FileOfLayer(path, {}, ())
    asked = (question, *known.questions)
    return {**attributes, **asked_of_layer(path, asked, known.answers)}


def open_questions(layers: Iterable[Any]) -> list[OpenQuestion]:
    """List what the files of layers leave open and nobody has answered.

    A spacing is answered, too, when somebody has given the layer another scale.
    """
    groups: dict[tuple[object, ...], list[Any]] = {}
    first: dict[tuple[object, ...], Question] = {}
    for layer in layers:
        for question in _questions(layer):
            if question.about == "spacing" and _is_scaled(layer, question):
                continue
            key = (question.about, question.taken, *question.choices)
            groups.setdefault(key, []).append(layer)
            first.setdefault(key, question)
    return [OpenQuestion(first[key], tuple(found)) for key, found in groups.items()]


def leave_as_taken(asked: OpenQuestion) -> None:
    """Ask no more: what was taken is right."""
    about = asked.question.about
    for layer in asked.layers:
        file: FileOfLayer = layer.metadata[_KEY]
        left = tuple(each for each in file.questions if each.about != about)
        layer.metadata[_KEY] = replace(file, questions=left)
    answering.left.emit()


def file_of_layer(layer: Any) -> FileOfLayer | None:
    """Return the file that a layer was read from, if that left something open."""
    file: FileOfLayer | None = getattr(layer, "metadata", {}).get(_KEY)
    return file


def _questions(layer: Any) -> tuple[Question, ...]:
    file = file_of_layer(layer)
    return file.questions if file else ()


def _is_scaled(layer: Any, question: Question) -> bool:
    """Tell whether a layer has another scale than was taken."""
    *steps, unit = question.taken.split()
    spacing = np.array(steps, dtype=float)
    is_same = np.allclose(np.asarray(layer.scale)[-len(spacing) :], spacing, rtol=1e-6)
    return not is_same or units_of(layer, 1) != [unit]
