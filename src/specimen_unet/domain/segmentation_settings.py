"""How to segment: defaults, limits and words of every choice."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from specimen_unet.domain.settings import ADVANCED, Settings

EngineName = Literal["torch", "openvino"]


class SegmentationSettings(Settings):
    """How to segment. The defaults are good untouched."""

    mirror: bool = Field(
        False,
        title="Average mirrored copies",
        description="Segments mirrored copies too and averages: a little better, "
        "2 to 8 times slower.",
    )
    largest_only: bool = Field(
        False,
        title="Keep largest part",
        description="Of each label keep only the largest connected part.",
    )
    probabilities: bool = Field(
        False,
        title="Probabilities",
        description="Also give one probability layer a label.",
    )
    overlap: float = Field(
        0.25,
        ge=0,
        le=0.75,
        title="Overlap",
        description="Share by which tiles overlap and are blended. 0: every voxel is "
        "computed once, in tiles as large as memory allows: faster, but the network "
        "sees other surroundings than in training (up to 0.04 Dice lost on vessels).",
        json_schema_extra={**ADVANCED, "step": 0.05},
    )
    fit_tiles: bool = Field(
        False,
        title="Fit tiles",
        description="Overlapping tiles are up to half as long again as the patches of "
        "the training where that covers the image with less work: nearly twice as "
        "fast, but up to 0.02 Dice lost on specimens.",
        json_schema_extra=ADVANCED,
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1 or mps.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    engine: EngineName = Field(
        "torch",
        title="Engine",
        description="openvino: FastUNet 1.2 to 1.4 times as fast on a CPU, the same "
        "labels but for rounding; other networks may gain nothing. The extra "
        "`openvino` installs it.",
        json_schema_extra={**ADVANCED, "words": {"openvino": "OpenVINO"}},
    )
