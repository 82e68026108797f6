"""OpenVINO gives what torch gives, or says why it cannot."""

from __future__ import annotations

import copy
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino_telemetry
import pytest
import torch

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine import openvino_network
from specimen_unet.engine.encoders import BACKBONES
from specimen_unet.engine.networks import NETWORKS, build_network, size_multiple
from specimen_unet.engine.openvino_network import OpenVinoNetwork
from specimen_unet.engine.segmentation import segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
ENTRIES = [name for name in NETWORKS if name != "FlexibleUNet"]
ENTRIES += [f"FlexibleUNet {backbone}" for backbone in BACKBONES]

# Share of the voxels whose label may be another one than torch's in float32: where two
# classes are as probable, the last digit decides.
TOLERANCE = 0.001


@pytest.fixture(params=ENTRIES)
def plan(
    request: pytest.FixtureRequest,
    spatial: tuple[int, ...],
    make_plan: Callable[..., Plan],
    narrow_backbones: None,
) -> Plan:
    name, _, backbone = request.param.partition(" ")
    changes: dict[str, Any] = {"network": name, "deep_supervision": name == "DynUNet"}
    if name in ("BasicUNet", "FlexibleUNet"):
        changes |= {"channels": (4, 4, 8, 8, 8), "backbone": backbone or None}
    if backbone:
        changes["strides"] = ((2,) * len(spatial),) * 5
    return make_plan(
        len(spatial), image_channels=2, label_values=(0, 1, 5), seed=3, **changes
    )


@pytest.fixture
def make_model(make_plan: Callable[..., Plan]) -> Callable[..., Any]:
    """Make a model of a tiny network that was not trained."""

    def make(dimensions: int, **changes: Any) -> Any:
        plan = make_plan(
            dimensions, **{"patch": (8, 16, 16)[-dimensions:], "batch": 3, **changes}
        )
        return SimpleNamespace(network=build_network(plan), plan=plan, name="tumour")

    return make


@pytest.fixture
def case(spatial: tuple[int, ...], make_blob_case: Callable[..., Case]) -> Case:
    return make_blob_case(spatial, seed=0, spacing=(1.0,) * len(spatial))


def some_tiles(plan: Plan, count: int, lengths: tuple[int, ...]) -> torch.Tensor:
    """Make tiles of noise, so many steps of the coarsest level along each axis."""
    size = [
        length * step
        for length, step in zip(lengths, size_multiple(plan), strict=False)
    ]
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, plan.image_channels, *size, generator=generator)


@torch.inference_mode()
def by_torch(network: torch.nn.Module, tiles: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = copy.deepcopy(network).eval()(tiles)
    return logits


def share_of_other_labels(a: Any, b: Any) -> float:
    assert a.shape == b.shape
    return float((a != b).mean())


def test_every_network_gives_the_labels_of_torch_for_tiles_of_any_number_and_size(
    plan: Plan,
) -> None:
    network = build_network(plan)
    ours = OpenVinoNetwork(network, plan, CPU)
    for tiles in (some_tiles(plan, 2, (2, 1, 3)), some_tiles(plan, 1, (1, 3, 2))):
        found, expected = ours(tiles), by_torch(network, tiles)
        assert found.shape == expected.shape
        # Where it normalises over many voxels it keeps fewer digits than torch.
        assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
        labels = found.argmax(1).numpy(), expected.argmax(1).numpy()
        assert share_of_other_labels(*labels) <= TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [{}, {"mirror": True}, {"overlap": 0}],
    ids=["tiles", "mirrored", "cores"],
)
@pytest.mark.parametrize("network", ["FastUNet", "UNet", "DynUNet"])
def test_a_segmentation_has_the_labels_of_torch(
    make_model: Callable[..., Any], case: Case, network: str, changes: dict[str, Any]
) -> None:
    axes = tuple(range(len(case.shape)))
    model = make_model(len(case.shape), network=network, mirror_axes=axes)
    ours = segment(case, model, engine="openvino", device="cpu", **changes)
    torchs = segment(case, model, device="cpu", **changes)
    assert share_of_other_labels(ours.labels, torchs.labels) <= TOLERANCE
    assert ours.probabilities is not None
    np.testing.assert_allclose(ours.probabilities, torchs.probabilities, atol=1e-4)


@pytest.mark.parametrize("overlap", [0, 0.25])
def test_a_volume_is_segmented_slice_by_slice_as_torch_does(
    make_model: Callable[..., Any], make_blob_case: Callable[..., Case], overlap: float
) -> None:
    case = make_blob_case((9, 24, 20), seed=0, spacing=(1.0,) * 3)
    model = make_model(2, network="FastUNet")
    ours = segment(case, model, engine="openvino", device="cpu", overlap=overlap)
    torchs = segment(case, model, device="cpu", overlap=overlap)
    assert share_of_other_labels(ours.labels, torchs.labels) <= TOLERANCE


def test_in_bfloat16_labels_are_as_near_to_torch_as_bfloat16_is(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape), network="FastUNet", precision="bfloat16")
    ours = segment(case, model, engine="openvino", device="cpu")
    torchs = segment(case, model, device="cpu")
    assert share_of_other_labels(ours.labels, torchs.labels) <= 0.01


@pytest.mark.parametrize(
    ("precision", "capabilities", "hint"),
    [
        ("float32", ["FP32", "BF16"], "f32"),
        ("bfloat16", ["FP32", "BF16"], "bf16"),
        ("bfloat16", ["FP32"], "f32"),
    ],
)
def test_bfloat16_is_taken_where_the_plan_says_so_and_the_processor_can(
    make_plan: Callable[..., Plan], precision: str, capabilities: list[str], hint: str
) -> None:
    core = SimpleNamespace(get_property=lambda *_: capabilities)
    options = openvino_network._options(core, make_plan(precision=precision))
    assert options["INFERENCE_PRECISION_HINT"] == hint


def test_it_computes_in_as_many_threads_as_torch(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2)
    network = build_network(plan)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            compiled = openvino_network._compiled(network, plan)
            assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    finally:
        torch.set_num_threads(before)


def test_a_network_is_compiled_once_and_again_when_its_weights_change(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2)
    network, tiles = build_network(plan), some_tiles(plan, 1, (4, 4))
    once = openvino_network._compiled(network, plan)
    assert openvino_network._compiled(network, plan) is once
    with torch.no_grad():
        next(network.parameters()).mul_(-2)
    assert openvino_network._compiled(network, plan) is not once
    found = OpenVinoNetwork(network, plan, CPU)(tiles)
    torch.testing.assert_close(found, by_torch(network, tiles), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("is_training", [True, False])
def test_the_mode_and_the_weights_of_the_network_are_left_as_they_were(
    make_plan: Callable[..., Plan], is_training: bool
) -> None:
    plan = make_plan(3)
    network = build_network(plan).train(is_training)
    before = copy.deepcopy(network.state_dict())
    OpenVinoNetwork(network, plan, CPU)(some_tiles(plan, 1, (3, 3, 3)))
    assert network.training is is_training
    assert all(part.training is is_training for part in network.modules())
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, before[name])


def test_nobody_is_told_that_it_was_used(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    kind = openvino_telemetry.Telemetry
    monkeypatch.setattr(kind, "init", lambda *words, **_: told.append(words))
    monkeypatch.setattr(kind, "send_event", lambda *words, **_: told.append(words))
    plan = make_plan(2)
    OpenVinoNetwork(build_network(plan), plan, CPU)(some_tiles(plan, 1, (4, 4)))
    assert not told


def test_another_device_than_the_cpu_is_refused_with_what_to_choose(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2)
    with pytest.raises(PlanError, match=r"on the CPU, but .* cuda:0: choose .* torch"):
        OpenVinoNetwork(build_network(plan), plan, torch.device("cuda:0"))


def test_where_it_is_not_installed_the_message_says_how(
    make_model: Callable[..., Any], case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    model = make_model(len(case.shape))
    with pytest.raises(PlanError, match=r'pip install "specimen-unet\[openvino\]"'):
        segment(case, model, engine="openvino", device="cpu")
    segment(case, model, device="cpu")


def test_torch_computes_unless_it_was_asked_for() -> None:
    assert SegmentationSettings().engine == "torch"
