"""Show what ``specimen-unet demo FOLDER`` made, as a person would open it.

    python tools/show_demo.py FOLDER

Opens a specimen that was not trained on with both observers' outlines and the 3D
model's, saves ``FOLDER/viewer.png``, and leaves the viewer open where somebody can
see it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

SPECIMEN = "specimen-11"
COLOURS = {"EA": "#e69f00", "MG": "#56b4e9", "3D model": "#f5f5f5"}


def open_specimen(viewer: napari.Viewer, folder: Path) -> None:
    """Open the specimen's files through the plugin's reader, outlines in colours."""
    unseen = folder / "unseen"
    paths = {
        "EA": unseen / f"{SPECIMEN}_EA.tif",
        "MG": unseen / f"{SPECIMEN}_MG.tif",
        "3D model": folder / "predictions-3d" / f"{SPECIMEN}.tif",
    }
    viewer.open(unseen / f"{SPECIMEN}.tif", plugin="specimen-unet", layer_type="image")
    for name, path in paths.items():
        (layer,) = viewer.open(path, plugin="specimen-unet", layer_type="labels")
        layer.name = name
        layer.contour = 2
        layer.opacity = 0.9
        layer.colormap = {0: "transparent", None: COLOURS[name]}


def show_largest_slice(viewer: napari.Viewer) -> None:
    """Go to the slice where the observers outlined most."""
    drawn = np.asarray(viewer.layers["EA"].data) > 0
    position = int(drawn.sum(axis=(1, 2)).argmax())
    viewer.dims.set_current_step(0, position)
    legend = ", ".join(f"{name} {colour}" for name, colour in COLOURS.items())
    print(f"Slice {position} of {SPECIMEN}. Outlines: {legend}")


def main(folder: Path) -> None:
    """Show, photograph, and wait for the person to close the window."""
    viewer = napari.Viewer(title=f"specimen-unet demo: {SPECIMEN}")
    open_specimen(viewer, folder)
    show_largest_slice(viewer)
    viewer.window.resize(1400, 900)
    for _ in range(20):
        QApplication.processEvents()
    viewer.reset_view()  # to the size the canvas has by now
    picture = folder / "viewer.png"
    viewer.screenshot(str(picture), canvas_only=False, flash=False)
    print(f"Saved {picture}")
    if "SPECIMEN_UNET_VIRTUAL_DISPLAY" in os.environ:
        viewer.close()
    else:
        napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
