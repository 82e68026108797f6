"""A model description, opened by bioimageio.core."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from bioimageio.core import create_prediction_pipeline, predict, test_model
from bioimageio.spec import load_model_description
from bioimageio.spec.model.v0_5 import AxisId
from matplotlib.image import imread

from specimen_unet.domain.errors import ExportError
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.exports.citations import cited
from specimen_unet.exports.export import export_model

pytestmark = pytest.mark.slow

# pytest would take it for a test.
test_model.__test__ = False


@pytest.fixture
def quietly():
    """Whatever the other package's dependencies warn of is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("quietly")
def test_bioimageio_core_passes_it(model, exported):
    summary = test_model(exported(model, "bioimage-io") / "rdf.yaml")
    assert summary.status == "passed", summary.format()
    reproduced = [
        detail.loc[-1]
        for detail in summary.details
        if detail.name.startswith("Reproduce test outputs")
    ]
    assert sorted(reproduced) == ["onnx", "torchscript"]


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("weights", ["onnx", "torchscript"])
def test_bioimageio_core_gives_our_labels(
    weights, model, exported, make_phantom, ours, same_labels
):
    case = make_phantom(model, model.plan.patch)
    description = load_model_description(exported(model, "bioimage-io") / "rdf.yaml")
    # `predict` loads and unloads it; who unloads it twice waits for ever.
    pipeline = create_prediction_pipeline(description, weight_format=weights)
    inputs = {"image": case.image[np.newaxis].astype(np.float32)}
    sample = predict(model=pipeline, inputs=inputs)
    probabilities = sample.members["probabilities"].data.to_numpy()[0]
    expected = ours(case, model)
    assert np.abs(probabilities - expected.probabilities).max() < 1e-3
    labels = np.array(model.plan.label_values)[probabilities.argmax(axis=0)]
    assert same_labels(labels, expected.labels)


@pytest.mark.usefixtures("quietly")
def test_the_description_tells_what_people_look_for(models, exported):
    model = models[3]
    folder = exported(model, "bioimage-io")
    description = load_model_description(folder / "rdf.yaml")
    assert description.license == "MIT"
    assert [author.name for author in description.authors] == ["E. A.", "M. G."]
    (image,) = description.inputs
    space = {axis.id: axis for axis in image.axes if axis.type == "space"}
    assert {axis.unit for axis in space.values()} == {"millimeter"}
    assert space[AxisId("x")].scale == model.plan.spacing[-1]
    channels = description.outputs[0].axes[1].channel_names
    assert tuple(channels) == model.plan.label_names
    height, width, _ = imread(folder / "cover.png").shape
    assert width == 2 * height


def test_a_licence_that_nobody_knows_is_refused_before_anything_is_written(
    make_model, tmp_path
):
    settings = ExportSettings(to="bioimage-io", licence="do what you like")
    with pytest.raises(ExportError, match=r"'do what you like'.*CC-BY-4\.0"):
        export_model(make_model(2), tmp_path / "export", settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("quietly")
def test_without_author_and_licence_it_says_what_is_missing(models, exported):
    folder = exported(models[2], "bioimage-io")
    assert load_model_description(folder / "rdf.yaml").license is None
    readme = (folder / "README.md").read_text("utf-8")
    assert "--licence" in readme
    assert "--author" in readme


@pytest.mark.parametrize(
    ("network", "backbone", "paper"),
    [
        ("UNet", None, None),
        ("ResidualDynUNet", None, "nnU-Net"),
        ("AttentionUnet", None, "Attention U-Net"),
        ("FlexibleUNet", "EfficientNet-b0", "EfficientNet"),
    ],
)
def test_the_paper_on_the_network_is_cited(network, backbone, paper, make_card):
    papers = cited(make_card(3, network=network, backbone=backbone))
    names = [text.partition(": ")[2] for text, _ in papers]
    assert names == ["3D U-Net", "MONAI", *([paper] if paper else [])]
