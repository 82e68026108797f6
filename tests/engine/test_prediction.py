"""Prediction equals MONAI's, lies on the image's own grid, and can be stopped."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference
from torch import nn

from specimen_unet.domain.control import Control
from specimen_unet.domain.errors import SegmentationStopped
from specimen_unet.domain.events import TileDone
from specimen_unet.domain.grid import Grid
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine import prediction, ways
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.prediction import predict_into
from specimen_unet.engine.sinks import Probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan

CPU = torch.device("cpu")
OVERLAPPING = SegmentationSettings(overlap=0.25)
IN_CORES = SegmentationSettings(overlap=0)


def predict(image, grid, network, plan, **keywords):
    """Return the probabilities of every voxel, whole."""
    sink = Probabilities(len(plan.label_values), image.shape[1:])
    yield from predict_into(sink, image, grid, network, plan, **keywords)
    return sink.values


def run(
    image: Array,
    network: nn.Module,
    plan: Plan,
    grid: Grid | None = None,
    **keywords: Any,
) -> tuple[Array, list[TileDone]]:
    """Run a prediction to its end; its result and its events."""
    grid = grid or Grid((1.0,) * (image.ndim - 1), "mm")
    events = predict(image, grid, network, plan, device=CPU, **keywords)
    heard = []
    while True:
        try:
            heard.append(next(events))
        except StopIteration as end:
            return end.value, heard


def noise(*shape: int) -> Array:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


class Brightness(nn.Module):
    """A network that says foreground where the image is brighter than its mean."""

    def __init__(self, steepness: float = 10) -> None:
        super().__init__()
        self._steepness = steepness

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        brightness = self._steepness * image[:, :1]
        return torch.cat([-brightness, brightness], dim=1)


class Position(nn.Module):
    """A network whose answer grows along the last axis of a tile."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(-3, 3, image.shape[-1]).expand_as(image[:, :1])
        return torch.cat([-ramp, ramp], dim=1)


@pytest.mark.parametrize(
    ("shape", "patch"),
    [
        ((40, 56), (16, 16)),
        ((10, 9), (16, 16)),
        ((10, 50), (16, 16)),
        ((20, 24, 37), (8, 16, 16)),
        ((5, 24, 20), (8, 16, 16)),
        ((8, 16, 16), (8, 16, 16)),
    ],
)
@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_labels_equal_those_of_monai_on_the_same_tiles(
    make_plan: Callable[..., Plan],
    shape: tuple[int, ...],
    patch: tuple[int, ...],
    overlap: float,
) -> None:
    plan = make_plan(len(shape), patch=patch, image_channels=2, label_values=(0, 1, 2))
    network = build_network(plan).eval()
    image = noise(2, *shape)
    found, _ = run(image, network, plan, settings=SegmentationSettings(overlap=overlap))
    values = normalised(image, *intensity_scale(image, plan.normalisation))
    with torch.inference_mode():
        expected = sliding_window_inference(
            torch.from_numpy(values)[None],
            patch,
            plan.batch,
            lambda tiles: network(tiles).softmax(1),
            overlap=overlap,
            mode="gaussian",
        )[0].numpy()
    assert len(np.unique(found.argmax(0))) > 1
    np.testing.assert_array_equal(found.argmax(0), expected.argmax(0))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_part_of_an_image_can_keep_the_gray_scale_of_the_whole(
    make_plan: Callable[..., Plan], spatial: tuple[int, ...]
) -> None:
    plan = make_plan(len(spatial), patch=(8, 32, 32)[-len(spatial) :])
    image = noise(1, *spatial)
    whole, _ = run(image, Brightness(), plan)
    part = image[..., 8:20]
    scale = intensity_scale(image, plan.normalisation)
    scaled, _ = run(part, Brightness(), plan, scale=scale)
    np.testing.assert_allclose(scaled, whole[..., 8:20], atol=1e-5)
    alone, _ = run(part, Brightness(), plan)
    assert np.abs(alone - scaled).max() > 0.01


def test_probabilities_sum_to_one(
    make_plan: Callable[..., Plan], spatial: tuple[int, ...]
) -> None:
    plan = make_plan(len(spatial), patch=(8, 16, 16)[-len(spatial) :])
    found, _ = run(noise(1, *spatial), build_network(plan), plan)
    assert found.dtype == np.float32
    assert found.shape == (2, *spatial)
    np.testing.assert_allclose(found.sum(0), 1, rtol=1e-5)


def test_a_2d_network_sees_a_volume_slice_by_slice(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2, batch=4)
    network = build_network(plan)
    # Two slices that are alike have one normalisation with the volume.
    image = np.repeat(noise(1, 1, 20, 24), 3, axis=1)
    volume, heard = run(image, network, plan, Grid((5.0, 1.0, 1.0), "mm"))
    single, _ = run(image[:, 0], network, plan)
    assert volume.shape == (2, 3, 20, 24)
    for index in range(3):
        np.testing.assert_allclose(volume[:, index], single, atol=1e-5)
    assert heard[-1].of == 3 * 4


def test_slices_do_not_see_one_another(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, normalisation="range")
    image = noise(1, 3, 20, 24)
    image[0, 1, 0, :2] = 0, 255
    changed = image.copy()
    changed[0, 0, 5:, 5:] = 100
    network = build_network(plan)
    before, after = (run(values, network, plan)[0] for values in (image, changed))
    np.testing.assert_array_equal(before[:, 1:], after[:, 1:])
    assert (before[:, 0] != after[:, 0]).any()


def test_mirrored_copies_are_averaged(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, mirror_axes=(0, 1), patch=(16, 16))
    image = noise(1, 16, 16)
    network = build_network(plan).eval()
    found, heard = run(image, network, plan, settings=SegmentationSettings(mirror=True))
    copies = [
        np.flip(run(np.flip(image, axes).copy(), network, plan)[0], axes)
        for axes in [(), (1,), (2,), (1, 2)]
    ]
    np.testing.assert_allclose(found, np.mean(copies, axis=0), atol=1e-5)
    assert [event.tile for event in heard] == [1, 2, 3, 4]
    assert {event.of for event in heard} == {4}


def test_axes_with_a_direction_are_not_mirrored(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, mirror_axes=(0,), patch=(16, 16))
    mirrored = SegmentationSettings(mirror=True)
    found, heard = run(noise(1, 16, 16), Position(), plan, settings=mirrored)
    assert heard[-1].of == 2
    assert (np.diff(found[1], axis=-1) > 0).all()


def test_every_mirror_axis_doubles_the_work(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(3, mirror_axes=(0, 1, 2), patch=(8, 16, 16))
    mirrored = SegmentationSettings(mirror=True)
    found, heard = run(noise(1, 8, 16, 16), Position(), plan, settings=mirrored)
    assert heard[-1] == TileDone(8, 8, 0.0)
    np.testing.assert_allclose(found, 0.5, atol=1e-5)


@pytest.mark.parametrize("spacing", [(0.5, 0.5), (2.0, 2.0), (1.3, 0.7)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_resampled_image_is_labelled_where_it_is_bright(
    make_plan: Callable[..., Plan], spacing: tuple[float, ...], dimensions: int
) -> None:
    grid = Grid(spacing if dimensions == 2 else (3.0, *spacing), "mm")
    plan = make_plan(dimensions, spacing=(2.0, 1.0, 1.0)[-dimensions:])
    truth = np.zeros((12, 50, 60)[-dimensions:], bool)
    truth[..., 12:31, 20:44] = True
    image = np.where(truth, 200, 50).astype(np.uint8)[np.newaxis]
    found, _ = run(image, Brightness(), plan, grid)
    labels = found.argmax(0)
    assert labels.shape == truth.shape
    dice = 2 * (labels & truth).sum() / (labels.sum() + truth.sum())
    # Twice coarser, a border of 86 voxels may be off by half a voxel.
    assert dice > 0.95


def test_speckle_is_averaged_only_by_models_that_learnt_so(
    make_plan: Callable[..., Plan],
) -> None:
    """A model from before must see what it was trained on."""
    image, grid = noise(1, 240, 320), Grid((0.25, 0.25), "mm")
    spreads = [
        run(
            image,
            Brightness(steepness=0.1),
            make_plan(2, spacing=(1.0, 1.0), antialiased=antialiased),
            grid,
        )[0][1].std()
        for antialiased in (True, False)
    ]
    assert spreads[0] < spreads[1] / 2


def test_the_spacing_of_the_plan_sets_the_number_of_tiles(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2, patch=(16, 16), spacing=(1.0, 1.0))
    image = noise(1, 32, 32)
    tiles = [
        run(image, Brightness(), plan, Grid((step, step), "mm"), settings=OVERLAPPING)[
            1
        ][-1].of
        for step in (0.5, 1.0, 2.0)
    ]
    assert tiles == [1, 9, 25]


def test_lengths_in_other_units_are_the_same_lengths(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2, spacing=(0.5, 0.5))
    image = noise(1, 32, 40)
    network = build_network(plan)
    in_mm, _ = run(image, network, plan, Grid((0.25, 0.5), "mm"))
    in_um, _ = run(image, network, plan, Grid((250, 500), "um"))
    np.testing.assert_array_equal(in_mm, in_um)


def test_voxels_of_unknown_size_are_taken_as_they_are(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2, spacing=(0.5, 0.5))
    image = noise(1, 32, 40)
    network = build_network(plan)
    unknown, _ = run(image, network, plan, Grid((1.0, 1.0), "pixel"))
    known, _ = run(image, network, plan, Grid((0.5, 0.5), "mm"))
    np.testing.assert_array_equal(unknown, known)


def test_tiles_are_counted_to_the_last(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, patch=(16, 16), batch=4)
    _, heard = run(noise(1, 32, 32), build_network(plan), plan, settings=OVERLAPPING)
    assert [event.tile for event in heard] == [4, 8, 9]
    assert {event.of for event in heard} == {9}
    assert heard[0].seconds_left > 0
    assert heard[-1].seconds_left == 0


def test_a_stop_ends_it_without_a_result(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, patch=(16, 16))
    control = Control()
    events = predict(
        noise(1, 32, 32),
        Grid((1.0, 1.0), "mm"),
        build_network(plan),
        plan,
        settings=OVERLAPPING,
        device=CPU,
        control=control,
    )
    next(events)
    control.stop()
    with pytest.raises(SegmentationStopped):
        next(events)


def test_a_pause_holds_it_until_it_may_go_on(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, patch=(16, 16))
    control = Control()
    control.pause()
    network = build_network(plan)
    done = threading.Event()

    def work() -> None:
        run(noise(1, 16, 16), network, plan, control=control)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not done.wait(0.2)
    control.go_on()
    assert done.wait(30)
    thread.join()


def test_a_network_in_training_is_evaluated_and_left_in_training(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2)
    network = nn.Sequential(nn.Dropout(0.9), build_network(plan))
    image = noise(1, 16, 16)
    expected, _ = run(image, network.eval(), plan)
    found, _ = run(image, network.train(), plan)
    np.testing.assert_array_equal(found, expected)
    assert network.training
    assert network[0].training


def test_gradients_can_be_computed_between_tiles(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2)
    events = predict(
        noise(1, 32, 32),
        Grid((1, 1), "mm"),
        build_network(plan),
        plan,
        settings=OVERLAPPING,
        device=CPU,
    )
    next(events)
    weight = torch.ones(3, requires_grad=True)
    weight.square().sum().backward()
    assert weight.grad is not None
    events.close()


def test_a_mapped_image_is_only_read(
    make_plan: Callable[..., Plan], tmp_path: Any
) -> None:
    plan = make_plan(3, patch=(8, 16, 16), spacing=(2.0, 1.0, 1.0))
    image = noise(1, 8, 20, 20)
    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    network = build_network(plan)
    for grid in (Grid((2, 1, 1), "mm"), Grid((1, 1, 1), "mm")):
        found, expected = (run(a, network, plan, grid)[0] for a in (mapped, image))
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(mapped, image)


@pytest.mark.parametrize(("free", "home"), [(10_000, "cuda"), (2_000, "cpu")])
def test_sums_that_would_fill_a_gpu_are_kept_in_main_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, home: str
) -> None:
    monkeypatch.setattr(ways, "free_memory", lambda _: free)
    assert ways.home_of_sums(torch.device("cuda"), 1000).type == home


def test_half_precision_gives_nearly_the_same(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2)
    network = build_network(plan)
    image = noise(1, 32, 32)
    full, _ = run(image, network, plan)
    half, _ = run(image, network, plan.model_copy(update={"precision": "bfloat16"}))
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 0.05


class Box(nn.Module):
    """A network that sees three voxels around: its reach is known."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mean = nn.functional.avg_pool2d if image.ndim == 4 else nn.functional.avg_pool3d
        values = 10 * mean(image[:, :1], 7, stride=1, padding=3, count_include_pad=True)
        return torch.cat([-values, values], dim=1)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave room for tiles of the patch alone."""
    monkeypatch.setattr(prediction, "_room", lambda *_: ways.Room(1, 2))


@pytest.mark.parametrize("antialiased", [True, False])
@pytest.mark.parametrize("spacing", [1.0, 0.5, 1.7])
@pytest.mark.usefixtures("small_tiles")
def test_cores_equal_the_whole_image_where_the_halo_is_as_wide_as_the_reach(
    make_plan: Callable[..., Plan],
    monkeypatch: pytest.MonkeyPatch,
    spatial: tuple[int, ...],
    spacing: float,
    *,
    antialiased: bool,
) -> None:
    patch = (16,) * len(spatial)
    plan = make_plan(len(spatial), patch=patch, antialiased=antialiased)
    grid = Grid((spacing,) * len(spatial), "mm")
    image = noise(1, *(3 * size for size in spatial))
    assert min(ways.tile_rules(plan).halo) >= 3
    tiled, heard = run(image, Box(), plan, grid, settings=IN_CORES)
    assert heard[-1].of > 4
    monkeypatch.setattr(prediction, "_room", lambda *_: ways.Room(1e9, 1))
    whole, heard = run(image, Box(), plan, grid, settings=IN_CORES)
    assert heard[-1].of == 1
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_an_image_is_cut_only_where_memory_ends(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(3, patch=(8, 16, 16), batch=1)
    network = build_network(plan)
    image = noise(1, 40, 48, 48)
    counts = []
    for free in (2**33, 2**25, 2**23, 2**20):
        monkeypatch.setattr(prediction, "free_memory", lambda _, free=free: free)
        heard = run(image, network, plan, settings=IN_CORES)[1]
        counts.append(heard[-1].of)
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[1] < counts[-1]


@pytest.mark.usefixtures("small_tiles")
def test_lazy_images_are_read_tile_by_tile(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(3, patch=(8, 16, 16), spacing=(1.0, 1.0, 1.0))
    image = noise(1, 40, 48, 48)
    read = []

    class Lazy:
        shape, ndim, dtype = image.shape, image.ndim, image.dtype

        def __getitem__(self, where: Any) -> Array:
            read.append(image[where].size)
            return image[where]

    scale = intensity_scale(image, plan.normalisation)
    for spacing in (1.0, 0.5):
        grid = Grid((spacing,) * 3, "mm")
        found, _ = run(Lazy(), Box(), plan, grid, scale=scale)  # type: ignore[arg-type]
        expected, _ = run(image, Box(), plan, grid)
        np.testing.assert_array_equal(found, expected)
    assert len(read) > 8
    assert max(read) < image.size / 2


def test_every_dtype_is_read(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(2, normalisation="range")
    image = noise(1, 20, 24)
    expected, _ = run(image, Brightness(), plan)
    for dtype in ("u2", ">u2", ">i4", "u4", "i8", "f8", ">f4", "f2"):
        found, _ = run(image.astype(dtype), Brightness(), plan)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    bits, _ = run(image > 99, Brightness(), plan)
    assert set(np.unique(bits[1].round(3))) == {0.5, 1.0}
