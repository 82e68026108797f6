"""Label images in a folder of their own, for the engine to measure their surfaces."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from specimen_unet.domain.comparison import Comparison
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.grid import Grid
from specimen_unet.domain.settings import Settings
from specimen_unet.files.replacing import replaced
from specimen_unet.runs.storage import (
    new_folder,
    open_array,
    read_json,
    write_array,
    write_json,
)

if TYPE_CHECKING:
    from pathlib import Path


class SurfaceOrder(Settings):
    """What surfaces.json says beside the arrays."""

    name: str = Field(description="Of the prediction.")
    observers: tuple[str, ...]
    spacing: tuple[float, ...]
    unit: str
    tolerance: float | None
    label_names: dict[int, str]


@dataclass(frozen=True, slots=True)
class SurfaceJob:
    """One comparison in its own folder, and the distances found.

    Made by `SurfaceJob.create`; whoever made it removes it.
    """

    path: Path

    @classmethod
    def create(
        cls, parent: Path, comparison: Comparison, tolerance: float | None
    ) -> SurfaceJob:
        """Write what is compared into a new folder of `parent`.

        Raises
        ------
        RunFolderError
            If the disk has no room for it: a mapped file that does not fit would
            kill the process.
        """
        _check_room(parent, comparison)
        order = SurfaceOrder(
            name=comparison.name,
            observers=tuple(comparison.truths),
            spacing=comparison.grid.spacing,
            unit=comparison.grid.unit,
            tolerance=tolerance,
            label_names=dict(comparison.label_names),
        )

        def fill(folder: Path) -> None:
            write_array(folder / "predicted.npy", comparison.predicted)
            for number, drawn in enumerate(comparison.truths.values()):
                write_array(folder / f"truth-{number:03d}.npy", drawn)
            write_json(folder / "surfaces.json", order)

        return cls(new_folder(parent, "surfaces", fill))

    def order(self) -> SurfaceOrder:
        """Return what is to be measured; RunFolderError if this is no such job."""
        return read_json(self.path / "surfaces.json", SurfaceOrder)

    def comparison(self) -> Comparison:
        """Open what is compared as memory maps."""
        order = self.order()
        return Comparison(
            order.name,
            open_array(self.path / "predicted.npy"),
            {
                observer: open_array(self.path / f"truth-{number:03d}.npy")
                for number, observer in enumerate(order.observers)
            },
            Grid(order.spacing, order.unit),
            label_names=order.label_names,
        )

    @property
    def table_path(self) -> Path:
        """Where the distances are, once they are measured."""
        return self.path / "surfaces.csv"

    def keep(self, table: pd.DataFrame) -> None:
        """Write what was found."""
        with replaced(self.table_path) as temporary:
            table.to_csv(temporary, index=False)

    def table(self) -> pd.DataFrame:
        """Read what was found; names stay as they are, even "NA"."""
        names = dict.fromkeys(("first", "second", "name"), str)
        table = pd.read_csv(
            self.table_path, dtype=names, keep_default_na=False, na_values=[""]
        )
        return table.astype(names)

    def remove(self) -> None:
        """Delete the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _check_room(parent: Path, comparison: Comparison) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    needed = sum(
        labels.nbytes for labels in (comparison.predicted, *comparison.truths.values())
    )
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise RunFolderError(
            f"The labels need {needed / 1e9:.1f} GB to be measured, but in {parent} "
            f"{free / 1e9:.1f} GB are free: delete old runs, or name another folder "
            "in the environment variable SPECIMEN_UNET_RUNS."
        )
