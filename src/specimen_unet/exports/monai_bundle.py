"""A model as a MONAI bundle, which MONAI's own runner opens and runs.

The network is TorchScript, since it is not one that MONAI has; everything around it
is made of MONAI's transforms and its sliding window. Format:
https://docs.monai.io/en/stable/mb_specification.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import monai
import numpy as np
import torch

from specimen_unet import __version__
from specimen_unet.exports.facts import (
    found_text,
    grid_text,
    model_facts,
    network_text,
    write_json,
)
from specimen_unet.exports.graph import write_torchscript
from specimen_unet.exports.monai_config import (
    inference,
    label_suffix,
    reads_volumes,
    resamples,
)
from specimen_unet.exports.readme import Words, write_readme

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.export_settings import ExportSettings
    from specimen_unet.engine.model import Model

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/"
    "0.8.1/meta_schema_20240725.json"
)
_USAGE = """\
With `pip install "monai[fire,ignite,nibabel,pillow]"`, in this folder:

```
python -m monai.bundle run --config_file configs/inference.json \\
    --meta_file configs/metadata.json --bundle_root . \\
    --dataset_dir FOLDER --output_dir LABELS
```

It reads {reads} in `FOLDER` and writes `LABELS/NAME_labels{suffix}`, on the grid of \
the image.{resampling} `configs/inference.json` says all it does, in MONAI's words; \
`models/model.ts` (TorchScript) takes normalised tiles and returns probabilities."""


def write_monai_bundle(model: Model, folder: Path, settings: ExportSettings) -> None:
    """Write models/model.ts, configs and docs/README.md into an empty folder."""
    card = model.card
    for name in ("models", "configs", "docs"):
        (folder / name).mkdir()
    write_torchscript(model, folder / "models" / "model.ts")
    write_json(folder / "configs" / "inference.json", inference(card))
    metadata = _inert(_metadata(card, settings))
    write_json(folder / "configs" / "metadata.json", metadata)
    write_readme(folder / "docs" / "README.md", card, settings, _words(card))


def _metadata(card: ModelCard, settings: ExportSettings) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported with specimen-unet {__version__}"},
        "monai_version": monai.__version__,
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {
            "pytorch-ignite": "0.5.0",
            "nibabel": "5.0",
            "pillow": "10.0",
        },
        "name": card.name,
        "task": f"Segmentation of {found_text(card)}",
        "description": f"A {network_text(card)} that finds {found_text(card)}",
        "authors": ", ".join(settings.authors) or "not named",
        "copyright": settings.licence or "no licence chosen",
        "network_data_format": {
            "inputs": {"image": _input_format(card)},
            "outputs": {"pred": _output_format(card)},
        },
        "specimen_unet": model_facts(card),
    }


def _input_format(card: ModelCard) -> dict[str, Any]:
    channels = card.plan.image_channels
    names = {str(number): f"channel {number}" for number in range(channels)}
    return {
        **_tensor_format(card, channels),
        "format": "magnitude",
        "modality": "n/a",
        "value_range": [],
        "channel_def": names if channels > 1 else {"0": "image"},
    }


def _output_format(card: ModelCard) -> dict[str, Any]:
    names = card.plan.label_names
    return {
        **_tensor_format(card, len(names)),
        "format": "segmentation",
        "value_range": [0, 1],
        "channel_def": {str(number): name for number, name in enumerate(names)},
    }


def _tensor_format(card: ModelCard, channels: int) -> dict[str, Any]:
    return {
        "type": "image",
        "num_channels": channels,
        "spatial_shape": list(card.plan.patch),
        "dtype": "float32",
        "is_patch_data": True,
    }


def _words(card: ModelCard) -> Words:
    left_out = [
        "Images above 4 million voxels: specimen-unet takes mean, deviation and "
        "percentiles from every n-th voxel, MONAI from all; the difference is small."
    ]
    resampling = " Images of another size are resampled for the network."
    if not resamples(card):
        resampling = ""
        left_out.append(
            f"Resampling: pixels are taken as they are. Bring images to "
            f"{grid_text(card)} first."
        )
    elif card.plan.resize_to is None:
        left_out.append(
            "The unit in the header of the image: MONAI takes every spacing to be in "
            "mm."
        )
    usage = _USAGE.format(
        reads=_reads(card), suffix=label_suffix(card), resampling=resampling
    )
    return Words(usage, left_out)


def _reads(card: ModelCard) -> str:
    """Say which files the bundle reads."""
    channels = card.plan.image_channels
    if not reads_volumes(card):
        kind = "gray" if channels == 1 else "RGB"
        return f"every PNG image (stored as {kind})"
    axes = "X, Y, Z, channels" if channels > 1 else "X, Y, Z"
    return f"every NIfTI volume (.nii, .nii.gz; {axes})"


def _inert(content: Any) -> Any:
    """Take out of texts what MONAI's runner would run as code, or look up.

    Names in a card may come from anybody; a text that begins with $ is Python to it.
    """
    if isinstance(content, dict):
        return {key: _inert(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_inert(value) for value in content]
    return re.sub("[$@%]", "_", content) if isinstance(content, str) else content
