"""What a person should know about the steps of a training, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from specimen_unet.engine.learner import Learner
    from specimen_unet.engine.patches import Batch

_NOTHING_ANNOTATED = (
    "Some patches hold nothing annotated, and nothing is learnt from them: draw more "
    "labels, or check what 0 means."
)
_UNKNOWN_LABEL = (
    "Label {label} was painted after this training was planned, so it is left out of "
    "it: start a new training to learn it."
)
NO_NUMBER = (
    "The loss of a step was not a number, so the step was skipped. Training goes on "
    "unless it happens several times in a row."
)
_NOT_REPEATED = (
    "Steps could not be captured as a CUDA graph, so they take a little longer than "
    "they might ({problem})."
)


def cautions(batch: Batch, learner: Learner) -> Iterator[str]:
    """Say what is wrong with a batch, or with how it is learnt from."""
    for label in sorted(batch.unknown_labels):
        yield _UNKNOWN_LABEL.format(label=label)
    if not batch.is_annotated:
        yield _NOTHING_ANNOTATED
    if learner.problem:
        yield _NOT_REPEATED.format(problem=learner.problem)
