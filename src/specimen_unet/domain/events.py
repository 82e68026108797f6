"""What long work tells while it goes on. Frozen, and the same in and out of process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class Ready:
    """A process of its own has imported everything and waits for commands."""

    device_name: str


@dataclass(frozen=True, slots=True)
class PlanReady:
    """Everything is decided; nothing has been trained yet."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step.

    `progress` is the share of the training that is done, 0 to 1; `seconds_left`
    the forecast of what remains, validation included.
    """

    step: int
    loss: float
    learning_rate: float
    progress: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Validated:
    """Whole held-out cases were segmented and scored.

    `dice` and `iou` are by label value, NaN where undefined; `mean_dice` leaves
    undefined labels out and is NaN when all are. `by_observer` is the mean Dice
    against each observer.
    """

    step: int
    mean_dice: float
    mean_iou: float
    dice: Mapping[int, float]
    iou: Mapping[int, float]
    by_observer: Mapping[str, float]
    loss: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Labels of one slice, as the network sees it now; `labels` is (Y, X).

    `seconds` is the time that the training lost to it.
    """

    case: str
    index: int
    step: int
    labels: Array = field(repr=False, compare=False)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TileDone:
    """One of `of` tiles of a segmentation is done."""

    tile: int
    of: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A killed run would go on from this step."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the person should know; the work goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class FoldBegun:
    """Fold number `fold` of `folds` is trained, or gone on with; 0 is the first."""

    fold: int
    folds: int


@dataclass(frozen=True, slots=True)
class FoldProgress:
    """How far one fold is; several may be under way at once.

    `progress` is the share of the fold that is done, 0 to 1, `doing` what is done.
    """

    fold: int
    folds: int
    progress: float
    seconds_left: float
    doing: str


@dataclass(frozen=True, slots=True)
class FoldDone:
    """A fold has its model, and labels of the cases that the model has not seen.

    `mean_dice` is that of these labels against what observers drew; NaN: undefined.
    """

    fold: int
    folds: int
    mean_dice: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The work ended and its result is at `path` (a model, labels, or a study)."""

    path: str
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The work ended without a result. `kind` is the class of the error."""

    kind: str
    message: str


Event = (
    Ready
    | PlanReady
    | StepDone
    | Validated
    | Preview
    | TileDone
    | CheckpointSaved
    | Warned
    | FoldBegun
    | FoldProgress
    | FoldDone
    | Finished
    | Failed
)
