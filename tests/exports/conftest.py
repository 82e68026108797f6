"""Models that are exported once, and phantoms that all consumers see."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import run
from PIL import Image

from specimen_unet.domain.case import Case
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.domain.phantoms import breast_ultrasound_phantom, specimen_phantom
from specimen_unet.engine.model import Model
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.segmentation import Segmentation, segment
from specimen_unet.exports.export import export_model
from specimen_unet.exports.facts import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.case import Array

# What no exporter could get right by chance: labels that are not 0 and 1, deep
# supervision, blocks of voxels folded into channels, kernels and strides of one.
PLANS: dict[int, dict[str, Any]] = {
    2: {
        "network": "DynUNet",
        "channels": (4, 8, 8),
        "strides": ((1, 1), (2, 2), (2, 2)),
        "kernels": ((3, 3),) * 3,
        "deep_supervision": True,
        "patch": (32, 48),
        "normalisation": "percentile",
        "label_values": (0, 1, 4),
        "label_names": ("background", "lesion", "rim"),
    },
    3: {
        "channels": (4, 8, 8),
        "strides": ((1, 2, 2), (1, 2, 2), (2, 2, 2)),
        "kernels": ((1, 3, 3), (3, 3, 3), (3, 3, 3)),
        "residual_units": 1,
        "patch": (8, 32, 32),
        "label_values": (0, 3),
        "spacing": (1.0, 0.75, 0.75),
    },
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute in one thread: tiny networks lose ten times that in waiting."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_model(make_card) -> Callable[..., Model]:
    """Make a model with random weights: it finds something everywhere.

    Its probabilities lie close to one another, so that the smallest mistake in an
    export changes labels. ``make_model(3, normalisation="range")``.
    """

    def make(dimensions: int, **changes: Any) -> Model:
        card = make_card(dimensions, **{**PLANS[dimensions], **changes})
        return Model(build_network(card.plan).eval(), card)

    return make


@pytest.fixture(scope="session")
def models(make_model) -> dict[int, Model]:
    """Return a 2D and a 3D model; the name of the 2D one is hard to write."""
    flat = make_model(2)
    card = flat.card.model_copy(update={"name": "β/é"})
    return {2: Model(flat.network, card), 3: make_model(3)}


@pytest.fixture(scope="session", params=[2, 3], ids=["2d", "3d"])
def model(request: pytest.FixtureRequest, models: dict[int, Model]) -> Model:
    """Return each of the models."""
    return models[request.param]


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Callable[..., Path]:
    """Export a model in a format, once a session: ``exported(model, "onnx")``.

    3D models with authors and a licence, 2D models without.
    """
    folders: dict[tuple[Model, str], Path] = {}

    def export(model: Model, to: str) -> Path:
        if (model, to) not in folders:
            target = tmp_path_factory.mktemp("exports") / to
            rights = {"author": "E. A., M. G.", "licence": "MIT"}
            settings = ExportSettings(
                to=to, **rights if model.plan.dimensions == 3 else {}
            )
            folders[model, to] = export_model(model, target, settings)
        return folders[model, to]

    return export


@pytest.fixture(scope="session")
def make_phantom() -> Callable[..., Case]:
    """Make an image as the model wants it: its own spacing, or another.

    ``make_phantom(model, (70, 90))`` has that shape.
    """

    def make(model: Model, shape: tuple[int, ...], spacing=None) -> Case:
        spacing = spacing or model.plan.spacing
        channels = [_channel(shape, seed) for seed in range(model.plan.image_channels)]
        image = np.stack(channels)
        return Case(image, {}, spacing=spacing, unit="mm", name="phantom")

    return make


def _channel(shape: tuple[int, ...], seed: int) -> Array:
    """Make one channel of a phantom."""
    if len(shape) == 3:
        return specimen_phantom(seed, shape).image[0]
    return breast_ultrasound_phantom(seed, images=1, shape=shape).image[0, 0]


@pytest.fixture(scope="session")
def ours() -> Callable[[Case, Model], Segmentation]:
    """Segment a case as specimen-unet does, and see that there is something in it."""

    def segmented(case: Case, model: Model) -> Segmentation:
        # What is exported lays overlapping tiles of the patch: the other tools do.
        result = segment(case, model, device="cpu", overlap=OVERLAP, fit_tiles=False)
        assert np.bincount(result.labels.ravel()).max() < 0.98 * result.labels.size
        return result

    return segmented


@pytest.fixture(scope="session")
def same_labels() -> Callable[[Array, Array], bool]:
    """Whether two label images agree in 99.9 % of their voxels."""

    def agree(one: Array, other: Array) -> bool:
        assert one.shape == other.shape
        return np.mean(one == other) >= 0.999

    return agree


@pytest.fixture(scope="session")
def write_for_monai() -> Callable[[Case, Path], Case]:
    """Write an image as MONAI reads it; return the case that lies in the file."""

    def write(case: Case, folder: Path) -> Case:
        folder.mkdir()
        if case.grid.dimensions == 2:
            picture = np.moveaxis(case.image, 0, -1)
            picture = picture[..., 0] if case.channels == 1 else picture
            Image.fromarray(picture).save(folder / "phantom.png")
            return case
        affine = np.diag([*reversed(case.grid.spacing), 1])
        path = folder / "phantom.nii.gz"
        voxels = np.moveaxis(case.image, 0, -1).swapaxes(0, 2)
        voxels = voxels[..., 0] if case.channels == 1 else voxels
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
        zooms = nibabel.load(path).header.get_zooms()[:3]
        spacing = tuple(float(step) for step in reversed(zooms))
        return Case(case.image, {}, spacing=spacing, unit="mm", name=case.name)

    return write


@pytest.fixture(scope="session")
def run_by_monai() -> Callable[[Path, Path, Path], Array]:
    """Run a bundle as its readme says; return the labels, (Y, X) or (Z, Y, X)."""

    def labels_of(bundle: Path, images: Path, labels: Path) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(
                config_file=str(bundle / "configs" / "inference.json"),
                meta_file=str(bundle / "configs" / "metadata.json"),
                bundle_root=str(bundle),
                dataset_dir=str(images),
                output_dir=str(labels),
            )
        (path,) = labels.iterdir()
        if path.suffix == ".png":
            assert path.name == "phantom_labels.png"
            return np.asarray(Image.open(path))
        assert path.name == "phantom_labels.nii.gz"
        return np.asarray(nibabel.load(path).dataobj).T

    return labels_of
