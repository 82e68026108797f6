"""What is painted while a training runs is learnt from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from specimen_unet.viewer.layer_checks import level_zero
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.layer_watch import LayerWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

    from specimen_unet.domain.case import Array
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.viewer.pairing import Pair

_SETTLE_MS = 500


class LivePainting(QObject):
    """Writes what is painted on ground truths into the labels of a run."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run: RunFolder | None = None
        self._pairs: tuple[Pair, ...] = ()
        self._watch = LayerWatch(viewer, self)
        self._watch.changed.connect(self._wait)
        self._task = LatestTask(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._write)

    def start(self, run: RunFolder, pairs: Sequence[Pair]) -> None:
        """Watch the ground truths of these pairs, which are the run's cases."""
        self._run, self._pairs = run, tuple(pairs)
        self._watch.watch(layer for pair in pairs for layer in pair.truths)

    def stop(self) -> None:
        """Write nothing more."""
        self._settle.stop()
        self._task.drop()
        self._watch.watch(())
        self._run, self._pairs = None, ()

    def _wait(self) -> None:
        if not self._settle.isActive():
            self._settle.start()

    def _write(self) -> None:
        if self._run is not None:
            self._task.ask(partial(write_labels, self._run, self._pairs))


def write_labels(run: RunFolder, pairs: Sequence[Pair]) -> int:
    """Write labels layers into the memory-mapped labels of a run.

    Only slices that differ are written. A training under way sees them at its
    next patch.

    Parameters
    ----------
    run : RunFolder
        Its cases were made from the pairs; cases without a pair stay as they are.
    pairs : sequence of Pair
        With the labels as they are now.

    Returns
    -------
    int
        How many slices were written.
    """
    drawn = {pair.image.name: pair.observers() for pair in pairs}
    return sum(
        _write_changed(stored, drawn[case.name][observer])
        for case in run.cases(writable=True)
        for observer, stored in case.labels.items()
        if observer in drawn.get(case.name, {})
    )


def _write_changed(stored: Array, layer: object) -> int:
    """Write the slices of a layer that differ, along the first axis; count them."""
    painted = np.asarray(level_zero(layer)).reshape(stored.shape)
    changed = [i for i in range(len(stored)) if (stored[i] != painted[i]).any()]
    for index in changed:
        stored[index] = painted[index]
    return len(changed)
