"""What OME-Zarr 0.4 and 0.5 say of an image: axes, levels, channels, labels.

Only what is needed is asked for, since many programs write these words less strictly
than the specification (https://ngff.openmicroscopy.org/0.5/) wants them.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from specimen_unet.domain.errors import CaseReadError

_KIND_OF_NAME = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def _as_axis(axis: Any) -> Any:
    """Read an axis of version 0.3, which was its name only."""
    return {"name": axis} if isinstance(axis, str) else axis


class Axis(BaseModel):
    """One axis of the arrays, in the order of the arrays."""

    name: str
    type: str | None = None
    unit: str | None = None

    @property
    def kind(self) -> str:
        """Return "space", "channel", "time", or whatever else the file calls it."""
        return self.type or _KIND_OF_NAME.get(self.name.lower(), "unknown")


class Transformation(BaseModel):
    """A step from voxels to places."""

    type: str
    scale: tuple[float, ...] | None = None
    translation: tuple[float, ...] | None = None


class Level(BaseModel):
    """One resolution: an array, and where its voxels lie."""

    path: str
    transformations: tuple[Transformation, ...] = Field(
        (), alias="coordinateTransformations"
    )


class Multiscale(BaseModel):
    """An image in several resolutions, the finest first."""

    axes: tuple[Annotated[Axis, BeforeValidator(_as_axis)], ...] = Field(
        min_length=2, max_length=8
    )
    levels: tuple[Level, ...] = Field(alias="datasets", min_length=1, max_length=64)
    transformations: tuple[Transformation, ...] = Field(
        (), alias="coordinateTransformations"
    )

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        steps = [*self.transformations]
        steps += [step for level in self.levels for step in level.transformations]
        for step in steps:
            for numbers in (step.scale, step.translation):
                if numbers is not None and len(numbers) != len(self.axes):
                    raise ValueError(
                        f"{len(numbers)} numbers in a {step.type} for "
                        f"{len(self.axes)} axes"
                    )
        return self

    def place(self, level: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return size of a voxel, and place of the first one, along every axis.

        Scales and translations are applied in the order of the file: those of the
        level first, then those of all levels.
        """
        scale, offset = [1.0] * len(self.axes), [0.0] * len(self.axes)
        for step in (*self.levels[level].transformations, *self.transformations):
            if step.scale is not None:
                scale = [a * b for a, b in zip(scale, step.scale, strict=True)]
                offset = [a * b for a, b in zip(offset, step.scale, strict=True)]
            if step.translation is not None:
                offset = [a + b for a, b in zip(offset, step.translation, strict=True)]
        return tuple(scale), tuple(offset)


class Channel(BaseModel):
    """One channel, as people call it."""

    label: str | None = None


class Omero(BaseModel):
    """How an image is shown."""

    channels: tuple[Channel, ...] = ()


class ImageWords(BaseModel):
    """All that an image's group says."""

    multiscales: tuple[Multiscale, ...] = Field(min_length=1)
    omero: Omero = Omero()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, as many as have one."""
        return tuple(channel.label or "" for channel in self.omero.channels)


def ome_words(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a group's attributes that OME-Zarr is about.

    Version 0.5 put it under ``ome``.
    """
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def image_words(attributes: dict[str, Any], place: str) -> ImageWords:
    """Read the attributes of an image's group.

    Parameters
    ----------
    attributes : dict
        As they stand in ``.zattrs`` (0.4) or ``zarr.json`` (0.5).
    place : str
        Named in errors.

    Raises
    ------
    CaseReadError
        If they do not describe an image.
    """
    try:
        return ImageWords.model_validate(ome_words(attributes))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "multiscales"
        raise CaseReadError(
            f"{place} does not describe its image as OME-Zarr 0.4 or 0.5 does "
            f"({where}: {first['msg']}): write it again, in one of these versions."
        ) from error
