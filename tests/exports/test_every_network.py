"""Every network a plan can name is exported, in 2D and in 3D, and answers as ours.

A MONAI bundle and a bioimage.io model hold the network as TorchScript; it is cheap to
make, so here every network goes through MONAI's runner. As ONNX each goes once, in 2D
or in 3D. `test_bioimage_io` opens both kinds of weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.engine.encoders import BACKBONES
from specimen_unet.engine.networks import NETWORKS
from specimen_unet.exports.export import export_model
from specimen_unet.exports.segment_with_onnx import segment as segment_with_onnx

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.engine.model import Model

ENTRIES = [
    *((name, None) for name in NETWORKS if name != "FlexibleUNet"),
    *(("FlexibleUNet", name) for name in BACKBONES),
]
HALVINGS = {"BasicUNet": 4, "FlexibleUNet": 5}
# UNet in 3D and DynUNet in 2D are those of `conftest`.
AS_ONNX = {
    "FastUNet": 3,
    "UNet": 2,
    "BasicUNet": 2,
    "AttentionUnet": 3,
    "SegResNet": 3,
    "DynUNet": 3,
    "ResidualDynUNet": 2,
    "ResNet-18": 2,
    "ResNet-34": 3,
    "ResNet-50": 2,
    "EfficientNet-b0": 3,
    "EfficientNet-Lite0": 2,
}


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry[1] or entry[0])
def entry(request: pytest.FixtureRequest) -> tuple[str, str | None]:
    found: tuple[str, str | None] = request.param
    return found


@pytest.fixture
def make_one(
    entry: tuple[str, str | None], make_model: Callable[..., Model], narrow_backbones
) -> Callable[[int], Model]:
    """Make a small model of an entry: RGB pictures, or volumes of two channels."""
    network, backbone = entry

    def make(dimensions: int) -> Model:
        halvings = HALVINGS.get(network, 0)
        flat: dict[str, Any] = {
            "channels": (8, 8, 16, 16, 16) if halvings == 4 else (4, 4, 8, 8, 8),
            "strides": ((2,) * dimensions,) * 5,
            "kernels": ((3,) * dimensions,) * 5,
            "patch": (32, 64) if dimensions == 2 else (32, 32, 64),
        }
        if halvings == 4:
            flat["strides"] = ((1,) * dimensions, *flat["strides"][1:])
        no_blocks = {"strides": ((1, 1, 1), (1, 2, 2), (2, 2, 2))}
        return make_model(
            dimensions,
            **(flat if halvings else no_blocks if dimensions == 3 else {}),
            network=network,
            backbone=backbone,
            deep_supervision="DynUNet" in network,
            residual_units=2 if network == "UNet" else 0,
            image_channels=5 - dimensions,
            label_values=(0, 1, 3, 4),
            label_names=("background", "tumour", "duct", "rim"),
            spacing=(1.0, 0.75, 0.75)[-dimensions:],
        )

    return make


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [2, 3], ids=["2d", "3d"])
def test_monais_runner_gives_our_labels(
    dimensions, make_one, make_phantom, ours, same_labels, tmp_path, write_for_monai,
    run_by_monai,
):  # fmt: skip
    model = make_one(dimensions)
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    shape = tuple(size + 8 for size in model.plan.patch)
    case = write_for_monai(make_phantom(model, shape), tmp_path / "images")
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels)


@pytest.mark.slow
def test_onnxruntime_gives_our_labels_and_probabilities(
    entry, make_one, make_phantom, ours, same_labels, tmp_path
):
    network, backbone = entry
    model = make_one(AS_ONNX[backbone or network])
    folder = export_model(model, tmp_path / "onnx", ExportSettings(to="onnx"))
    case = make_phantom(model, tuple(size + 8 for size in model.plan.patch))
    labels, probabilities = segment_with_onnx(case.image, folder)
    expected = ours(case, model)
    assert same_labels(labels, expected.labels)
    assert np.abs(probabilities - expected.probabilities).max() < 1e-3
