"""Everything decided before training, each decision with its reason."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from specimen_unet.domain.case import Annotation
from specimen_unet.domain.settings import (
    BackboneName,
    Ending,
    LossName,
    NetworkName,
    Normalisation,
    OptimiserName,
    Settings,
    Teaching,
    TrainingSettings,
)

# Bounds of what a model file may ask for: it may come from anybody.
_Width = Annotated[int, Field(ge=1, le=4096)]
_Stride = Annotated[int, Field(ge=1, le=8)]
_Kernel = Annotated[int, Field(ge=1, le=7)]
_Length = Annotated[int, Field(ge=1, le=2**16)]
_MOST_LEVELS = 12
_MOST_CLASSES = 255


class Split(Settings):
    """Which cases are learnt from and which are held out to score the model.

    With a single case nothing can be held out whole. Then a block of slices (rows
    in 2D) along the first axis, `held_out`, is validated on, and no patch comes
    nearer to it than the gap: slices `excluded` are not learnt from.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[int, int] | None = None
    excluded: tuple[int, int] | None = None
    caution: str = Field("", description="What the validation number is worth.")


class Forecast(Settings):
    """What training will take on this device."""

    seconds_per_step: float
    memory_bytes: int
    steps: int


class Fingerprint(Settings):
    """What the planner saw in the cases."""

    cases: int
    shapes: tuple[tuple[int, ...], ...]
    spacings: tuple[tuple[float, ...], ...]
    unit: str
    channels: int
    label_values: tuple[int, ...] = Field(description="Labels that occur, without 0.")
    label_names: dict[int, str] = Field({}, description="As far as they have a name.")
    annotated_fraction: float = Field(description="Share of voxels that are annotated.")
    foreground_fraction: float = Field(
        description="Share of annotated voxels with a label."
    )
    foreground_mean: float
    foreground_sd: float
    background_mean: float
    background_sd: float
    observers: int = Field(1, description="Most who drew on one case.")
    tail: float = Field(
        1.0,
        description="All gray values span this many times the range of 99 % of them.",
    )
    slice_likeness: float | None = Field(
        None,
        description="How alike neighbouring slices are: 1 the same, 0 as alike as any "
        "two; None for 2D images.",
    )
    label_width: float | None = Field(
        None,
        description="Voxels that a straight line through the thinnest label has on "
        "average, along the axes with the shortest voxels; None where labels are "
        "painted strokes.",
    )
    labels_everywhere: bool = Field(
        False, description="Whether everybody drew every label in every case."
    )
    label_order: tuple[tuple[int, int, int], ...] = Field(
        (),
        description="Axis, label and label: along this axis the first of the two comes "
        "before the other, clearly apart, in all cases that hold both.",
    )

    def label_name(self, label: int) -> str:
        """Return what people call a label, or its number."""
        return self.label_names.get(label, f"label {label}")


class Plan(Settings):
    """One training, decided. Saved as JSON in the run and in the model.

    Sizes are per spatial axis of the network, first axis first. `label_values`
    lists the label written for each class; class 0, the background, is written 0.
    """

    dimensions: Literal[2, 3]
    annotation: Annotation
    observers: Teaching = Field(
        "random", description="What is learnt where several drew."
    )
    ending: Ending
    minutes: float
    steps: int
    network: NetworkName
    backbone: BackboneName | None = Field(None, description="Of FlexibleUNet.")
    pretrained: bool = Field(
        False, description="Whether the backbone keeps what it learnt elsewhere."
    )
    channels: tuple[_Width, ...] = Field(max_length=_MOST_LEVELS)
    strides: tuple[tuple[_Stride, ...], ...] = Field(
        description="Of each level. A first one above 1 makes blocks of voxels "
        "channels, which the last level unfolds (UNet), or is the backbone's own."
    )
    kernels: tuple[tuple[_Kernel, ...], ...] = Field(
        description="Of each level; odd numbers."
    )
    residual_units: int = Field(ge=0, le=4)
    deep_supervision: bool
    image_channels: _Width
    label_values: tuple[int, ...] = Field(
        max_length=_MOST_CLASSES, description="Label of each class, background first."
    )
    label_names: tuple[str, ...]
    painted_background: int | None = Field(
        None, description="The label that means background, when 0 is not annotated."
    )
    loss: LossName
    dice_of: Literal["batch", "patch"] = Field(
        "batch", description="What the Dice of the loss is pooled over, if it has one."
    )
    optimiser: OptimiserName
    learning_rate: float
    patch: tuple[_Length, ...]
    batch: int = Field(ge=1)
    spacing: tuple[float, ...]
    resize_to: tuple[_Length, ...] | None = Field(
        None,
        description="Pixels that every image is brought to, whatever its size; None: "
        "images are brought to `spacing`.",
    )
    antialiased: bool = Field(
        False,
        description="Whether voxels are averaged where an image is brought to larger "
        "ones. Models from before 2026-11-27 leave out all but two.",
    )
    unit: str
    normalisation: Normalisation
    mirror_axes: tuple[int, ...]
    augmentation: float
    foreground: float
    precision: Literal["float32", "bfloat16", "float16"]
    device: str
    device_name: str
    seed: int
    split: Split
    forecast: Forecast
    fingerprint: Fingerprint
    settings: TrainingSettings
    reasons: dict[str, str] = Field(description="Field -> why, in plain words.")

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        for name in ("patch", "spacing"):
            if len(getattr(self, name)) != self.dimensions:
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} numbers for a "
                    f"{self.dimensions}D network: give {self.dimensions}."
                )
        if not len(self.channels) == len(self.strides) == len(self.kernels):
            raise ValueError("channels, strides and kernels must name the same levels.")
        for numbers in (*self.strides, *self.kernels):
            if len(numbers) != self.dimensions:
                raise ValueError(
                    "strides and kernels must have a number for each axis."
                )
        if any(reach % 2 == 0 for kernel in self.kernels for reach in kernel):
            raise ValueError("kernels must be odd.")
        if len(self.label_values) != len(self.label_names):
            raise ValueError("every class needs a label value and a name.")
        return self

    @model_validator(mode="after")
    def _backbone_fits(self) -> Self:
        if (self.backbone is not None) != (self.network == "FlexibleUNet"):
            raise ValueError("FlexibleUNet needs a backbone, and no other has one.")
        return self

    def __str__(self) -> str:
        """Explain the plan in plain words, a line a decision."""
        lines = [f"{self.dimensions}D {self.network} on {self.device_name}"]
        lines += [f"- {reason}" for reason in self.reasons.values()]
        return "\n".join(lines)
