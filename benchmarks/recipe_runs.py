"""The runs of `recipes`: what is changed, and for how many steps.

Steps are those that two quiet cores with bfloat16 make in so many minutes (the first
number of a name): FastUNet 3651 in 5 on hippocampus, EfficientNet-Lite0 1200 in 10 on
pictures of 160 x 192, FastUNet 1820 on those of 224 x 272. Other networks make fewer
steps by as much as a step of theirs takes longer (`networks`).
"""

from __future__ import annotations

from typing import Any

Run = dict[str, Any]

SMALL, MIDDLE, LARGE = (112, 144), (160, 192), (224, 272)
LITE0 = {
    "network": "FlexibleUNet",
    "pretrained": True,
    "backbone": "EfficientNet-Lite0",
}
FAST, UNET = {"network": "FastUNet"}, {"network": "UNet"}
# Voxels folded along an axis, channels of the first level, levels at most.
FOLDED, FULL, WIDE, USUAL = (2, 32, 4), (1, 16, 5), (2, 48, 4), (1, 32, 4)


def runs() -> list[Run]:
    """Return all runs, those that take longest first."""
    found = [
        hippocampus("h60 UNet, augmentation 2", 26200, augmentation=2, network="UNet"),
        hippocampus("h20", 13775),
        hippocampus("h20 augmentation 2", 13775, augmentation=2),
        hippocampus("h20 UNet, augmentation 2", 8743, augmentation=2, network="UNet"),
        hippocampus("h20 full, augmentation 2", 5350, levels=FULL, augmentation=2),
        hippocampus("h20 wide, augmentation 2", 7200, levels=WIDE, augmentation=2),
        vessels("v60", 9134, "FastUNet"),
        vessels("v60 UNet", 5530, "UNet"),
        phantoms("p on blocks", 2000),
        phantoms("p full", 1200, levels=FULL),
    ]
    for fold in range(3):
        found += [
            hippocampus("h5", 3651, fold),
            hippocampus("h5 augmentation 2", 3651, fold, augmentation=2),
            hippocampus("h5 one of ten held out", 3651, fold, folds=10),
            pictures("b10 Lite0", 1200, fold, LITE0, MIDDLE),
            pictures("b10 FastUNet, small", 5600, fold, FAST, SMALL),
            pictures("b10 FastUNet, middle", 3640, fold, FAST, MIDDLE),
            pictures("b10 full, small", 3720, fold, FAST, SMALL, levels=FULL),
            pictures("b10 full, middle", 1875, fold, FAST, MIDDLE, levels=FULL),
            pictures(
                "b10 FastUNet, small then large",
                3725,
                fold,
                FAST,
                LARGE,
                sizes=[(0.5, 2800, *SMALL), (0.5, 925, *LARGE)],
            ),
        ]
    return found


def hippocampus(name: str, steps: int, fold: int = 0, **changes: Any) -> Run:
    """Return a run on whole volumes of hippocampus."""
    sizes = {"patch": (40, 48, 40), "batch": 2}
    return volumes(
        {"images": "hippocampus", "fold": fold}, name, steps, sizes, **changes
    )


def vessels(name: str, steps: int, network: str) -> Run:
    """Return a run on stacks of vessels, one of five held out."""
    sizes = {"patch": (16, 96, 96), "batch": 1}
    return volumes(
        {"images": "vessels", "fold": 0}, name, steps, sizes, network=network
    )


def phantoms(name: str, steps: int, **changes: Any) -> Run:
    """Return a run on phantoms of specimens, three of fifteen held out."""
    sizes = {"patch": (32, 64, 64), "batch": 2}
    return volumes({"images": "phantoms", "fold": 0}, name, steps, sizes, **changes)


def volumes(
    cases: Run,
    name: str,
    steps: int,
    sizes: dict[str, Any],
    *,
    levels: tuple[int, int, int] = FOLDED,
    network: str = "FastUNet",
    **settings: Any,
) -> Run:
    """Return a run on volumes; UNet has MONAI's usual levels."""
    is_usual = network == "UNet"
    units = 2 if is_usual else 0
    return {
        **cases,
        "name": name,
        "steps": steps,
        "settings": {"network": network, "augmentation": 1, **settings},
        "levels": USUAL if is_usual else levels,
        "plan": {**sizes, "mirror_axes": (0, 2), "residual_units": units},
    }


def pictures(
    name: str,
    steps: int,
    fold: int,
    settings: dict[str, Any],
    size: tuple[int, int],
    **more: Any,
) -> Run:
    """Return a run on BUSI's pictures, all of one size, or of several in turn."""
    own = {"patch": size, "resize_to": size, "batch": 7, "mirror_axes": (1,)}
    return {
        "name": name,
        "images": "busi",
        "fold": fold,
        "steps": steps,
        "settings": {**settings, "augmentation": 1},
        "plan": own,
        **more,
    }
