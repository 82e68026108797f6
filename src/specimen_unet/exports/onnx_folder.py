"""A model as ONNX, with a script that segments an image with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from specimen_unet.exports.facts import (
    by,
    grid_text,
    interpolation_text,
    model_facts,
    normalisation_text,
    write_json,
)
from specimen_unet.exports.graph import INPUT, OUTPUT, write_onnx
from specimen_unet.exports.readme import Words, write_readme

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
    """Write model.onnx, model.json, segment.py and README.md into an empty folder."""
    facts = model_facts(model.card)
    write_onnx(model, folder / "model.onnx", {"specimen_unet": json.dumps(facts)})
    write_json(folder / "model.json", facts)
    shutil.copyfile(_SCRIPT, folder / "segment.py")
    write_readme(folder / "README.md", model.card, settings, _words(model.card))


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
        f"Normalisation: of the whole image, channel by channel, "
        f"{normalisation_text(card)}. `segment.py` does it.",
        f"Tiling: the graph takes tiles of {by(plan.patch)} voxels and no other size. "
        "`segment.py` cuts and blends them.",
        "File formats: `segment.py` reads and writes .npy.",
    ]
    resampling = (
        f"bring images to {grid_text(card)} first by {interpolation_text(card)}, and "
        "the labels back."
    )
    if plan.resize_to is not None:
        resampling = f"images are brought to {grid_text(card)}. `segment.py` does it."
    left_out.insert(0, f"Resampling: {resampling}")
    return Words(usage, left_out)
