"""An ONNX file, opened by onnxruntime; and the script beside it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.exports.export import export_model
from specimen_unet.exports.segment_with_onnx import segment as segment_with_onnx

pytestmark = pytest.mark.slow


def test_onnxruntime_gives_our_probabilities(model, exported, make_phantom, ours):
    folder = exported(model, "onnx")
    case = make_phantom(model, model.plan.patch)
    tile = normalised(
        case.image, *intensity_scale(case.image, model.plan.normalisation)
    )
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (answer,) = session.run(["probabilities"], {"image": np.stack([tile, tile])})
    expected = ours(case, model).probabilities
    assert np.abs(answer - expected).max() < 1e-3


def test_the_graph_refuses_tiles_of_another_size(model, exported):
    session = onnxruntime.InferenceSession(exported(model, "onnx") / "model.onnx")
    larger = [2 * size for size in model.plan.patch]
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        session.run(None, {"image": np.zeros((1, 1, *larger), np.float32)})


def test_the_script_gives_our_labels(
    model, exported, make_phantom, ours, same_labels, tmp_path
):
    case = make_phantom(model, (20, 50, 44)[-model.plan.dimensions :])
    np.save(tmp_path / "image.npy", case.image[0])
    script = exported(model, "onnx") / "segment.py"
    files = [tmp_path / "image.npy", tmp_path / "labels.npy"]
    subprocess.run([sys.executable, script, *files], check=True, timeout=60)
    labels = np.load(tmp_path / "labels.npy")
    expected = ours(case, model)
    assert same_labels(labels, expected.labels)
    assert labels.dtype == expected.labels.dtype
    _, probabilities = segment_with_onnx(case.image, script.parent)
    assert np.abs(probabilities - expected.probabilities).max() < 1e-3


def test_the_script_pads_what_is_smaller_than_a_tile_as_we_do(
    model, exported, make_phantom, ours, same_labels
):
    shape = (5, 50, 29)[-model.plan.dimensions :]
    case = make_phantom(model, shape)
    labels, _ = segment_with_onnx(case.image, exported(model, "onnx"))
    assert same_labels(labels, ours(case, model).labels)


def test_a_2d_model_takes_a_volume_slice_by_slice(
    models, exported, make_phantom, ours, same_labels
):
    model = models[2]
    case = make_phantom(model, (4, 50, 60), spacing=(3.0, *model.plan.spacing))
    labels, _ = segment_with_onnx(case.image, exported(model, "onnx"))
    assert same_labels(labels, ours(case, model).labels)


def test_the_file_and_the_folder_tell_the_same_of_the_model(model, exported):
    folder = exported(model, "onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    notes = session.get_modelmeta().custom_metadata_map
    facts = json.loads((folder / "model.json").read_text("utf-8"))
    assert json.loads(notes["specimen_unet"]) == facts
    assert facts["spacing"] == list(model.plan.spacing)
    assert [label["value"] for label in facts["labels"]] == list(
        model.plan.label_values
    )


@pytest.mark.parametrize("shape", [(60, 70), (33, 150)], ids=["larger", "other aspect"])
def test_the_script_brings_pictures_to_the_size_the_network_wants(
    shape, resizing, make_phantom, ours, same_labels
):
    model, folder = resizing
    case = make_phantom(model, shape)
    labels, probabilities = segment_with_onnx(case.image, folder)
    expected = ours(case, model)
    assert same_labels(labels, expected.labels)
    assert np.abs(probabilities - expected.probabilities).max() < 1e-3
    assert "48 x 64 pixels" in (folder / "README.md").read_text("utf-8")


@pytest.fixture(
    scope="module", params=[True, False], ids=["antialiased", "two neighbours"]
)
def resizing(request, make_model, tmp_path_factory):
    """A model of RGB pictures of one size, and its export."""
    plan = {"resize_to": (48, 64), "unit": "pixel", "spacing": (1, 1)}
    plan["antialiased"] = request.param
    model = make_model(2, image_channels=3, **plan)
    target = tmp_path_factory.mktemp("resizing") / "onnx"
    return model, export_model(model, target, ExportSettings(to="onnx"))
