"""Scores while painting: milliseconds from a stroke to the table, and stalls.

    python tools/with_display.py python -m benchmarks painting_scores

Opens napari with an image, two observers and a prediction, and the Compare dock with
its layers of errors and of disagreement shown. First what is worked out is timed by
itself, in processor time. Then strokes are painted one after the other, each after the
numbers of the one before are in the table; and then strokes without a pause, as a
person paints, while a timer of 60 beats a second stands for the screen: the longest
wait between two beats is how long anybody waited. The same once more without the dock,
and with a larger volume.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from record import write_record
from viewer import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = (39, 221, 200)
SHAPES = ("39x221x200", "128x512x512")
STROKES = 15


def main() -> None:
    """Measure every size and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read: phantoms are made")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--seconds", type=float, default=5, help="of painting")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    timed, painted = [], []
    for text in arguments.shapes:
        shape = tuple(int(length) for length in text.split("x"))
        timed.append({"volume": text, **alone(shape)})
        painted += in_viewer(text, shape, arguments.seconds)
    results = {"alone_ms": timed, "in_viewer": painted}
    write_record(arguments.json, "painting_scores", results, [*timed, *painted])


def drawn_on(shape: tuple[int, ...]) -> dict[str, np.ndarray[Any, Any]]:
    """Return two observers and a prediction: of the sample, or balls of any size."""
    from specimen_unet.domain.phantoms import specimen_phantom

    if shape == SAMPLE:
        labels = specimen_phantom(seed=1, shape=shape).labels
        drawn = [np.array(labels[observer]) for observer in ("EA", "MG")]
        drawn.append(np.roll(drawn[0], 2, axis=-1))
    else:
        drawn = [ball(shape, shift) for shift in (3, 6, 0)]
    return dict(zip(("specimen EA", "specimen MG", "prediction"), drawn, strict=True))


def ball(shape: tuple[int, ...], shift: int = 0) -> np.ndarray[Any, Any]:
    """Draw a ball that fills a fifth of the volume."""
    steps = [np.linspace(-1, 1, length) for length in shape]
    grid = np.meshgrid(*steps, indexing="ij", sparse=True)
    ball = (sum(axis**2 for axis in grid) < 0.55).astype(np.uint8)
    return np.roll(ball, shift, axis=-1)


def alone(shape: tuple[int, ...]) -> dict[str, float]:
    """Time what is worked out for a stroke, the median of several."""
    from specimen_unet.domain.comparison import Comparison, score
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.observers import votes_map
    from specimen_unet.domain.overlap import error_map

    ea, mg, predicted = drawn_on(shape).values()
    grid = Grid((0.5, 0.15, 0.15), "mm")
    one = Comparison("model", predicted, {"EA": ea}, grid)
    two = Comparison("model", predicted, {"EA": ea, "MG": mg}, grid)
    return {
        "labelled %": 100 * float((ea > 0).mean()),
        "1 observer ms": milliseconds(lambda: score(one)),
        "2 observers ms": milliseconds(lambda: score(two)),
        "errors ms": milliseconds(lambda: error_map(predicted, ea)),
        "disagreement ms": milliseconds(lambda: votes_map([predicted, ea, mg])),
    }


def milliseconds(work: Callable[[], object], times: int = 7) -> float:
    """Return the median processor time of some work, whatever else is running."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - begun))
    return float(np.median(taken))


def in_viewer(
    text: str, shape: tuple[int, ...], seconds: float
) -> list[dict[str, Any]]:
    """Paint with and without the dock."""
    import napari
    from qtpy.QtWidgets import QApplication

    from specimen_unet.widgets.compare_dock import CompareDock

    viewer = napari.Viewer()
    app = QApplication.instance()
    frame = {"scale": (0.5, 0.15, 0.15), "units": ("mm",) * 3}
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, shape, dtype=np.uint8)
    viewer.add_image(image, name="specimen", **frame)
    for name, labels in drawn_on(shape).items():
        viewer.add_labels(labels, name=name, **frame)
    layer = viewer.layers["specimen EA"]
    layer.brush_size = 8
    rows = [{"volume": text, "with": "no dock", **paint(layer, seconds)}]
    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    dock.choose_prediction(viewer.layers["prediction"])
    wait(app, lambda: not dock.is_busy)
    rows.append({"volume": text, "with": "scores", **paint(layer, seconds)})
    wait(app, lambda: not dock.is_busy)
    told = strokes_to_table(app, layer, dock)
    dock.errors.button.click()
    dock.agreement.votes_button.click()
    wait(app, lambda: not dock.is_busy)
    all_shown = paint(layer, seconds)
    rows.append({"volume": text, "with": "scores and both layers", **all_shown})
    wait(app, lambda: not dock.is_busy)
    viewer.close()
    return [*rows, {"volume": text, **told}]


def paint(layer: Any, seconds: float) -> dict[str, Any]:
    """Paint without a pause, and tell how long the screen waited."""
    place = [length // 2 for length in layer.data.shape]
    count = 0

    def stroke() -> None:
        nonlocal count
        count += 1
        place[-1] = 10 + 7 * count % (layer.data.shape[-1] - 20)
        layer.paint(tuple(place), count % 2)

    return Heartbeat().listen(seconds, stroke, every=0.03)


def strokes_to_table(app: Any, layer: Any, dock: Any) -> dict[str, float]:
    """Return the milliseconds from a stroke to its numbers in the table."""
    taken, worked = [], []
    place = [length // 2 for length in layer.data.shape]
    for number in range(STROKES):
        before = dock.scores.table.values
        place[-1] = 20 + 5 * number
        begun, before_work = time.perf_counter(), time.process_time()
        layer.paint(tuple(place), 1 + number % 2)
        while dock.scores.table.values is before:
            app.processEvents()
            time.sleep(0.001)  # as the viewer's own loop, which does not spin
        taken.append(1000 * (time.perf_counter() - begun))
        worked.append(1000 * (time.process_time() - before_work))
        wait(app, lambda: not dock.is_busy)
    return {
        "stroke to table, median ms": float(np.median(taken)),
        "longest ms": float(np.max(taken)),
        "of it processor time, median ms": float(np.median(worked)),
    }


def wait(app: Any, is_over: Callable[[], bool]) -> None:
    """Let the viewer live until something has happened."""
    while not is_over():
        app.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
