"""What a person may choose when a model is handed to other tools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from specimen_unet.domain.settings import Settings

ExportFormat = Literal["monai-bundle", "onnx", "bioimage-io"]


class ExportSettings(Settings):
    """For which tools, by whom, under which licence."""

    to: ExportFormat = Field(
        "monai-bundle",
        title="Format",
        description="monai-bundle: a folder that MONAI runs. onnx: for onnxruntime. "
        "bioimage-io: for bioimage.io, ilastik, deepImageJ.",
        json_schema_extra={
            "words": {
                "monai-bundle": "MONAI bundle",
                "onnx": "ONNX",
                "bioimage-io": "bioimage.io",
            }
        },
    )
    author: str = Field(
        "",
        title="Authors",
        description="Who made the model; several names are separated by commas.",
    )
    licence: str = Field(
        "",
        title="Licence",
        description="An SPDX identifier, e.g. CC-BY-4.0. Without one nobody else may "
        "use the model.",
    )
    force: bool = Field(
        False,
        title="Replace an earlier export",
        description="Replace what an earlier export wrote into the same folder.",
    )

    @property
    def authors(self) -> tuple[str, ...]:
        """The names, one by one."""
        names = (name.strip() for name in self.author.split(","))
        return tuple(name for name in names if name)
