"""The viewer while a training runs: time to the first step, frames, longest stall.

    python tools/with_display.py python -m benchmarks viewer

Opens napari with phantoms and the Train dock, waits until the plan is shown, presses
Train, and listens: seconds to the first step and to the first preview on the slice.
From then on a timer of 60 beats a second stands for the screen: how many beats came in
a second, and the longest wait between two. The same without a training comes first,
and once more with the slider moved four times a second, as a person does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from record import write_record

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_MS = 1000 // 60
STALL_MS = 50
PATIENCE = 180  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read: phantoms are made")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=15, help="of listening")
    parser.add_argument("--impatient", action="store_true", help="press Train at once")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    # Nothing of this may land among a person's own runs and models.
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_DATA_HOME"] = home
        results, rows = measure(arguments)
    write_record(arguments.json, "viewer", results, rows)


def measure(arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Open the viewer, train in it, and close it."""
    import napari
    from qtpy.QtWidgets import QApplication

    from specimen_unet.domain.events import Preview, StepDone
    from specimen_unet.widgets.train_dock import TrainDock

    viewer = napari.Viewer()
    app = QApplication.instance()
    add_specimens(viewer)
    dock = TrainDock(viewer)
    viewer.window.add_dock_widget(dock, name="Train")
    heartbeat = Heartbeat()
    rows = [{"while": "idle, dock open", **heartbeat.listen(5)}]
    moved = heartbeat.listen(5, lambda: move(viewer))
    rows.append({"while": "idle, slider moved", **moved})
    opened = time.perf_counter()
    if not arguments.impatient:
        wait(app, lambda: dock.set_up.draft._plan is not None, dock)
    planned = time.perf_counter() - opened
    moments: dict[str, float] = {}

    def hear(event: Any) -> None:
        for kind, name in ((StepDone, "first step"), (Preview, "first preview")):
            if isinstance(event, kind):
                moments.setdefault(name, time.perf_counter() - pressed)

    dock.job.heard.connect(hear)
    pressed = time.perf_counter()
    heartbeat.begin()
    dock.set_up.train.native.click()
    wait(app, lambda: len(moments) == 2, dock)
    rows.append({"while": "Train pressed, until the preview", **heartbeat.end()})
    rows.append({"while": "training", **heartbeat.listen(arguments.seconds)})
    moved = heartbeat.listen(arguments.seconds, lambda: move(viewer))
    rows.append({"while": "training, slider moved", **moved})
    steps = dock.training  # keep it alive until the end
    viewer.close()
    del steps
    results = {
        "seconds_until_planned": planned,
        "seconds_to_first_step": moments.get("first step"),
        "seconds_to_first_preview": moments.get("first preview"),
        "beats": rows,
    }
    shown = {key: value for key, value in results.items() if key != "beats"}
    return results, [shown, *rows]


def add_specimens(viewer: Any) -> None:
    """Add the samples of the menu: four specimens, each drawn by two observers."""
    import napari.layers

    from specimen_unet.viewer.samples import sample_four_specimens

    for layer in sample_four_specimens():
        viewer.add_layer(napari.layers.Layer.create(*layer))


def move(viewer: Any) -> None:
    """Go one slice on, as a person at the slider does."""
    step = int(viewer.dims.current_step[0])
    viewer.dims.set_current_step(0, (step + 1) % int(viewer.dims.nsteps[0]))


class Heartbeat:
    """Counts the beats of a timer of 60 Hz in the viewer's thread."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._times: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(lambda: self._times.append(time.perf_counter()))

    def begin(self) -> None:
        """Count from now on."""
        self._times = [time.perf_counter()]
        self._timer.start()

    def end(self) -> dict[str, Any]:
        """Return what was counted."""
        self._timer.stop()
        gaps = np.diff([*self._times, time.perf_counter()]) * 1000
        return {
            "frames/s": len(gaps) / (gaps.sum() / 1000),
            "median ms": float(np.median(gaps)),
            "99 % ms": float(np.percentile(gaps, 99)),
            "longest ms": float(gaps.max()),
            f"stalls > {STALL_MS} ms": int((gaps > STALL_MS).sum()),
        }

    def listen(
        self,
        seconds: float,
        often: Callable[[], None] | None = None,
        every: float = 0.25,
    ) -> dict[str, Any]:
        """Count for some seconds, doing something every so many seconds."""
        from qtpy.QtWidgets import QApplication

        app, until = QApplication.instance(), time.perf_counter() + seconds
        self.begin()
        due = time.perf_counter()
        while time.perf_counter() < until:
            app.processEvents()
            if often is not None and time.perf_counter() > due:
                often()
                due += every
            time.sleep(0.001)
        return self.end()


def wait(app: Any, is_over: Callable[[], bool], dock: Any) -> None:
    """Let the viewer live until something has happened."""
    until = time.perf_counter() + PATIENCE
    while not is_over():
        if time.perf_counter() > until:
            told = dock.set_up.plan.status.value, dock.training.status.value
            raise TimeoutError(f"Nothing within {PATIENCE} s; the dock says {told}.")
        app.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
