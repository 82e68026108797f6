"""A model as bioimage.io describes it: https://bioimage.io, specification 0.5."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError

from specimen_unet.domain.errors import ExportError
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.exports.citations import cited
from specimen_unet.exports.facts import (
    RANGES,
    axes_of,
    by,
    found_text,
    grid_text,
    interpolation_text,
    model_facts,
    network_text,
    works_on_slices,
)
from specimen_unet.exports.graph import (
    INPUT,
    OPSET,
    OUTPUT,
    probabilities_of,
    write_onnx,
    write_torchscript,
)
from specimen_unet.exports.phantom_tile import phantom_tile, write_cover
from specimen_unet.exports.readme import Words, write_readme

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.export_settings import ExportSettings
    from specimen_unet.engine.model import Model

_UNITS = {
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "inch": "inch",
}
_LEAST_EPS = 1e-12
"""Added to the deviation; bioimage.io's own 1e-6 would show in images of 0 to 1e-3."""

_USAGE = """\
`rdf.yaml` describes it by the specification of bioimage.io. To try it:

```
pip install bioimageio.core onnxruntime
bioimageio test rdf.yaml
```

The weights are there twice, as TorchScript and as ONNX. To hand it on, or upload it, \
zip what is in this folder. The test image is a phantom, not a specimen."""


def write_bioimage_io(model: Model, folder: Path, settings: ExportSettings) -> None:
    """Write rdf.yaml and all it names into an empty folder.

    Raises
    ------
    ExportError
        If bioimage.io does not know the licence, or refuses the description.
    """
    from bioimageio.spec import save_bioimageio_package_as_folder

    _check_licence(settings.licence)
    with tempfile.TemporaryDirectory() as name:
        parts = Path(name)
        _write_parts(model, parts, settings)
        try:
            description = _description(model, parts, settings)
        except ValidationError as error:
            raise ExportError(
                f"bioimage.io refuses the model {model.name}: {error}"
            ) from error
        save_bioimageio_package_as_folder(description, output_path=folder)


def _check_licence(licence: str) -> None:
    from bioimageio.spec.generic.v0_3 import LicenseId

    if not licence:
        return
    try:
        LicenseId(licence)
    except ValidationError as error:
        raise ExportError(
            f"{licence!r} is no licence that SPDX lists: write its identifier, e.g. "
            "CC-BY-4.0, CC0-1.0 or MIT (https://spdx.org/licenses)."
        ) from error


def _write_parts(model: Model, folder: Path, settings: ExportSettings) -> None:
    """Write weights, test arrays, cover and readme."""
    write_torchscript(model, folder / "weights.pt")
    write_onnx(model, folder / "weights.onnx", {})
    image = phantom_tile(model.plan)
    scale = intensity_scale(image, model.plan.normalisation)
    tile = torch.from_numpy(normalised(image, *scale))
    probabilities = probabilities_of(model, tile[None]).numpy()
    np.save(folder / "test_input.npy", image[np.newaxis])
    np.save(folder / "test_output.npy", probabilities)
    write_cover(folder / "cover.png", image[0], probabilities[0].argmax(axis=0))
    write_readme(folder / "README.md", model.card, settings, _words(model.card))


def _description(model: Model, parts: Path, settings: ExportSettings) -> Any:
    """Describe the model; what is wrong in it is told by pydantic."""
    from bioimageio.spec.common import FileDescr
    from bioimageio.spec.model import v0_5

    card = model.card
    return v0_5.ModelDescr(
        name=_name(card.name),
        description=f"{network_text(card)} that finds {found_text(card)}",
        authors=[v0_5.Author(name=_plain(name)) for name in settings.authors],
        license=settings.licence or None,
        cite=[
            v0_5.CiteEntry(text=text, doi=v0_5.Doi(doi)) for text, doi in cited(card)
        ],
        tags=[f"{card.plan.dimensions}d", "unet", "semantic-segmentation", "pytorch"],
        covers=[FileDescr(source=parts / "cover.png")],
        documentation=FileDescr(source=parts / "README.md"),
        inputs=[_input(card, parts)],
        outputs=[_output(card, parts)],
        weights=_weights(parts),
        config=_config(model),
    )


def _input(card: ModelCard, parts: Path) -> Any:
    from bioimageio.spec.common import FileDescr
    from bioimageio.spec.model import v0_5

    channels = [f"channel{number}" for number in range(card.plan.image_channels)]
    space = [
        v0_5.SpaceInputAxis(size=size, concatenable=True, **axis)
        for size, axis in zip(card.plan.patch, _space(card), strict=True)
    ]
    return v0_5.InputTensorDescr(
        id=v0_5.TensorId(INPUT),
        axes=[v0_5.BatchAxis(), v0_5.ChannelAxis(channel_names=channels), *space],
        test_tensor=FileDescr(source=parts / "test_input.npy"),
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        preprocessing=[_normalisation(card)],
    )


def _output(card: ModelCard, parts: Path) -> Any:
    from bioimageio.spec.common import FileDescr
    from bioimageio.spec.model import v0_5

    plan = card.plan
    names = [_plain(name) for name in plan.label_names]
    # No halo: it would be padded around every tile, and the normalisation within the
    # network then sees another patch than it was trained on.
    space = [
        v0_5.SpaceOutputAxis(
            size=v0_5.SizeReference(
                tensor_id=v0_5.TensorId(INPUT), axis_id=v0_5.AxisId(axis["id"])
            ),
            **axis,
        )
        for axis in _space(card)
    ]
    return v0_5.OutputTensorDescr(
        id=v0_5.TensorId(OUTPUT),
        axes=[v0_5.BatchAxis(), v0_5.ChannelAxis(channel_names=names), *space],
        test_tensor=FileDescr(source=parts / "test_output.npy"),
        data=v0_5.IntervalOrRatioDataDescr(type="float32", range=(0, 1)),
    )


def _space(card: ModelCard) -> list[dict[str, Any]]:
    """Name the axes in space, with the size of a voxel."""
    from bioimageio.spec.model import v0_5

    unit = _UNITS.get(card.plan.unit)
    return [
        {"id": v0_5.AxisId(axis.lower()), "unit": unit, "scale": step}
        for axis, step in zip(axes_of(card), card.plan.spacing, strict=True)
    ]


def _normalisation(card: ModelCard) -> Any:
    """Do what `engine.intensity` does, channel by channel."""
    from bioimageio.spec.model import v0_5

    axes = tuple(v0_5.AxisId(axis.lower()) for axis in axes_of(card))
    if card.plan.normalisation not in RANGES:
        return v0_5.ZeroMeanUnitVarianceDescr(
            kwargs=v0_5.ZeroMeanUnitVarianceKwargs(axes=axes, eps=_LEAST_EPS)
        )
    low, high = RANGES[card.plan.normalisation]
    return v0_5.ScaleRangeDescr(
        kwargs=v0_5.ScaleRangeKwargs(
            axes=axes, min_percentile=low, max_percentile=high, eps=_LEAST_EPS
        )
    )


def _weights(parts: Path) -> Any:
    from bioimageio.spec.model import v0_5

    return v0_5.WeightsDescr(
        torchscript=v0_5.TorchscriptWeightsDescr(
            source=parts / "weights.pt",
            pytorch_version=v0_5.Version(torch.__version__.partition("+")[0]),
        ),
        onnx=v0_5.OnnxWeightsDescr(
            source=parts / "weights.onnx", opset_version=OPSET, parent="torchscript"
        ),
    )


def _config(model: Model) -> Any:
    """Tell what the specification has no field for."""
    from bioimageio.spec.model import v0_5

    card, plan = model.card, model.plan
    return v0_5.Config(
        bioimageio=v0_5.BioimageioConfig(
            architecture_type=network_text(card),
            task="semantic segmentation",
            target_structure=list(plan.label_names[1:]),
            model_parameter_count=sum(p.numel() for p in model.network.parameters()),
            training=v0_5.TrainingDetails(
                loss_function=plan.loss,
                optimizer=plan.optimiser,
                initial_learning_rate=plan.learning_rate,
                training_batch_size=plan.batch,
                training_duration=card.minutes_trained / 60,
            ),
        ),
        specimen_unet=model_facts(card),
    )


def _words(card: ModelCard) -> Words:
    left_out = [
        f"Resampling: bring images to {grid_text(card)} first by "
        f"{interpolation_text(card)}, and the labels back.",
        f"Tiling as in specimen-unet: images larger than a tile of "
        f"{by(card.plan.patch)} voxels are cut by the program that runs it, which "
        "crops the margins of tiles instead of blending them, and may normalise tile "
        "by tile: labels differ a little near the seams.",
        "Labels: it returns probabilities, a channel a class. The label of a voxel is "
        "that of the channel with the highest one.",
    ]
    if works_on_slices(card):
        left_out.append(
            "Volumes: it takes single slices and normalises each by itself, while "
            "specimen-unet normalises a volume as a whole."
        )
    return Words(_USAGE, left_out)


def _name(name: str) -> str:
    """Keep the characters that bioimage.io allows, 5 to 64 of them."""
    allowed = re.sub(r"[^A-Za-z0-9_+\- ()]", " ", name).strip()
    return f"{allowed} U-Net"[-64:].strip()


def _plain(name: str) -> str:
    """Take slashes out of a name; bioimage.io refuses them."""
    return re.sub(r"[/\\]", " ", name)
