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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folder_pictures import in_a_folder
from walking import (
    SAMPLES,
    choose,
    hide,
    new_viewer,
    open_dock,
    photograph,
    press,
    show_largest_slice,
    show_outlines,
    until,
)

if TYPE_CHECKING:
    import napari

MINUTES = 2.0
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


def take(folder: Path) -> None:
    """Walk through the first steps in 3D and 2D, and photograph them."""
    folder.mkdir(parents=True, exist_ok=True)
    in_3d(folder)
    in_2d(folder)
    in_a_folder(folder)


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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="specimen-unet-") as home:
        # As a newcomer: no settings, models or runs of whoever runs this.
        os.environ["NAPARI_CONFIG"] = f"{home}/napari.yaml"
        os.environ["SPECIMEN_UNET_LIBRARY"] = f"{home}/models"
        os.environ["SPECIMEN_UNET_RUNS"] = f"{home}/runs"
        take(Path(sys.argv[1]))
