from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import (
    GridMismatchError,
    MemoryExceededError,
    PlanError,
)
from specimen_unet.domain.plan import Plan
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.engine import forecast, planning
from specimen_unet.engine.networks import build_network, size_multiple
from specimen_unet.engine.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array

    MakeCase = Callable[..., Case]

TINY = {"channels": (4, 8), "device": "cpu"}


@pytest.fixture
def volumes(make_blob_case: MakeCase) -> list[Case]:
    return [make_blob_case((8, 32, 32), seed=seed, labels=2) for seed in range(3)]


def test_everything_is_decided_with_a_reason(blob_cases: list[Case]) -> None:
    found = plan(blob_cases, device="cpu")
    assert found.dimensions == blob_cases[0].grid.dimensions
    assert "auto" not in found.model_dump(exclude={"settings", "reasons"}).values()
    named = {
        *("dimensions", "annotation", "network", "spacing", "normalisation"),
        *("mirror_axes", "foreground", "augmentation", "loss", "optimiser"),
        *("learning_rate", "precision", "device", "split", "channels", "strides"),
        *("patch", "batch", "forecast", "steps"),
    }
    assert set(found.reasons) == named
    for reason in found.reasons.values():
        assert reason.endswith(".")
        assert "\n" not in reason
        assert reason in str(found)


def test_the_network_of_the_plan_can_be_built_and_fed(blob_cases: list[Case]) -> None:
    found = plan(blob_cases, device="cpu")
    multiple = size_multiple(found)
    assert all(n % m == 0 for n, m in zip(found.patch, multiple, strict=True))
    logits = build_network(found)(torch.zeros(1, found.image_channels, *found.patch))
    assert logits.shape == (1, len(found.label_values), *found.patch)


def test_a_plan_survives_its_file(volumes: list[Case]) -> None:
    found = plan(volumes, **TINY, patch=(8, 16, 16), spacing=(2, 1, 1))
    assert Plan.model_validate_json(found.model_dump_json()) == found


def test_labels_become_classes_behind_the_background(volumes: list[Case]) -> None:
    found = plan(volumes, **TINY)
    assert found.label_values == (0, 1, 2)
    assert found.label_names == ("background", "label 1", "label 2")
    assert found.painted_background is None
    painted = plan(volumes, annotation="painted", **TINY)
    assert painted.label_values == (0, 2)
    assert painted.label_names == ("background", "label 2")
    assert painted.painted_background == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dimensions": 2}, "2D, chosen by you."),
        ({"network": "DynUNet", "channels": (4, 4, 4)}, "Network DynUNet, chosen by"),
        (
            {"network": "FlexibleUNet", "backbone": "EfficientNet-b0"}
            | {"channels": (4, 4, 4, 4, 4)},
            "Backbone EfficientNet-b0, chosen by you. The fewest weights",
        ),
        ({"channels": (4, 8, 8)}, "Channels 4, 8, 8, chosen by you."),
        ({"loss": "Dice"}, "Loss Dice, chosen by you."),
        ({"optimiser": "SGD"}, "Optimiser SGD, chosen by you."),
        ({"learning_rate": 0.125}, "Learning rate 0.125, chosen by you."),
        ({"patch": (8, 16, 24)}, "Patches of 8 x 16 x 24 voxels, chosen by you."),
        ({"batch": 3}, "3 patches a step, chosen by you."),
        ({"spacing": (2, 1, 1)}, "Voxels of 2 x 1 x 1 mm, chosen by you."),
        ({"normalisation": "range"}, "Gray values by range, chosen by you."),
        ({"mirror_axes": (1,)}, "Mirrored along Y, chosen by you."),
        ({"mirror_axes": ()}, "Mirrored along no axis, chosen by you."),
        ({"augmentation": 2}, "Augmentation 2, chosen by you."),
        ({"foreground": 1}, "100% of the patches are centred on a label, chosen by"),
        ({"ending": "steps", "steps": 70}, "70 steps, chosen by you: about"),
    ],
)
def test_what_a_person_chose_is_kept_and_said(
    changes: dict[str, Any], reason: str, volumes: list[Case]
) -> None:
    found = plan(volumes, **{**TINY, **changes})
    for name, value in changes.items():
        assert getattr(found, name) == value
    assert any(told.startswith(reason) for told in found.reasons.values())
    assert found.settings == TrainingSettings(**{**TINY, **changes})


def test_changes_go_on_top_of_settings(volumes: list[Case]) -> None:
    settings = TrainingSettings(minutes=3, **TINY)
    found = plan(volumes, settings, batch=1)
    assert (found.minutes, found.batch, found.channels) == (3, 1, (4, 8))


def test_a_patch_that_cannot_be_divided_is_made_larger_and_it_says_so(
    volumes: list[Case],
) -> None:
    found = plan(volumes, **TINY, patch=(7, 15, 17))
    assert found.patch == (7, 16, 20)
    assert "7 x 15 x 17 was chosen by you, made larger" in found.reasons["patch"]


def test_axes_are_pooled_when_their_spacing_is_alike(volumes: list[Case]) -> None:
    """Spacing 2 : 0.5 : 0.5, so that Z waits for two levels."""
    found = plan(volumes, channels=(4, 4, 4, 4), device="cpu", network="UNet")
    assert found.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2))
    assert found.kernels[0] == (1, 3, 3)
    assert "Z is reduced later" in found.reasons["strides"]


def test_a_2d_plan_on_volumes_looks_at_slices(volumes: list[Case]) -> None:
    found = plan(volumes, dimensions=2, **TINY)
    assert (found.patch, found.spacing) == ((32, 32), (0.5, 0.5))
    assert found.mirror_axes == (1,)
    assert {len(stride) for stride in found.strides} == {2}


def test_the_beam_axis_is_never_mirrored_unasked(volumes: list[Case]) -> None:
    found = plan(volumes, dimensions=3, **TINY)
    assert found.mirror_axes == (0, 2)
    assert "not along Y" in found.reasons["mirror_axes"]
    assert plan(volumes, **TINY, mirror_axes=(-1, 0, 2)).mirror_axes == (0, 2)


def volume(image: Array, spacing: tuple[float, ...] = (1, 1, 1)) -> Case:
    drawn = np.zeros(image.shape, np.uint8)
    drawn[:, 3:6, 3:6] = 1
    return Case(image, {"EA": drawn}, spacing=spacing, unit="mm")


NOISE = np.random.default_rng(0).normal(0, 1, (12, 16, 16))
VOLUME = np.cumsum(NOISE, 0)


@pytest.mark.parametrize(
    ("case", "dimensions", "reason"),
    [
        (volume(VOLUME), 3, "volumes of about 12 slices that are alike"),
        (volume(VOLUME[:5]), 2, "5 slices are too few"),
        (volume(VOLUME, (30, 1, 1)), 2, "30 times as far apart as pixels"),
        (volume(NOISE), 2, "neighbouring slices are not alike"),
    ],
)
def test_3d_is_for_volumes_that_are_worth_it(
    case: Case, dimensions: int, reason: str
) -> None:
    found = plan([case], **TINY)
    assert found.dimensions == dimensions
    assert reason in found.reasons["dimensions"]


def test_few_bright_voxels_do_not_decide_the_scale(make_blob_case: MakeCase) -> None:
    cases = [make_blob_case((32, 32), seed=seed) for seed in range(2)]
    assert plan(cases, **TINY).normalisation == "z-score"
    for case in cases:
        case.image = case.image.astype(float)
        case.image[0, 0, 0] = 1e6
    assert plan(cases, **TINY).normalisation == "percentile"


def test_small_cases_are_covered_nearly_whole(make_blob_case: MakeCase) -> None:
    cases = [make_blob_case((35, 51, 35), seed=s, spacing=(1, 1, 1)) for s in range(2)]
    found = plan(cases, device="cpu", channels=(4, 4, 4))
    assert found.patch == (40, 56, 40)
    assert "covers a whole typical case" in found.reasons["patch"]


def test_patches_of_large_cases_are_bounded(make_blob_case: MakeCase) -> None:
    case = make_blob_case((39, 221, 200), spacing=(0.5, 0.1, 0.1))
    found = plan([case], device="cpu", channels=(4, 4, 4, 4))
    z, y, x = found.patch
    assert 16 <= z <= 39
    # As tiles cover 221 and 200 best, which need not be the same.
    assert 80 <= y <= 160
    assert 80 <= x <= 160
    assert found.batch == 2
    assert found.split.held_out is not None
    assert found.reasons["split"] == found.split.caution


@pytest.mark.parametrize(
    "network", ["FastUNet", "UNet", "BasicUNet", "DynUNet", "SegResNet"]
)
@pytest.mark.parametrize("shape", [(5, 5), (1, 6, 7), (2, 3, 40)])
def test_the_smallest_images_get_a_plan_that_works(
    network: str, shape: tuple[int, ...]
) -> None:
    image = np.random.default_rng(0).normal(0, 1, shape)
    cases = [
        Case(image, {"EA": (image > 0).astype(np.uint8)}, name=name) for name in "ab"
    ]
    found = plan(cases, network=network, dimensions=len(shape), device="cpu")
    assert math.prod(found.patch) > math.prod(size_multiple(found))
    assert found.forecast.seconds_per_step > 0


def test_the_default_network_folds_blocks_of_fine_voxels(
    make_blob_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "seconds_of_step", lambda _: 1.0)
    cases = [
        make_blob_case((12, 48, 48), seed=seed, spacing=(3, 1, 1)) for seed in (0, 1)
    ]
    found = plan(cases, device="cpu")
    assert found.network == "FastUNet"
    assert found.strides[0] == (1, 2, 2)
    assert "Blocks of 1 x 2 x 2 voxels are worked on as one" in found.reasons["strides"]


def test_in_a_hurry_it_is_monais_unet(volumes: list[Case]) -> None:
    """What was measured to be best on phantoms in a minute (docs/benchmarks.md)."""
    found = plan(volumes, device="cpu", minutes=1)
    assert (found.network, found.residual_units) == ("UNet", 0)
    assert "Network UNet" in found.reasons["network"]


def test_thin_labels_are_worked_on_voxel_by_voxel() -> None:
    """Blocks of two voxels would blur a line of two."""
    cases = [hatched(name, gap=8) for name in "ab"]
    found = plan(cases, device="cpu")
    assert set(found.strides[0]) == {1}
    assert found.channels[0] == 16
    assert "labels are about 3.9 across" in found.reasons["strides"]


def hatched(name: str, gap: int) -> Case:
    """Make a picture of parallel lines, two pixels thick."""
    lines = np.arange(64) % gap < 2
    drawn = np.broadcast_to(lines, (64, 64)).astype(np.uint8)
    noise = np.random.default_rng(ord(name)).normal(0, 1, drawn.shape)
    return Case(noise + drawn, {"EA": drawn}, name=name)


def test_quality_means_nnunets_network_and_sizes(volumes: list[Case]) -> None:
    found = plan(volumes, quality=True, device="cpu", minutes=0.1)
    assert found.network == "DynUNet"
    assert "Network DynUNet, nnU-Net's" in found.reasons["network"]
    assert "By nnU-Net's rules" in found.reasons["patch"]
    assert found.batch == 2


def test_little_memory_makes_nnunets_patches_smaller(
    make_blob_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "has_tiles", lambda: False)
    cases = [make_blob_case((32, 64, 64), seed=seed) for seed in range(2)]
    chosen = {"quality": True, "device": "cpu", "minutes": 0.1}
    roomy = plan(cases, **chosen)
    free = int(roomy.forecast.memory_bytes)
    monkeypatch.setattr(planning, "free_memory", lambda _: free)
    tight = plan(cases, **chosen)
    assert tight.forecast.memory_bytes <= 0.7 * free
    assert math.prod(tight.patch) < math.prod(roomy.patch)
    assert tight.batch == 2


def test_minutes_become_steps_and_steps_minutes(volumes: list[Case]) -> None:
    by_time = plan(volumes, **TINY, minutes=2)
    seconds = by_time.forecast.seconds_per_step
    assert by_time.steps == by_time.forecast.steps
    assert by_time.steps * seconds == pytest.approx(2 * 60 * 0.85, rel=0.01)
    by_steps = plan(volumes, **TINY, ending="steps", steps=50)
    assert by_steps.steps == by_steps.forecast.steps == 50
    expected = 50 * by_steps.forecast.seconds_per_step / 0.85 / 60
    assert by_steps.minutes == pytest.approx(expected)


def test_little_memory_means_fewer_patches_then_smaller_ones(
    volumes: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a CPU takes anyway is more than all that such a tiny network needs.
    monkeypatch.setattr(forecast, "has_tiles", lambda: False)
    roomy = plan(volumes, **TINY)
    for share in (0.6, 0.2):
        free = int(roomy.forecast.memory_bytes / 0.7 * share)
        monkeypatch.setattr(planning, "free_memory", lambda _, free=free: free)
        tight = plan(volumes, **TINY)
        assert tight.forecast.memory_bytes <= 0.7 * free
        assert tight.batch == 1
        assert "would not fit the free memory" in tight.reasons["batch"]
    assert math.prod(tight.patch) < math.prod(roomy.patch)
    assert "would not fit the free memory" in tight.reasons["patch"]


def test_chosen_sizes_that_do_not_fit_are_told_before_anything_starts(
    volumes: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "free_memory", lambda _: 2**20)
    with pytest.raises(PlanError, match=r"needs about .* GB .*: choose a smaller"):
        plan(volumes, **TINY, patch=(8, 256, 256), batch=9)


def test_memory_that_ends_all_the_same_is_told(
    volumes: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(_: Plan) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(planning, "seconds_of_step", step)
    with pytest.raises(MemoryExceededError, match="Choose a smaller patch"):
        plan(volumes, **TINY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 3}, "There is no setting 'epochs'"),
        ({"patch": (16, 16)}, "3D network needs 3: give one for each of Z, Y, X"),
        ({"spacing": (1, 1)}, "The spacing 1 x 1 has 2 numbers"),
        ({"mirror_axes": (3,)}, "There is no axis 3 to mirror along in 3D"),
        ({"channels": (8,)}, "FastUNet has at least 2"),
        ({"network": "BasicUNet"}, "BasicUNet has exactly 5"),
        ({"network": "DynUNet"}, "DynUNet has at least 3"),
        ({"deep_supervision": True}, "FastUNet has none: choose DynUNet"),
        ({"backbone": "ResNet-18"}, "A backbone was chosen, but FastUNet has none"),
        ({"pretrained": True}, "but FastUNet has none: choose Flex"),
        ({"residual_units": 1}, "FastUNet has none: choose UNet"),
        ({"network": "SegResNet", "residual_units": 2}, "SegResNet has none: choose U"),
        ({"network": "FlexibleUNet"}, "FlexibleUNet has exactly 5"),
        ({"network": "AttentionUnet", "channels": (4, 1)}, "give each level 2 or more"),
        (
            {"network": "FlexibleUNet", "backbone": "ResNet-34", "pretrained": True}
            | {"dimensions": 2},
            "in 3D only, and the network is 2D: choose EfficientNet-b0 or "
            "EfficientNet-Lite0, or a 3D",
        ),
        ({"device": "cuda:99"}, "cuda:99 was asked for"),
        ({"fold": 3}, "choose a fold from 0 to 2"),
    ],
)
def test_settings_that_do_not_fit_are_told(
    changes: dict[str, Any], message: str, volumes: list[Case]
) -> None:
    with pytest.raises(PlanError, match=message):
        plan(volumes, **{**TINY, "dimensions": 3, **changes})


def test_a_3d_network_on_2d_images_is_told(make_blob_case: MakeCase) -> None:
    with pytest.raises(PlanError, match="single 2D images"):
        plan([make_blob_case((32, 32))], dimensions=3)


def test_cases_in_pixels_among_cases_in_millimetres_are_named(
    make_blob_case: MakeCase,
) -> None:
    cases = [make_blob_case((32, 32)), make_blob_case((32, 32), seed=1, unit="pixel")]
    with pytest.raises(GridMismatchError, match="mm: blob 0; pixel: blob 1"):
        plan(cases)


def test_different_spacings_are_brought_to_one(make_blob_case: MakeCase) -> None:
    cases = [
        make_blob_case((32, 32), seed=seed, spacing=(step, step))
        for seed, step in enumerate((0.5, 0.5, 1.0))
    ]
    found = plan(cases, **TINY)
    assert found.spacing == (0.5, 0.5)
    assert "cases with other voxels are resampled" in found.reasons["spacing"]


@pytest.mark.parametrize("antialiased", [True, False])
def test_images_are_averaged_unless_the_model_taught_further_was_not(
    volumes: list[Case], *, antialiased: bool
) -> None:
    earlier = plan(volumes, **TINY)
    assert earlier.antialiased
    model = earlier.model_copy(update={"antialiased": antialiased})
    found = plan(volumes, device="cpu", start_from=model, batch=1)
    assert found.antialiased == antialiased


def test_a_plan_to_fine_tune_has_the_network_of_the_model(
    volumes: list[Case], make_blob_case: MakeCase
) -> None:
    earlier = plan(
        volumes, **TINY, network="UNet", normalisation="range", residual_units=1
    )
    others = [
        make_blob_case((12, 20, 20), seed=seed, labels=2, spacing=(1, 1, 1))
        for seed in range(2)
    ]
    found = plan(others, device="cpu", start_from=earlier, batch=1)
    same = ("network", "channels", "strides", "kernels", "residual_units", "spacing")
    for name in (*same, "normalisation", "dimensions", "unit", "patch"):
        assert getattr(found, name) == getattr(earlier, name)
    assert found.settings == TrainingSettings(device="cpu", batch=1)
    assert found.reasons["channels"] == (
        "Channels 4, 8, as in the model it starts from."
    )
    assert found.reasons["batch"] == "1 patch a step, chosen by you."


def test_a_model_in_other_units_cannot_be_continued(
    volumes: list[Case], make_blob_case: MakeCase
) -> None:
    earlier = plan(volumes, **TINY)
    others = [make_blob_case((12, 20, 20), seed=s, unit="pixel") for s in range(2)]
    with pytest.raises(GridMismatchError, match="model to start from was trained with"):
        plan(others, start_from=earlier)


def test_planning_leaves_random_numbers_alone(volumes: list[Case]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    plan(volumes, **TINY)
    assert torch.equal(torch.rand(2), expected)
