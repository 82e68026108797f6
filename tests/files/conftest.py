"""Files made by others: models by safetensors, OME-Zarr by hand and tensorstore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorstore

from specimen_unet.domain.card import ModelCard
from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    """Make a card of a small 2D model; any field of it can be given."""

    def make(**changes: Any) -> ModelCard:
        fields = {
            "name": "tumour",
            "plan": _plan(),
            "label_colours": {1: "#ff0000"},
            "axes": ("Y", "X"),
            "observers": ("EA",),
            "groups": {"032": "032"},
            "case_hashes": {"032": "ab" * 32},
            "versions": {"torch": "2.13.0"},
            "metrics": None,
            "steps_done": 10,
            "minutes_trained": 0.5,
            "date": "2026-11-21T14:32:00+00:00",
        }
        return ModelCard(**{**fields, **changes})

    return make


@pytest.fixture
def write_model(make_card: Callable[..., ModelCard]) -> Callable[..., Path]:
    """Write a model file with safetensors, its metadata as given."""
    from safetensors.numpy import save_file

    from specimen_unet.files.library import card_metadata

    def write(path: Path, metadata: dict[str, str] | None = None, **card: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = {"weight": np.arange(12, dtype=np.float32), "bias": np.ones(3)}
        save_file(
            weights,
            path,
            card_metadata(make_card(**card)) if metadata is None else metadata,
        )
        return path

    return write


@pytest.fixture(scope="session")
def make_zarr_image() -> Callable[..., Path]:
    """Make an OME-Zarr image, 0.4 or 0.5, with nothing of this package."""
    return _make_image


@pytest.fixture(scope="session")
def make_zarr_labels() -> Callable[..., Path]:
    """Make labels in the folder of an OME-Zarr image."""
    return _make_labels


@pytest.fixture(scope="session")
def read_by_tensorstore() -> Callable[..., Any]:
    """Read an array of a zarr folder with another library than zarr."""
    return _read_array


def _plan() -> Plan:
    return Plan(
        dimensions=2,
        annotation="everywhere",
        ending="steps",
        minutes=1,
        steps=10,
        network="UNet",
        channels=(4, 8),
        strides=((1, 1), (2, 2)),
        kernels=((3, 3), (3, 3)),
        residual_units=0,
        deep_supervision=False,
        image_channels=1,
        label_values=(0, 1),
        label_names=("background", "tumour"),
        painted_background=None,
        loss="Dice",
        optimiser="Adam",
        learning_rate=0.01,
        patch=(16, 16),
        batch=1,
        spacing=(0.5, 0.5),
        unit="mm",
        normalisation="z-score",
        mirror_axes=(1,),
        augmentation=1,
        foreground=0.5,
        precision="float32",
        device="cpu",
        device_name="CPU",
        seed=0,
        split=Split(training=("032",), validation=(), caution=""),
        forecast=Forecast(seconds_per_step=0.1, memory_bytes=1, steps=10),
        fingerprint=Fingerprint(
            cases=1,
            shapes=((32, 32),),
            spacings=((0.5, 0.5),),
            unit="mm",
            channels=1,
            label_values=(1,),
            annotated_fraction=1,
            foreground_fraction=0.1,
            foreground_mean=1,
            foreground_sd=1,
            background_mean=0,
            background_sd=1,
        ),
        settings=TrainingSettings(),
        reasons={"dimensions": "The images are 2D."},
    )


def _make_image(
    folder: Path,
    levels: Sequence[np.ndarray[Any, Any]],
    axes: str = "zyx",
    *,
    version: str = "0.4",
    scale: Sequence[float] | None = None,
    unit: str | None = "micrometer",
    **words: Any,
) -> Path:
    """Write an image; each level is twice as coarse along Y and X."""
    datasets = []
    for number, values in enumerate(levels):
        _make_array(folder / str(number), values, version)
        steps = list(scale or [1.0] * len(axes))
        steps[-2:] = [step * 2**number for step in steps[-2:]]
        half = [0.0] * (len(axes) - 2) + [(2**number - 1) / 2] * 2
        place = [
            {"type": "scale", "scale": steps},
            {"type": "translation", "translation": half},
        ]
        datasets.append({"path": str(number), "coordinateTransformations": place})
    multiscale = {
        "axes": [_axis(axis, unit) for axis in axes],
        "datasets": datasets,
        "name": folder.name,
    }
    _make_group(folder, {"multiscales": [multiscale], **words}, version)
    return folder


def _make_labels(image: Path, name: str, levels: Any, axes: str, **more: Any) -> Path:
    """Write labels into an image's folder."""
    _make_image(image / "labels" / name, levels, axes, **more, **{"image-label": {}})
    names = sorted(p.name for p in (image / "labels").iterdir() if p.is_dir())
    _make_group(image / "labels", {"labels": names}, more.get("version", "0.4"))
    return image / "labels" / name


def _make_group(folder: Path, words: dict[str, Any], version: str = "0.4") -> None:
    """Write what a group says of itself."""
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        for multiscale in words.get("multiscales", []):
            multiscale["version"] = version
        (folder / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
        (folder / ".zattrs").write_text(json.dumps(words))
        return
    head = {"zarr_format": 3, "node_type": "group"}
    attributes = {"ome": {"version": version, **words}}
    (folder / "zarr.json").write_text(json.dumps({**head, "attributes": attributes}))


def _make_array(folder: Path, values: np.ndarray[Any, Any], version: str) -> None:
    """Write an array in blocks of 4 x 16 x 16 voxels, by tensorstore."""
    block = [1] * (values.ndim - 3) + [4, 16, 16][-values.ndim :]
    metadata: dict[str, Any] = {"shape": values.shape}
    if version == "0.4":
        driver = "zarr"
        metadata |= {
            "chunks": block,
            "dtype": values.dtype.str,
            "dimension_separator": "/",
            "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        }
    else:
        driver = "zarr3"
        metadata |= {
            "data_type": values.dtype.name,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": block},
            },
        }
    kvstore = {"driver": "file", "path": str(folder)}
    spec = {"driver": driver, "kvstore": kvstore, "metadata": metadata}
    tensorstore.open(spec, create=True).result().write(values).result()


def _read_array(folder: Path) -> np.ndarray[Any, Any]:
    """Read a zarr 2 array by tensorstore."""
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(folder)}}
    values: np.ndarray[Any, Any] = tensorstore.open(spec).result().read().result()
    return values


def _axis(name: str, unit: str | None) -> dict[str, str]:
    kind = {"t": "time", "c": "channel"}.get(name, "space")
    known = {"unit": unit} if unit and kind == "space" else {}
    return {"name": name, "type": kind, **known}
