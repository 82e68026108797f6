"""Folders of cases as they are written: nnU-Net raw data, or one folder an observer."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.groups import GROUPS_FILE
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.files.layouts.datasets import (
    DATASET_FILE,
    IMAGES,
    LABELS,
    TEST_IMAGES,
)
from specimen_unet.files.pairing import ONLY_OBSERVER
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specimen_unet.domain.case import Array, Case


class CaseWriter(Protocol):
    """Writes cases into a folder, one after the other."""

    def write(self, case: Case) -> None:
        """Write a case."""

    def finish(self) -> None:
        """Write what is known when all cases are written."""


NIFTI, TIFF = ".nii.gz", ".tif"


@dataclass
class NnunetWriter:
    """Writes nnU-Net raw data, in NIfTI: spacing in millimetres, a file a channel.

    The format is that of nnU-Net 2 (documentation/dataset_format.md). ``dataset.json``
    comes last, so that a folder without it is not complete.

    Attributes
    ----------
    out : Path
        The data set's folder, missing or empty.
    label_values : tuple of int
        Labels that occur, 0 left out; they are written as 1, 2, ... in this order.
    label_names : mapping of int to str
        By the value that they have now.
    channel_names : tuple of str
        As nnU-Net shall know them; it treats "CT" in a way of its own.
    """

    out: Path
    label_values: tuple[int, ...] = ()
    label_names: Mapping[int, str] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    _groups: dict[str, str] = field(default_factory=dict)
    _training: int = 0
    _channels: int = 0

    def __post_init__(self) -> None:
        _check_empty(self.out)

    def write(self, case: Case) -> None:
        """Write a case.

        Parameters
        ----------
        case : Case
            Of as many channels as the cases before, with the labels of one observer
            (or what all agree on); without labels it is a test image.

        Raises
        ------
        CaseReadError
            If it has another number of channels.
        GridMismatchError
            If its unit is no length.
        """
        self._channels = self._channels or case.channels
        if case.channels != self._channels:
            raise CaseReadError(
                f"{case.name} has {case.channels} channels but the cases before have "
                f"{self._channels}; nnU-Net needs the same number in all: export "
                "those apart."
            )
        folder = self.out / (IMAGES if case.labels else TEST_IMAGES)
        for number, channel in enumerate(case.image):
            file = folder / f"{case.name}_{number:04d}{NIFTI}"
            write_image(file, np.asarray(channel), case.grid)
        for labels in case.labels.values():
            file = self.out / LABELS / f"{case.name}{NIFTI}"
            write_labels(file, self._consecutive(np.asarray(labels)), case.grid)
            self._training += 1
        self._groups[case.name] = case.group

    def finish(self) -> None:
        """Write dataset.json, and the groups where there are any."""
        _write_groups(self.out, self._groups)
        told = dict(enumerate(self.channel_names))
        names = [self.label_names.get(value, "") for value in self.label_values]
        facts = {
            "channel_names": {
                str(number): told.get(number, f"channel {number}")
                for number in range(self._channels)
            },
            "labels": {
                "background": 0,
                **{
                    name if name and names.count(name) == 1 else f"label {value}": label
                    for label, (value, name) in enumerate(
                        zip(self.label_values, names, strict=True), start=1
                    )
                },
            },
            "numTraining": self._training,
            "file_ending": NIFTI,
        }
        _write_facts(self.out, facts)

    def _consecutive(self, labels: Array) -> Array:
        """Give labels the numbers 0, 1, 2, ... without gaps."""
        values = np.array([0, *self.label_values])
        return np.searchsorted(values, labels).astype(np.min_scalar_type(len(values)))


@dataclass
class FoldersWriter:
    """Writes ``images/NAME.tif`` and ``labels-OBSERVER/NAME.tif``, in TIFF.

    Attributes
    ----------
    out : Path
        Missing or empty.
    label_names : mapping of int to str
        Kept in a ``dataset.json``.
    """

    out: Path
    label_names: Mapping[int, str] = field(default_factory=dict)
    _groups: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_empty(self.out)

    def write(self, case: Case) -> None:
        """Write a case with what observers drew."""
        image = case.image if case.channels > 1 else case.image[0]
        write_image(
            self.out / "images" / f"{case.name}{TIFF}", np.asarray(image), case.grid
        )
        for observer, drawn in case.labels.items():
            folder = "labels" if observer == ONLY_OBSERVER else f"labels-{observer}"
            write_labels(
                self.out / folder / f"{case.name}{TIFF}", np.asarray(drawn), case.grid
            )
        self._groups[case.name] = case.group

    def finish(self) -> None:
        """Write the groups and the names of labels, where there are any."""
        _write_groups(self.out, self._groups)
        if self.label_names:
            names = {str(value): name for value, name in self.label_names.items()}
            _write_facts(self.out, {"labels": names})


def _check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CaseReadError(
            f"{out} is not empty: choose a folder that is, or that does not exist."
        )


def _write_facts(out: Path, facts: Mapping[str, Any]) -> None:
    with replaced(out / DATASET_FILE) as temporary:
        temporary.write_text(json.dumps(facts, indent=2), encoding="utf-8")


def _write_groups(out: Path, groups: Mapping[str, str]) -> None:
    """Write groups.csv, unless every case is a group of its own name."""
    if all(case == group for case, group in groups.items()):
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows([("case", "group"), *groups.items()])
    with replaced(out / GROUPS_FILE) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
