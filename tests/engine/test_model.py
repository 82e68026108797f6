from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from specimen_unet.domain.card import FORMAT_VERSION, ModelCard
from specimen_unet.domain.errors import ModelFileError
from specimen_unet.engine.model import Model, check_fine_tuning, load_model
from specimen_unet.engine.networks import build_network, weights_of
from specimen_unet.files import library
from specimen_unet.files.library import card_metadata, read_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.plan import Plan

CHANGES: dict[str, dict[str, Any]] = {
    "UNet": {},
    "BasicUNet": {"channels": (4, 4, 8, 8, 8), "patch": (16, 16, 32)},
    "DynUNet": {"deep_supervision": True},
}


@pytest.fixture(params=list(CHANGES))
def model(request: pytest.FixtureRequest, make_plan: Callable[..., Plan]) -> Model:
    return untrained(make_plan(network=request.param, **CHANGES[request.param]))


@pytest.fixture
def small(make_plan: Callable[..., Plan]) -> Model:
    return untrained(make_plan(channels=(2, 2)))


@pytest.fixture
def path(small: Model, tmp_path: Path) -> Path:
    small.save(tmp_path / "tumour.safetensors")
    return tmp_path / "tumour.safetensors"


def untrained(plan: Plan) -> Model:
    card = ModelCard(
        name="tumour",
        plan=plan,
        label_colours={1: "#ff0000"},
        axes=("Z", "Y", "X"),
        observers=("EA",),
        groups={"a": "a"},
        case_hashes={"a": "0" * 64},
        versions={"torch": "2"},
        metrics=None,
        steps_done=3,
        minutes_trained=0.5,
        date="2026-11-21T10:00:00+00:00",
    )
    return Model(build_network(plan).eval(), card)


def rewritten(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write the file again with another card."""
    card = json.loads(read_card(path).model_dump_json())
    card = change(card) or card
    save_file(load_file(path), path, metadata={library.CARD_KEY: json.dumps(card)})
    return path


def test_a_model_comes_back_as_it_was(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "tumour.safetensors"
    model.save(path)
    loaded = load_model(path)
    image = torch.rand(1, 1, *model.plan.patch)
    assert loaded.card == model.card
    assert (loaded.name, loaded.plan) == ("tumour", model.plan)
    assert not loaded.network.training
    assert torch.equal(loaded.network(image), model.network(image))


def test_weights_are_float32_on_the_cpu_whatever_they_were(
    small: Model, tmp_path: Path
) -> None:
    small.network.bfloat16()
    small.save(tmp_path / "half.safetensors")
    assert {w.dtype for w in load_file(tmp_path / "half.safetensors").values()} == {
        torch.float32
    }


def test_loading_draws_no_random_numbers(path: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    load_model(path)
    assert torch.equal(torch.rand(2), expected)


def test_a_failed_save_leaves_the_earlier_model_and_nothing_else(
    small: Model, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full_disk(_weights: object, target: Path, **_: object) -> None:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("specimen_unet.engine.model.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        small.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_another_suffix_is_refused(small: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"call it tumour\.safetensors"):
        small.save(tmp_path / "tumour.pt")


def test_a_file_cut_at_any_length_is_truncated(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 97, 1)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="truncated"):
            load_model(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelFileError, match="truncated"):
        load_model(path)


class Bomb:
    def __reduce__(self) -> Any:
        return (open, (Bomb.target, "w"))

    target = ""


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_run(kind: str, tmp_path: Path) -> None:
    path, Bomb.target = tmp_path / "model.safetensors", str(tmp_path / "ran")
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        torch.save(Bomb(), path)
    with pytest.raises(ModelFileError, match="is no model file"):
        load_model(path)
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_program_are_told(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(weights_of(small.network), path, metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match="another program"):
        load_model(path)


def test_a_model_of_a_newer_version_says_to_update(path: Path) -> None:
    rewritten(path, lambda card: card.update(format_version=FORMAT_VERSION + 1))
    with pytest.raises(ModelFileError, match="update it"):
        load_model(path)


def test_an_older_model_is_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the present version had renamed a field of the one before."""

    def rename(card: dict[str, Any]) -> dict[str, Any]:
        title = card.pop("title")
        return {**card, "name": title}

    rewritten(path, lambda card: card.update(title=card.pop("name") + " of old"))
    monkeypatch.setitem(library.MIGRATIONS, FORMAT_VERSION, rename)
    monkeypatch.setattr(library, "FORMAT_VERSION", FORMAT_VERSION + 1)
    assert load_model(path).name == "tumour of old"


def test_a_card_that_makes_no_sense_is_told(path: Path) -> None:
    rewritten(path, lambda card: card["plan"].update(dimensions=7))
    with pytest.raises(ModelFileError, match=r"wrong in plan\.dimensions"):
        load_model(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channels", [10**9, 2]),
        ("channels", [2] * 10_000),
        ("residual_units", 10**9),
        ("kernels", [[2, 2, 2]] * 2),
        ("kernels", [[3, 3]] * 2),
        ("strides", [[0, 1, 1]] * 2),
        ("image_channels", 10**9),
        ("label_values", list(range(10**5))),
        ("patch", [10**12] * 3),
    ],
)
def test_a_hostile_plan_is_refused_before_anything_is_built(
    path: Path, field: str, value: object
) -> None:
    rewritten(path, lambda card: card["plan"].update({field: value}))
    with pytest.raises(ModelFileError, match="its card is wrong in plan"):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": [4096, 4096]},
        {"image_channels": 3},
        {"network": "BasicUNet"},
        {"network": "DynUNet"},
        {"residual_units": 0},
        {"label_values": [0, 1, 2], "label_names": ["a", "b", "c"]},
    ],
)
def test_weights_that_do_not_fit_the_card_are_told(
    path: Path, changes: dict[str, Any]
) -> None:
    rewritten(path, lambda card: card["plan"].update(changes))
    with pytest.raises(ModelFileError, match="do not fit the network its card"):
        load_model(path)


@pytest.mark.parametrize(
    "spoilt",
    [lambda w: w.long(), lambda w: w * torch.nan, lambda w: w.bfloat16()],
    ids=["whole numbers", "NaN", "bfloat16"],
)
def test_weights_that_training_never_writes_are_told(
    path: Path, small: Model, spoilt: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    weights = load_file(path)
    weights["model.2.0.conv.weight"] = spoilt(weights["model.2.0.conv.weight"])
    save_file(weights, path, metadata=card_metadata(small.card))
    with pytest.raises(ModelFileError, match=r"damaged: model\.2\.0\.conv\.weight"):
        load_model(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**6], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "QQ", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
    ],
)
def test_a_table_of_tensors_that_lies_is_told(
    entry: dict[str, Any], small: Model, tmp_path: Path
) -> None:
    header = json.dumps({"__metadata__": card_metadata(small.card), "w": entry})
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + b"\0" * 8)
    with pytest.raises(ModelFileError, match=r"damaged|truncated"):
        load_model(path)


def test_the_same_plan_may_start_from_a_model(small: Model) -> None:
    check_fine_tuning(small, small.plan)
    other_training = {"patch": (32, 32, 32), "learning_rate": 0.1, "batch": 9}
    check_fine_tuning(small, small.plan.model_copy(update=other_training))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "BasicUNet"}, "architecture: UNet in the model, BasicUNet"),
        ({"channels": (2, 4)}, "channels of each level"),
        ({"strides": ((1, 1, 1), (1, 2, 2))}, "strides"),
        ({"kernels": ((1, 3, 3), (3, 3, 3))}, "kernels"),
        ({"residual_units": 0}, "residual units"),
        ({"image_channels": 2}, "channels of the images"),
        ({"label_values": (0, 2)}, r"labels: \(0, 1\) in the model, \(0, 2\)"),
        ({"dimensions": 2}, "dimensions of the network"),
        ({"normalisation": "range"}, "gray values"),
        ({"unit": "pixel"}, "unit"),
    ],
)
def test_any_mismatch_forbids_fine_tuning_and_is_named(
    change: dict[str, Any], words: str, small: Model
) -> None:
    with pytest.raises(ModelFileError, match=words):
        check_fine_tuning(small, small.plan.model_copy(update=change))
