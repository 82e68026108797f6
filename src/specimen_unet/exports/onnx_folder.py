"""A model as ONNX, with a script that segments an image with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.exports.facts import (
    by,
    model_facts,
    normalisation_text,
    spacing_text,
    write_facts,
)
from specimen_unet.exports.graph import INPUT, OUTPUT, write_onnx
from specimen_unet.exports.readme import Words, readme

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.export_settings import ExportSettings
    from specimen_unet.engine.model import Model

# Copied, not imported: it needs onnxruntime, which writing an export does not.
_SCRIPT = Path(__file__).with_name("segment_with_onnx.py")
_USAGE = """\
`model.onnx` takes `{input}`, float32 (N, {channels}, {tile}): tiles of an image whose \
gray values were brought to one scale before. It returns `{output}`, float32 \
(N, {classes}, {tile}).

Normalisation and tiling are not in the graph, since both are about the whole image. \
`segment.py` does them with numpy and onnxruntime alone, and gives the labels that \
specimen-unet gives:

```
pip install numpy onnxruntime
python segment.py image.npy labels.npy
```

`model.json` holds what it needs to know, for programs in other languages too."""


def write_onnx_folder(model: Model, folder: Path, settings: ExportSettings) -> None:
    """Write model.onnx, model.json, segment.py and README.md into an empty folder.

    Parameters
    ----------
    model : Model
        What is exported.
    folder : Path
        Is there, and empty.
    settings : ExportSettings
        Authors and licence.
    """
    card = model.card
    notes = {"specimen_unet": json.dumps(model_facts(card))}
    write_onnx(model, folder / "model.onnx", notes)
    write_facts(folder / "model.json", card)
    shutil.copyfile(_SCRIPT, folder / "segment.py")
    text = readme(card, settings, _words(card))
    (folder / "README.md").write_text(text, "utf-8")


def _words(card: ModelCard) -> Words:
    plan = card.plan
    usage = _USAGE.format(
        input=INPUT,
        output=OUTPUT,
        channels=plan.image_channels,
        classes=len(plan.label_values),
        tile=by(plan.patch).replace(" x ", ", "),
    )
    left_out = [
        f"Resampling: bring images to {spacing_text(card)} first, and the labels back.",
        f"Normalisation: of the whole image, channel by channel, "
        f"{normalisation_text(card)}. `segment.py` does it.",
        f"Tiling: the graph takes tiles of {by(plan.patch)} voxels and no other size. "
        "`segment.py` cuts and blends them.",
        "File formats: `segment.py` reads and writes .npy.",
    ]
    return Words(usage, left_out)
