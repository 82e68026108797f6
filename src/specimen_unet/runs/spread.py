"""Work spread over the workers of a Dask scheduler, on this machine or on many.

Workers and this process share a folder, and nothing else: a task is the name of the
folder and a number. So a task can be done again by another worker when one dies, which
Dask sees to; a fold then goes on from its checkpoint.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from specimen_unet import __version__
from specimen_unet.domain.control import WorkLeft
from specimen_unet.domain.errors import RunFolderError, SpecimenUnetError
from specimen_unet.domain.events import (
    Event,
    FoldBegun,
    FoldDone,
    FoldProgress,
    Warned,
)
from specimen_unet.runs.fold import TRAINING_SHARE
from specimen_unet.runs.journal import last_step
from specimen_unet.runs.study_scores import mean_dice, score_cases
from specimen_unet.runs.wanted import wanting
from specimen_unet.runs.worker_tasks import SIGN, do_fold, not_seen, version_and_unseen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from specimen_unet.domain.control import StudyControl
    from specimen_unet.runs.study import StudyFolder

_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 10


def on_workers(
    study: StudyFolder, folds: Sequence[int], scheduler: str, control: StudyControl
) -> Generator[Event, None, None]:
    """Run folds on the workers of a Dask scheduler.

    Parameters
    ----------
    study : StudyFolder
        In a folder that this process and all workers see under the same name.
    folds : sequence of int
        Which to do.
    scheduler : str
        Address, ``tcp://host:8786``.
    control : StudyControl
        Lets all leave; a pause is not handed on.

    Yields
    ------
    FoldBegun, FoldProgress, FoldDone, Warned
        What the folders of the folds say, once a second.

    Raises
    ------
    WorkLeft
        If `control` was left: workers save where they stand.
    SpecimenUnetError
        If a worker does not see the study, or the first failure of a fold, once those
        under way have ended.
    """
    with connected(scheduler) as client, wanting(study.path / SIGN):
        yield from check_workers(client, study.path)
        team = _Folds(client, study, folds)
        while team.pending:
            if control.is_left:
                raise WorkLeft
            yield from team.look()
        if team.failure is not None:
            raise team.failure


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Give a client of a scheduler.

    Raises
    ------
    RunFolderError
        If Dask distributed is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise RunFolderError(
            "Spreading work over machines needs Dask distributed, which is not "
            'installed: python -m pip install "specimen-unet[distributed]".'
        ) from None
    try:
        client = Client(scheduler, timeout=_ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"No Dask scheduler answers at {scheduler} ({error}): start one with "
            "`dask scheduler`, which prints its address."
        ) from error
    with client:
        yield client


def check_workers(client: Any, *paths: Path) -> Iterator[Warned]:
    """Check that the workers there are can do the work.

    Yields
    ------
    Warned
        If there are none yet.

    Raises
    ------
    RunFolderError
        If one of them does not see what is at the paths, or has another version, or
        none.
    """
    names = [str(path) for path in paths]
    found = client.run(version_and_unseen, names, on_error="return")
    if not found:
        yield Warned(
            "The scheduler has no workers yet: start some with `dask worker ADDRESS "
            "--nthreads 1`. Waiting for them."
        )
    for worker, answer in found.items():
        if isinstance(answer, BaseException):
            raise RunFolderError(
                f"The worker {worker} cannot do this work ({answer}): install "
                f"specimen-unet {__version__} where it runs."
            )
        version, unseen = answer
        if unseen:
            raise RunFolderError(not_seen(unseen[0], worker))
        if version != __version__:
            raise RunFolderError(
                f"The worker {worker} has specimen-unet {version}, but this is "
                f"{__version__}: install the same version everywhere."
            )


def failure_of(future: Any, what: str) -> Exception:
    """Say why a task of Dask has no result."""
    if future.status != "error":
        return RunFolderError(
            f"The scheduler has lost {what} ({future.status}): see whether it still "
            "runs, and give the same command again to go on."
        )
    error: Exception = future.exception()
    if isinstance(error, SpecimenUnetError | WorkLeft):
        return error
    if type(error).__name__ == "KilledWorker":
        return RunFolderError(
            f"Several workers ended one after the other while they did {what}, perhaps "
            f"because memory ran out ({error}). Give the same command again to go on."
        )
    return error


class _Folds:
    """Folds that workers do, watched by what appears in their folders."""

    def __init__(self, client: Any, study: StudyFolder, folds: Sequence[int]) -> None:
        self._client = client
        self._study = study
        # Where they stood before anybody began.
        self._seen = {fold: _standing(study, fold) for fold in folds}
        self._begun: set[int] = set()
        self.pending = {self._submit(fold): fold for fold in folds}
        self.failure: Exception | None = None

    def look(self) -> Iterator[Event]:
        """Wait a moment, and tell what has changed."""
        from distributed import wait

        with self._client.as_current(), suppress(TimeoutError):
            wait(list(self.pending), _LOOK_SECONDS, return_when="FIRST_COMPLETED")
        for fold in self.pending.values():
            yield from self._progress(fold)
        # One by one: a failure takes others out that wait, or have failed with it.
        while future := next((each for each in self.pending if each.done()), None):
            yield from self._ended(future, self.pending.pop(future))

    def _submit(self, fold: int) -> Any:
        # A key of its own: Dask would give the result of an earlier one.
        key = f"{self._study.name}-fold-{fold}-{uuid4().hex}"
        return self._client.submit(do_fold, str(self._study.path), fold, key=key)

    def _progress(self, fold: int) -> Iterator[Event]:
        standing = _standing(self._study, fold)
        if standing == self._seen[fold]:
            return
        self._seen[fold] = standing
        if fold not in self._begun:
            self._begun.add(fold)
            yield FoldBegun(fold, self._study.folds)
        progress, seconds_left, doing = standing
        yield FoldProgress(fold, self._study.folds, progress, seconds_left, doing)

    def _ended(self, future: Any, fold: int) -> Iterator[Event]:
        if future.status == "finished":
            scores = score_cases(self._study, self._study.cases_of(fold))
            if fold not in self._begun:
                yield FoldBegun(fold, self._study.folds)
            yield FoldDone(fold, self._study.folds, mean_dice(scores))
            return
        error = failure_of(future, f"fold {fold}")
        if isinstance(error, WorkLeft):
            # It did not see that it is wanted: this machine slept for a while.
            self.pending[self._submit(fold)] = fold
            return
        self.failure = self.failure or error
        waiting = [f for f, number in self.pending.items() if number not in self._begun]
        for other in waiting:
            other.cancel()
            del self.pending[other]


def _standing(study: StudyFolder, fold: int) -> tuple[float, float, str]:
    """Tell from its folder how far a fold is: share, seconds left, what it does."""
    cases = study.cases_of(fold)
    done = sum(study.prediction_path(case).exists() for case in cases)
    if (study.path / f"fold-{fold}" / "model.safetensors").exists():
        share = TRAINING_SHARE + (1 - TRAINING_SHARE) * done / len(cases)
        return (
            share,
            math.nan,
            f"segmenting {min(done + 1, len(cases))} of {len(cases)}",
        )
    step = last_step(study.path / f"fold-{fold}" / "events.jsonl")
    if step is None:
        return 0.0, math.nan, "getting ready"
    return TRAINING_SHARE * step.progress, step.seconds_left, "training"
