"""What is segmented with: one model file, or several that segment together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specimen_unet.files.file_stamps import hash_of_file
from specimen_unet.files.library import SUFFIX
from specimen_unet.files.predictions import UsedModel

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Model files, and what people call them.

    Attributes
    ----------
    name : str
        Of all of them together: of the one model, or of their study.
    of : dict
        What each model is called -> its file.
    """

    name: str
    of: dict[str, Path]

    @classmethod
    def one(cls, path: Path) -> ModelFiles:
        """Return a single model file, which is called by its name."""
        name = model_name(path)
        return cls(name, {name: path})

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(self.of.values())

    @property
    def used(self) -> tuple[UsedModel, ...]:
        """The models as a list of segmentations names them; reads all of the files."""
        return tuple(
            UsedModel(name=name, sha256=hash_of_file(path.resolve()))
            for name, path in self.of.items()
        )


def model_name(path: Path) -> str:
    """Return what people call a model file, or the folder of a study."""
    return path.name.removesuffix(SUFFIX)
