"""A bundle, opened by MONAI's own runner."""

from __future__ import annotations

import json

import numpy as np
import pytest
from monai.bundle import ConfigParser

from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.domain.plan import Fingerprint
from specimen_unet.exports.export import export_model


@pytest.mark.parametrize("normalisation", ["z-score", "percentile", "range"])
@pytest.mark.parametrize("shape", [(60, 70), (20, 40, 44)], ids=["2d", "3d"])
def test_monais_runner_gives_our_labels(
    shape,
    normalisation,
    make_model,
    make_phantom,
    ours,
    same_labels,
    tmp_path,
    write_for_monai,
    run_by_monai,
):
    model = make_model(len(shape), normalisation=normalisation)
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    case = write_for_monai(make_phantom(model, shape), tmp_path / "images")
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels)


@pytest.mark.parametrize("antialiased", [True, False])
def test_an_image_of_another_spacing_is_resampled_as_we_do(
    antialiased,
    make_model,
    make_phantom,
    ours,
    same_labels,
    tmp_path,
    write_for_monai,
    run_by_monai,
):
    model = make_model(3, antialiased=antialiased)
    case = make_phantom(model, (14, 44, 72), spacing=(1.33, 0.6, 0.41))
    case = write_for_monai(case, tmp_path / "images")
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels)


def test_a_2d_model_of_volumes_works_slice_by_slice(
    make_model,
    make_phantom,
    make_card,
    ours,
    same_labels,
    tmp_path,
    write_for_monai,
    run_by_monai,
):
    seen = make_card(3).plan.fingerprint
    assert isinstance(seen, Fingerprint)
    model = make_model(2, fingerprint=seen)
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    case = make_phantom(model, (5, 60, 70), spacing=(3.0, 0.5, 0.6))
    case = write_for_monai(case, tmp_path / "images")
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels)


def test_the_probabilities_are_ours(
    models, make_phantom, exported, ours, tmp_path, write_for_monai
):
    model = models[3]
    bundle = exported(model, "monai-bundle")
    case = write_for_monai(make_phantom(model, (12, 40, 44)), tmp_path / "images")
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    parser["bundle_root"] = str(bundle)
    parts = ("preprocessing", "inferer", "network_def")
    read, inferer, network = (parser.get_parsed_content(part) for part in parts)
    image = read({"image": str(tmp_path / "images" / "phantom.nii.gz")})["image"]
    probabilities = inferer(image[None], network)[0].detach().numpy()
    assert np.abs(probabilities - ours(case, model).probabilities).max() < 1e-3


def test_names_from_a_model_are_never_run_as_code(
    make_model, make_phantom, tmp_path, write_for_monai, run_by_monai
):
    """To MONAI's runner a text that begins with $ is Python."""
    trap = tmp_path / "sprung"
    code = f"$open({str(trap)!r}, 'w').close()"
    model = make_model(3, label_names=("background", code))
    bundle = export_model(model, tmp_path / "bundle", ExportSettings(author=code))
    write_for_monai(make_phantom(model, (8, 40, 40)), tmp_path / "images")
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    parser.read_meta(bundle / "configs" / "metadata.json")
    parser.parse()
    for name in parser.get("_meta_"):
        parser.get_parsed_content(f"_meta_::{name}")
    run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert not trap.exists()


def test_the_metadata_name_the_channels(model, exported):
    bundle = exported(model, "monai-bundle")
    assert (bundle / "docs" / "README.md").is_file()
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text("utf-8"))
    output = metadata["network_data_format"]["outputs"]["pred"]
    assert tuple(output["channel_def"].values()) == model.plan.label_names
    authors = "E. A., M. G." if model.plan.dimensions == 3 else "not named"
    assert metadata["authors"] == authors


@pytest.mark.parametrize("antialiased", [True, False])
def test_pictures_are_brought_to_the_size_the_network_wants(
    antialiased,
    make_model,
    make_phantom,
    ours,
    same_labels,
    tmp_path,
    write_for_monai,
    run_by_monai,
):
    plan = {"resize_to": (48, 64), "unit": "pixel", "spacing": (1, 1)}
    model = make_model(2, antialiased=antialiased, **plan)
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    case = write_for_monai(make_phantom(model, (130, 50)), tmp_path / "images")
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels)


def test_pictures_of_two_channels_are_volumes_of_one_slice(
    make_model, make_phantom, ours, same_labels, tmp_path, write_for_monai, run_by_monai
):
    """Which PNG cannot hold; ``resize_to`` works on them all the same."""
    model = make_model(
        2, image_channels=2, resize_to=(48, 64), unit="pixel", spacing=(1, 1)
    )
    bundle = export_model(model, tmp_path / "bundle", ExportSettings())
    case = make_phantom(model, (1, 60, 70), spacing=(1, 1, 1))
    case = write_for_monai(case, tmp_path / "images")
    labels = run_by_monai(bundle, tmp_path / "images", tmp_path / "labels")
    assert same_labels(labels, ours(case, model).labels[0])
    readme = (bundle / "docs" / "README.md").read_text("utf-8")
    assert "every NIfTI volume (.nii, .nii.gz; X, Y, Z, channels)" in readme
