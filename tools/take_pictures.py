"""Take the pictures of the documentation, from the real viewer at real work.

    python tools/with_display.py python tools/take_pictures.py docs/images

Walks through the first steps as their page tells them: the menus' commands, the docks'
own buttons, two trainings (3D, then 2D), a segmentation, a comparison. Nothing is
played: a picture that cannot be taken ends the script.

The trainings do what the plan chooses for two minutes, but end by steps: how busy this
computer is then decides how long it takes, and not what the pictures show.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

SIZE = (1500, 950)
MINUTES = 2.0
LONGEST = 3600.0
IN_3D = {
    "ending": "steps",
    "steps": 90,
    "spacing": "0.5, 0.3, 0.3",
    "patch": "40, 88, 88",
    "batch": "2",
    "residual_units": "0",
}
IN_2D = {"ending": "steps", "steps": 60, "batch": "4", "residual_units": "0"}
# When a training is photographed: this share of it is done, and something is learnt.
DONE = 0.7
LEARNT = 0.6
SAMPLES = ("File", "Open Sample", "Specimen U-Net")
DOCKS = ("Plugins", "Specimen U-Net")


def take(folder: Path) -> None:
    """Walk through the first steps in 3D and 2D, and photograph them."""
    folder.mkdir(parents=True, exist_ok=True)
    in_3d(folder)
    in_2d(folder)


def in_3d(folder: Path) -> None:
    """Train on four specimens, segment another one, compare."""
    viewer = new_viewer()
    train = train_on_specimens(viewer, folder)
    segment = segment_another(viewer, train, folder)
    compare(viewer, segment, folder)
    viewer.close()


def train_on_specimens(viewer: napari.Viewer, folder: Path) -> Any:
    """Photograph a plan, a training and its model; return the dock."""
    choose(viewer, *SAMPLES, "Four ex-vivo specimens (3D, to learn from)")
    show_largest_slice(viewer, viewer.layers["specimen 1 EA"])
    train = open_dock(viewer, "Train")
    show_a_plan(viewer, train, folder / "plan.png")
    plan_by_steps(train, IN_3D)
    watch_a_training(viewer, train, folder / "train.png")
    until(lambda: train.result.path is not None, "the model")
    show_outlines(*viewer.layers[1:3])
    photograph(viewer, folder / "model.png")
    return train


def segment_another(viewer: napari.Viewer, train: Any, folder: Path) -> Any:
    """Photograph a segmentation of a specimen the model has not seen."""
    viewer.layers.clear()
    choose(viewer, *SAMPLES, "Another ex-vivo specimen (3D, to segment)")
    show_largest_slice(viewer, viewer.layers["specimen 11 EA"])
    hide(viewer, "specimen 11 EA", "specimen 11 MG")
    press(train.result.segment)
    segment = viewer.window.dock_widgets["Segment (Specimen U-Net)"]
    until(lambda: segment.segment.enabled, "a model that fits")
    press(segment.segment)
    until(lambda: bool(segment.result.value), "the segmentation")
    photograph(viewer, folder / "segment.png")
    return segment


def compare(viewer: napari.Viewer, segment: Any, folder: Path) -> None:
    """Photograph the scores of that, and the errors."""
    show_outlines(*viewer.layers[1:])
    press(segment.compare)
    dock = viewer.window.dock_widgets["Compare (Specimen U-Net)"]
    until(lambda: dock.slices.isVisible() and not dock.is_busy, "the scores")
    photograph(viewer, folder / "compare.png")
    dock.errors.button.click()
    until(lambda: len(viewer.layers) == 5 and not dock.is_busy, "the errors")
    hide(viewer, *(layer.name for layer in viewer.layers[1:4]))
    photograph(viewer, folder / "errors.png")


def in_2d(folder: Path) -> None:
    """Train on a stack of single images, and photograph it learning."""
    viewer = new_viewer()
    choose(viewer, *SAMPLES, "Breast ultrasound (2D images, two observers)")
    show_largest_slice(viewer, viewer.layers["breast 1 EA"])
    train = open_dock(viewer, "Train")
    plan_by_steps(train, IN_2D)
    watch_a_training(viewer, train, folder / "2d.png")
    viewer.close()


def show_a_plan(viewer: napari.Viewer, train: Any, path: Path) -> None:
    """Choose a minute, unfold the reasons of the plan, photograph it, fold them."""
    train.set_up.form.control("minutes").value = MINUTES
    plan = train.set_up.plan
    until(lambda: f"{MINUTES:g} min" in plan.forecast.value, "a plan")
    until(lambda: not plan.status.value, "the plan's end")
    press(plan["show_reasons"])
    photograph(viewer, path)
    press(plan["show_reasons"])


def plan_by_steps(train: Any, choices: dict[str, Any]) -> None:
    """Choose what two minutes would, by hand."""
    for name, value in choices.items():
        train.set_up.form.control(name).value = value
    plan = train.set_up.plan
    until(lambda: f"{choices['steps']} steps of" in plan.forecast.value, "a plan")


def watch_a_training(viewer: napari.Viewer, train: Any, path: Path) -> None:
    """Start training, and photograph it when something of it can be seen."""
    from specimen_unet.domain.events import Preview, StepDone, Validated

    scores: list[float] = []
    previews: list[float] = [0.0]
    done = 0.0

    def hear(event: Any) -> None:
        nonlocal done
        if isinstance(event, StepDone):
            done = event.progress
        elif isinstance(event, Validated):
            scores.append(event.mean_dice)
        elif isinstance(event, Preview):
            previews.append(done)

    train.job.heard.connect(hear)
    hide(viewer, *(layer.name for layer in viewer.layers[1:3]))
    press(train.set_up.train)
    until(
        lambda: previews[-1] > DONE or train.result.path, "a preview late in training"
    )
    if train.result.path or max(scores, default=0) < LEARNT:
        sys.exit(f"Nothing worth a picture was learnt (Dice {scores}): is this busy?")
    photograph(viewer, path)


def new_viewer() -> napari.Viewer:
    """Open a viewer of the size of the pictures."""
    import napari

    viewer = napari.Viewer(title="napari")
    viewer.theme = "dark"
    viewer.window.resize(*SIZE)
    settle()
    return viewer


def choose(viewer: napari.Viewer, *texts: str) -> None:
    """Choose an entry of the menus by what is written there."""
    menu: Any = viewer.window.main_menu
    for text in texts:
        menu.aboutToShow.emit() if hasattr(menu, "aboutToShow") else None
        entries = {action.text().replace("&", ""): action for action in menu.actions()}
        if text not in entries:
            sys.exit(f"There is no {text!r} in the menu, only {', '.join(entries)}.")
        action = entries[text]
        menu = action.menu()
    action.trigger()
    settle()


def open_dock(viewer: napari.Viewer, name: str) -> Any:
    """Open a dock by the menu."""
    choose(viewer, *DOCKS, f"{name} (Specimen U-Net)")
    return viewer.window.dock_widgets[f"{name} (Specimen U-Net)"]


def press(button: Any) -> None:
    """Press a button of a dock."""
    button.native.click()
    settle()


def hide(viewer: napari.Viewer, *names: str) -> None:
    """Hide layers."""
    for name in names:
        viewer.layers[name].visible = False


def show_outlines(*layers: Any) -> None:
    """Show labels layers as outlines that the image is seen through."""
    for layer in layers:
        layer.visible = True
        layer.contour = 2
        layer.opacity = 1.0


def show_largest_slice(viewer: napari.Viewer, labels: Any) -> None:
    """Go to the slice with most labels."""
    position = int((labels.data > 0).sum(axis=(1, 2)).argmax())
    viewer.dims.set_current_step(0, position)


def photograph(viewer: napari.Viewer, path: Path) -> None:
    """Save a picture of the whole window."""
    viewer.window.activate()
    settle()
    viewer.reset_view()
    settle()
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(f"Saved {path}")


def settle() -> None:
    """Let Qt draw what has changed."""
    from qtpy.QtWidgets import QApplication

    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.01)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Let the viewer live until something is so."""
    from qtpy.QtWidgets import QApplication

    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > LONGEST:
            raise TimeoutError(f"Waited {LONGEST:g} s for {what} in vain.")
        QApplication.processEvents()
        time.sleep(0.02)
    settle()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="specimen-unet-") as home:
        # As a newcomer: no settings, models or runs of whoever runs this.
        os.environ["NAPARI_CONFIG"] = f"{home}/napari.yaml"
        os.environ["SPECIMEN_UNET_LIBRARY"] = f"{home}/models"
        os.environ["SPECIMEN_UNET_RUNS"] = f"{home}/runs"
        take(Path(sys.argv[1]))
