"""A model as a MONAI bundle, which MONAI's own runner opens and runs.

The network is TorchScript, since it is not one that MONAI has; everything around it
is made of MONAI's transforms and its sliding window. Format:
https://docs.monai.io/en/stable/mb_specification.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import monai
import numpy as np
import torch

from specimen_unet import __version__
from specimen_unet.domain.grid import Grid
from specimen_unet.engine.resampling import TOLERANCE
from specimen_unet.exports.facts import (
    OVERLAP,
    RANGES,
    has_lengths,
    model_facts,
    works_on_slices,
)
from specimen_unet.exports.graph import write_torchscript
from specimen_unet.exports.readme import Words, readme

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.export_settings import ExportSettings
    from specimen_unet.engine.model import Model

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/"
    "0.8.1/meta_schema_20240725.json"
)
# Voxels of an image at the model's spacing, as `engine.resampling.resampled_shape`.
_SIZE = (
    "[n if t is None or math.isclose(s, t, rel_tol={tolerance}) "
    "else max(1, round(n * s / t)) "
    "for n, s, t in zip(x.shape[1:], x.pixdim.tolist(), {target})]"
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
    """Write models/model.ts, configs and docs/README.md into an empty folder.

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
    for name in ("models", "configs", "docs"):
        (folder / name).mkdir()
    write_torchscript(model, folder / "models" / "model.ts")
    _write_json(folder / "configs" / "inference.json", _inference(card))
    metadata = _inert(_metadata(card, settings))
    _write_json(folder / "configs" / "metadata.json", metadata)
    text = readme(card, settings, _words(card))
    (folder / "docs" / "README.md").write_text(text, "utf-8")


def _inference(card: ModelCard) -> dict[str, Any]:
    """Return what MONAI's runner does, a component a key."""
    return {
        "imports": ["$import glob", "$import math", "$import numpy"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/labels'",
        "images": f"$sorted(glob.glob(@dataset_dir + '/{_pattern(card)}'))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": "$torch.jit.load(@bundle_root + '/models/model.ts', "
        "map_location=@device)",
        "preprocessing": _component("Compose", transforms=_preprocessing(card)),
        "dataset": _component(
            "Dataset",
            data="$[{'image': path} for path in @images]",
            transform="@preprocessing",
        ),
        "dataloader": _component(
            "DataLoader", dataset="@dataset", batch_size=1, num_workers=0
        ),
        "inferer": _inferer(card),
        "postprocessing": _component("Compose", transforms=_postprocessing(card)),
        "evaluator": _component(
            "SupervisedEvaluator",
            device="@device",
            val_data_loader="@dataloader",
            network="@network_def",
            inferer="@inferer",
            postprocessing="@postprocessing",
        ),
        "run": ["$@evaluator.run()"],
    }


def _preprocessing(card: ModelCard) -> list[dict[str, Any]]:
    """Read (C, X, Y, Z), bring it to the model's scale and spacing, turn it round."""
    steps = [
        _component("LoadImaged", keys="image"),
        _component("EnsureChannelFirstd", keys="image"),
        _component("EnsureTyped", keys="image", dtype="$torch.float32"),
        _normalisation(card),
    ]
    if _resamples(card):
        size = _SIZE.format(target=_pixdim(card), tolerance=TOLERANCE)
        steps.append(_resized("image", size))
    return [*steps, _turned_round(card, "image")]


def _postprocessing(card: ModelCard) -> list[dict[str, Any]]:
    """Bring probabilities back to the grid of the image, and write labels."""
    steps = [_turned_round(card, "pred")]
    if _resamples(card):
        steps.append(_resized("pred", "x.meta['spatial_shape'].tolist()"))
    values = card.plan.label_values
    return [
        *steps,
        _component("AsDiscreted", keys="pred", argmax=True),
        _component(
            "MapLabelValued",
            keys="pred",
            orig_labels=list(range(len(values))),
            target_labels=list(values),
        ),
        _component(
            "SaveImaged",
            keys="pred",
            output_dir="@output_dir",
            output_postfix="labels",
            output_ext=_suffix(card),
            output_dtype=f"$numpy.{np.dtype(_label_type(card)).name}",
            separate_folder=False,
            resample=False,
        ),
    ]


def _normalisation(card: ModelCard) -> dict[str, Any]:
    """Do what `engine.intensity` does; channel by channel, over the whole image."""
    method = card.plan.normalisation
    if method == "z-score":
        return _component("NormalizeIntensityd", keys="image", channel_wise=True)
    low, high = RANGES[method]
    return _component(
        "ScaleIntensityRangePercentilesd",
        keys="image",
        lower=low,
        upper=high,
        b_min=0.0,
        b_max=1.0,
        channel_wise=True,
    )


def _inferer(card: ModelCard) -> dict[str, Any]:
    """Lay tiles and blend them as `engine.tiling` does."""
    window = {
        "roi_size": list(card.plan.patch),
        "sw_batch_size": card.plan.batch,
        "overlap": OVERLAP,
        "mode": "gaussian",
    }
    if works_on_slices(card):
        return _component("SliceInferer", spatial_dim=0, **window)
    return _component("SlidingWindowInferer", **window)


def _resized(key: str, size: str) -> dict[str, Any]:
    """Interpolate as `engine.resampling` does; MONAI's Spacing shifts by half a voxel.

    `size` is Python: voxels along X, Y, Z, for the image `x`.
    """
    interpolate = "torch.nn.functional.interpolate"
    code = f"$lambda x: {interpolate}(x[None], {size}, mode='trilinear')[0]"
    return _component("Lambdad", keys=key, func=code)


def _turned_round(card: ModelCard, key: str) -> dict[str, Any]:
    """Turn (C, X, Y, Z), MONAI's order, into (C, Z, Y, X), or back."""
    axes = _image_dimensions(card)
    return _component("Transposed", keys=key, indices=[0, *range(axes, 0, -1)])


def _metadata(card: ModelCard, settings: ExportSettings) -> dict[str, Any]:
    plan = card.plan
    found = ", ".join(plan.label_names[1:])
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
        "task": f"Segmentation of {found}",
        "description": f"A {plan.dimensions}D {plan.network} that finds {found}",
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
    is_volume = _image_dimensions(card) == 3
    reads = "every NIfTI volume (.nii, .nii.gz)" if is_volume else "every PNG image"
    left_out = [
        "Images above 4 million voxels: specimen-unet takes mean, deviation and "
        "percentiles from every n-th voxel, MONAI from all; the difference is small."
    ]
    if _resamples(card):
        left_out.append(
            "The unit in the header of the image: MONAI takes every spacing to be in "
            "mm."
        )
    else:
        left_out.append(
            "Resampling: pixels are taken as they are. Bring images to the spacing "
            "above first."
        )
    resampling = " Images of another spacing are resampled for the network."
    usage = _USAGE.format(
        reads=reads,
        suffix=_suffix(card),
        resampling=resampling if _resamples(card) else "",
    )
    return Words(usage, left_out)


def _resamples(card: ModelCard) -> bool:
    """Whether images are brought to the model's spacing; PNGs have none."""
    return has_lengths(card) and _image_dimensions(card) == 3


def _pixdim(card: ModelCard) -> list[float | None]:
    """Return the model's spacing in mm along X, Y, Z; None keeps the image's own."""
    plan = card.plan
    spacing = Grid(plan.spacing, plan.unit).in_unit("mm").spacing
    return [*reversed(spacing), None][:3]


def _image_dimensions(card: ModelCard) -> int:
    return 3 if works_on_slices(card) else card.plan.dimensions


def _pattern(card: ModelCard) -> str:
    return "*.nii*" if _image_dimensions(card) == 3 else "*.png"


def _suffix(card: ModelCard) -> str:
    is_picture = _image_dimensions(card) == 2 and _label_type(card) is np.uint8
    return ".png" if is_picture else ".nii.gz"


def _label_type(card: ModelCard) -> type[np.uint8 | np.uint16]:
    return np.uint8 if max(card.plan.label_values) < 256 else np.uint16


def _component(target: str, **arguments: Any) -> dict[str, Any]:
    """Name a class of MONAI and its arguments, as its runner builds them."""
    return {"_target_": target, **arguments}


def _inert(content: Any) -> Any:
    """Take out of texts what MONAI's runner would run as code, or look up.

    Names in a card may come from anybody; a text that begins with $ is Python to it.
    """
    if isinstance(content, dict):
        return {key: _inert(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_inert(value) for value in content]
    return re.sub("[$@%]", "_", content) if isinstance(content, str) else content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
