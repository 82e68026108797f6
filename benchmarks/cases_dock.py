"""The Cases dock with a thousand cases: seconds to open, sort, filter and scroll.

    python tools/with_display.py python -m benchmarks cases_dock

Writes a thousand ultrasound-like pictures of 512 x 512 with a mask each, opens the dock
in napari and does what a person does. Measured is how long the viewer's thread is kept
(the longest stall) and until the answer is there, and how many cases were read for it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from record import write_record
from viewer import BEAT_MS, wait

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read: pictures are made")
    parser.add_argument("--device", default="cpu", help="not used")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        # Nothing of this may land among a person's own settings.
        os.environ["XDG_DATA_HOME"] = home
        os.environ["NAPARI_CONFIG"] = f"{home}/napari.yaml"
        folder = Path(home) / "cases"
        write_cases(folder, arguments.cases)
        rows = measure(folder)
    write_record(arguments.json, "cases_dock", {"rows": rows}, rows)


def write_cases(folder: Path, count: int) -> None:
    """Write pictures with a mask each, of groups of four."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 255, (512, 600), np.uint8)
    mask = np.zeros((512, 512), np.uint8)
    mask[200:260, 180:300] = 255
    for number in range(count):
        picture = np.ascontiguousarray(noise[:, number % 88 :][:, :512])
        Image.fromarray(picture).save(folder / f"case {number}.png", compress_level=1)
        Image.fromarray(np.roll(mask, number % 50, 0)).save(
            folder / f"case {number}_mask.png"
        )
    lines = [f"case {number}.png,g{number // 4}" for number in range(count)]
    (folder / "groups.csv").write_text("image,group\n" + "\n".join(lines) + "\n")


def measure(folder: Path) -> list[dict[str, Any]]:
    """Open the dock in a viewer, and do what a person does."""
    import napari
    from qtpy.QtCore import Qt

    from specimen_unet.files.case_table import COLUMNS
    from specimen_unet.widgets.cases_dock import CasesDock

    viewer = napari.Viewer()
    dock = CasesDock(viewer)
    viewer.window.add_dock_widget(dock, name="Cases")
    dock.native.parent().setFloating(True)
    dock.native.parent().resize(900, 900)
    view = dock.shelf.view
    watch = Watch(dock)

    def sort(column: str) -> None:
        view.sortByColumn(COLUMNS.index(column), Qt.SortOrder.DescendingOrder)

    rows = [
        watch.during("open the folder", lambda: dock.show_folder(folder)),
        watch.during("sort by name", lambda: sort("case")),
        watch.during("sort by group", lambda: sort("group")),
        watch.during("filter: 99", lambda: dock.filter.native.setText("99")),
        watch.during("filter: all", lambda: dock.filter.native.setText("")),
        watch.during("scroll a page", lambda: scroll(view, 1)),
        watch.during("scroll through all, 60 pages", lambda: scroll(view, 60)),
        watch.during("select all", view.selectAll),
        watch.during("click: the first case", lambda: view.selectRow(0)),
        watch.during("click: the next case", lambda: view.selectRow(1)),
        watch.during("sort by size", lambda: sort("size")),
        watch.during("sort by labels", lambda: sort("labels")),
    ]
    viewer.close()
    return rows


def scroll(view: Any, pages: int) -> None:
    """Scroll down in pages, as the wheel does, drawing each."""
    from qtpy.QtWidgets import QApplication

    bar = view.verticalScrollBar()
    for _ in range(pages):
        bar.setValue(bar.value() + (bar.maximum() // 60 if pages > 1 else 700))
        QApplication.processEvents()


class Watch:
    """Times an action, and the longest time for which nothing else was done."""

    def __init__(self, dock: Any) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._dock = dock
        self._beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(lambda: self._beats.append(time.perf_counter()))

    def during(self, what: str, act: Callable[[], object]) -> dict[str, Any]:
        """Do something, and wait until nothing is left to be read."""
        from qtpy.QtWidgets import QApplication

        dock, app = self._dock, QApplication.instance()
        read_before, busy = self._read(), time.thread_time()
        begun = time.perf_counter()
        self._beats = [begun]
        self._timer.start()
        act()
        acted = time.perf_counter() - begun
        for _ in range(3):  # what was begun by a timer of no time
            app.processEvents()
        wait(app, self._is_settled, dock)
        ended = time.perf_counter()
        self._timer.stop()
        gaps = np.diff([*self._beats, ended])
        return {
            "what": what,
            "act s": acted,
            "settled s": ended - begun,
            "viewer's thread busy s": time.thread_time() - busy,
            "longest stall ms": float(gaps.max() * 1000),
            "read": self._read() - read_before,
        }

    def _is_settled(self) -> bool:
        shelf, dock = self._dock.shelf, self._dock
        is_quiet = not (shelf.view.is_settling or shelf.is_busy)
        return dock.table is not None and is_quiet and not dock.opening.is_busy

    def _read(self) -> int:
        """Count the images and label files that were read."""
        table = self._dock.table
        rows = table.rows if table is not None else []
        return sum((row.image is not None) + (row.labels is not None) for row in rows)


if __name__ == "__main__":
    main()
