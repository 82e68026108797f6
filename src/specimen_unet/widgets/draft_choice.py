"""What a person chose to train on, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.settings import TrainingSettings
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.viewer.pairing import Pair


@dataclass(frozen=True)
class Choice:
    """What a person chose to train."""

    pairs: tuple[Pair, ...]
    settings: TrainingSettings
    start_from: Path | None = None
    grids: tuple[Grid, ...] = ()
    chosen: ChosenCases | None = None  # instead of pairs: cases of a folder
    stamp: int = 0  # another one once their files or the data of images were changed

    @property
    def name(self) -> str:
        """What the training is called: its specimen, folder, or how many there are."""
        if self.chosen is not None:
            return self.chosen.place
        if len(self.pairs) == 1:
            return str(self.pairs[0].image.name)
        return f"{len(self.pairs)} cases"

    def has_cases_of(self, other: Choice | None) -> bool:
        """Tell whether the same layers or files would be copied."""
        if other is None:
            return False
        mine = self.pairs, self.grids, self.stamp, self.chosen
        return mine == (other.pairs, other.grids, other.stamp, other.chosen)

    @property
    def size(self) -> int:
        """What is copied, in bytes: voxels of layers, or files as they are packed."""
        if self.chosen is not None:
            return self.chosen.bytes_on_disk
        return sum(pair.voxel_bytes for pair in self.pairs)
