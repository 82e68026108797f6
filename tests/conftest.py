"""Fixtures that every room shares: small grids, small cases, folders of its own."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.card import Metrics, ModelCard
from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from specimen_unet.domain.case import Array

SPACING = (2.0, 0.5, 0.5)

# They share a screen, where one window at a time has the focus.
_ON_SCREEN = ("tests/viewer/", "tests/widgets/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal tests out by file, and all that open windows to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOrScreen(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            is_on_screen = nodeid.startswith(_ON_SCREEN)
            return "screen" if is_on_screen else nodeid.partition("::")[0]

    return ByFileOrScreen(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let nothing else of these tests run beside one that measures time."""
    with _turn(item.config, is_alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextlib.contextmanager
def _turn(config: pytest.Config, *, is_alone: bool) -> Iterator[None]:
    """Wait until a test may run: one that is alone waits for all, and all for it."""
    run = getattr(config, "workerinput", {}).get("testrunuid")
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        run = None
    if run is None:
        yield
        return
    begin = Path(tempfile.gettempdir(), f"specimen-unet-tests-{run}")
    # Who waits to be alone stands in the gate, or others would go on taking turns.
    with open(f"{begin}.gate", "w") as gate, open(f"{begin}.room", "w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)


@pytest.fixture(scope="session", params=[(32, 32), (8, 32, 32)], ids=["2d", "3d"])
def spatial(request: pytest.FixtureRequest) -> tuple[int, ...]:
    """Shape of a small image, once in 2D and once in 3D."""
    shape: tuple[int, ...] = request.param
    return shape


@pytest.fixture(scope="session")
def make_blob_case() -> Callable[..., Case]:
    """Make one case of a shape: a bright noisy ellipsoid in a dark background.

    ``make_blob_case((8, 32, 32), seed=1, observers=("EA", "MG"), channels=2)``.
    The second observer draws the ellipsoid a little larger. The label is 1; with
    ``labels=2`` the lower half along Y is label 2. ``observers=()`` draws nothing.
    """
    return _blob_case


@pytest.fixture(scope="session")
def blob_cases(
    spatial: tuple[int, ...], make_blob_case: Callable[..., Case]
) -> list[Case]:
    """Four small cases with one observer, in 2D and in 3D, of different groups."""
    return [make_blob_case(spatial, seed=seed) for seed in range(4)]


@pytest.fixture(scope="session")
def two_observer_cases(
    spatial: tuple[int, ...], make_blob_case: Callable[..., Case]
) -> list[Case]:
    """Four small cases that EA and MG both drew, in 2D and in 3D."""
    return [
        make_blob_case(spatial, seed=seed, observers=("EA", "MG")) for seed in range(4)
    ]


@pytest.fixture(scope="session")
def make_card() -> Callable[..., ModelCard]:
    """Make the card of a model that nobody trained.

    ``make_card(3, label_names=("background", "rim"))``; keywords change its plan.
    """
    return _card


@pytest.fixture
def narrow_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give ResNets an eighth of their channels: a gigabyte a checkpoint takes time."""
    from monai.networks.nets import flexible_unet, resnet

    widths = [8, 16, 32, 64]
    monkeypatch.setattr(resnet, "get_inplanes", lambda: list(widths))
    known = flexible_unet.FLEXUNET_BACKBONE.register_dict
    for depth, expansion in ((18, 1), (34, 1), (50, 4)):
        outputs = (8, *(expansion * width for width in widths))
        monkeypatch.setitem(known[f"resnet{depth}"], "feature_channel", outputs)


@pytest.fixture(autouse=True)
def own_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Keep the model library and the runs of every test out of the user's home."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("SPECIMEN_UNET_LIBRARY", str(folder / "library"))
    monkeypatch.setenv("SPECIMEN_UNET_RUNS", str(folder / "runs"))
    return folder


@pytest.fixture
def garbage_stays_here() -> Iterator[None]:
    """Collect garbage between tests, in this thread.

    Any thread collects it otherwise, napari's own ones too, and Qt crashes where
    another thread than its own destroys widgets. In an application a window owns them.
    """
    gc.collect()
    # What is there now, modules above all, need not be looked through every time.
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


def _blob_case(
    shape: tuple[int, ...],
    *,
    seed: int = 0,
    observers: tuple[str, ...] = ("EA",),
    channels: int = 1,
    labels: int = 1,
    **changes: Any,
) -> Case:
    generator = np.random.default_rng(seed)
    size = np.array(shape)
    centre = size * generator.uniform(0.4, 0.6, len(shape))
    radius = size * generator.uniform(0.25, 0.35, len(shape))
    blob = _ellipsoid(shape, centre, radius)
    image = generator.normal(100, 10, (channels, *shape)) + 60 * blob
    drawn = {
        observer: _labels(
            _ellipsoid(shape, centre, radius * (1 + 0.08 * number)), centre[-2], labels
        )
        for number, observer in enumerate(observers)
    }
    settings = {
        "spacing": SPACING[-len(shape) :],
        "unit": "mm",
        "name": f"blob {seed}",
        **changes,
    }
    return Case(np.clip(image, 0, 255).astype(np.uint8), drawn, **settings)


def _ellipsoid(shape: tuple[int, ...], centre: Array, radius: Array) -> Array:
    position = np.moveaxis(np.indices(shape), 0, -1)
    inside: Array = (((position - centre) / radius) ** 2).sum(-1) <= 1
    return inside


def _labels(inside: Array, middle: float, labels: int) -> Array:
    drawn = inside.astype(np.uint8)
    if labels == 2:
        rows = np.arange(inside.shape[-2])[:, np.newaxis]
        drawn[inside & (rows > middle)] = 2
    return drawn


def _card(dimensions: int = 3, **changes: Any) -> ModelCard:
    spacing = SPACING[-dimensions:]
    shape = (8, 32, 32)[-dimensions:]
    plan = {
        "dimensions": dimensions, "annotation": "everywhere", "ending": "minutes",
        "minutes": 10, "steps": 1500, "network": "UNet", "channels": (4, 8),
        "strides": ((1,) * dimensions, (2,) * dimensions),
        "kernels": ((3,) * dimensions,) * 2, "residual_units": 0,
        "deep_supervision": False, "image_channels": 1, "label_values": (0, 1),
        "label_names": ("background", "tumour"), "loss": "Dice",
        "optimiser": "AdamW", "learning_rate": 0.001, "patch": (8,) * dimensions,
        "batch": 2, "spacing": spacing, "unit": "mm", "normalisation": "z-score",
        "mirror_axes": (), "augmentation": 1, "foreground": 0.5,
        "precision": "float32", "device": "cpu", "device_name": "CPU", "seed": 0,
        "split": Split(training=("030", "031"), validation=("032",)),
        "forecast": Forecast(seconds_per_step=0.4, memory_bytes=10**9, steps=1500),
        "fingerprint": Fingerprint(
            cases=3, shapes=(shape,), spacings=(spacing,), unit="mm", channels=1,
            label_values=(1,), annotated_fraction=1, foreground_fraction=0.2,
            foreground_mean=1, foreground_sd=1, background_mean=0, background_sd=1,
        ),
        "settings": TrainingSettings(), "reasons": {},
    }  # fmt: skip
    return ModelCard(
        name="tumour", plan=Plan(**{**plan, **changes}), label_colours={1: "#123456"},
        axes=("Z", "Y", "X")[-dimensions:], observers=("EA", "MG"), groups={},
        case_hashes={}, versions={}, steps_done=1500, minutes_trained=10,
        metrics=Metrics(
            step=1500, mean_dice=0.876, mean_iou=0.78, dice={1: 0.876},
            by_observer={"EA": 0.88, "MG": 0.872}, caution="",
        ),
        date="2026-11-21T10:00:00+00:00",
    )  # fmt: skip


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    """Files of every format, and what benchmarks/fuzz.py does to them."""
    path = Path(__file__).parents[1] / "benchmarks" / "damage.py"
    spec = importlib.util.spec_from_file_location("damage", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
