"""A table of the cases of a folder: what is known of each, and what is not yet read."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from specimen_unet.files.case_facts import (
    ImageFacts,
    LabelFacts,
    Score,
    read_image_facts,
    read_label_facts,
    read_score,
)
from specimen_unet.files.case_texts import TEXTS
from specimen_unet.files.chosen_cases import ChosenCases
from specimen_unet.files.group_table import save_groups
from specimen_unet.files.pairing import NO_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from specimen_unet.domain.case import SplitMark
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.files.questions import About

Column = Literal[
    "case", "dice", "group", "split", "labels", "observers", "size", "spacing"
]
"""What changes with the work comes first: a dock is narrow."""
COLUMNS: tuple[Column, ...] = get_args(Column)
Kind = Literal["image", "labels", "score"]
"""What is read of a case: one after the other, when somebody looks."""
KINDS: dict[Column, Kind] = {
    "case": "image",
    "size": "image",
    "spacing": "image",
    "labels": "labels",
    "dice": "score",
}
UNREAD = "…"
_MOST_LABELS = 6
_ASKED: dict[About, str] = {
    "spacing": "what a pixel measures",
    "stack": "what the parts of a stack are",
    "series": "which series is meant",
    "gaps": "whether slices with gaps between them shall be taken",
}
_NUMBER = re.compile(r"(\d+)")


@dataclass(slots=True, eq=False)
class Row:
    """A case, and what was read of it; None where nothing was yet."""

    name: str
    files: CaseFiles
    subfolder: str
    group: str
    split: SplitMark
    predicted: tuple[Path, Prediction] | None = None
    image: ImageFacts | None = None
    labels: LabelFacts | None = None
    score: Score | None = None

    @property
    def problem(self) -> str:
        """Why something of it cannot be read."""
        found = (self.image, self.labels, self.score)
        return "\n".join(facts.problem for facts in found if facts and facts.problem)

    def lacks(self, kind: Kind) -> bool:
        """Tell whether this is still to be read."""
        if kind == "image":
            return self.image is None
        if kind == "labels":
            return bool(self.files.labels) and self.labels is None
        return self.can_score and self.score is None

    @property
    def can_score(self) -> bool:
        """Whether there is a prediction, and labels to compare it with."""
        return self.predicted is not None and bool(self.files.labels)


class CaseTable:
    """The cases of a folder in rows; nothing is read before `read` is called.

    Parameters
    ----------
    folder : CaseFolder
        Their folder.
    predicted : mapping
        Name of a case -> file of the last prediction, and what it is.
    """

    def __init__(
        self,
        folder: CaseFolder,
        predicted: Mapping[str, tuple[Path, Prediction]] | None = None,
    ) -> None:
        self.folder = folder
        self.is_marked = False
        known = predicted or {}
        self.rows = [
            Row(
                folder.name(files),
                files,
                folder.subfolder(files),
                folder.group(files),
                folder.split(files),
                known.get(folder.name(files)),
            )
            for files in folder.cases(needs_labels=False)
        ]
        self.rows.sort(key=lambda row: natural(row.name))

    @property
    def unpaired(self) -> dict[str, str]:
        """Files that are not in any pair, and why; an image may still be a case."""
        others = dict.fromkeys(self.folder.others, "it is no image")
        drawn = {row.files.images[0] for row in self.rows if row.files.labels}
        reasons = {
            file: why
            for file, why in self.folder.pairing.reasons.items()
            if why != NO_LABELS or file not in drawn
        }
        return {**reasons, **others}

    def read(self, row: Row, kind: Kind) -> ImageFacts | LabelFacts | Score:
        """Read something of a case; may run in any thread, and changes nothing."""
        if kind == "image":
            return read_image_facts(self.folder, row.files)
        if kind == "labels":
            return read_label_facts(self.folder, row.files)
        if row.predicted is None:
            return Score()
        return read_score(self.folder, row.files, row.predicted[0])

    def keep(self, row: Row, facts: ImageFacts | LabelFacts | Score) -> None:
        """Keep what was read of a case."""
        if isinstance(facts, ImageFacts):
            row.image = facts
        elif isinstance(facts, LabelFacts):
            row.labels = facts
        else:
            row.score = facts

    def note_drawn(self, row: Row, files: CaseFiles) -> None:
        """Know that labels of a case were written; they are to be read anew."""
        row.files = files
        row.labels = row.score = None

    def text(self, row: Row, column: Column) -> str:
        """Return what stands in a cell."""
        kind = KINDS.get(column)
        if column != "case" and kind and row.lacks(kind):
            return UNREAD
        if column == "labels":
            return self._labels(row)
        text: str = TEXTS[column](row)
        return text

    def key(self, row: Row, column: Column) -> Any:
        """Return what a column is sorted by; None where it is not known."""
        if column == "size":
            return math.prod(row.image.shape) if row.image else None
        if column == "spacing":
            return row.image.spacing if row.image else None
        if column == "labels":
            return row.labels.present if row.labels else None
        if column == "dice":
            dice = row.score.dice if row.score else math.nan
            return None if math.isnan(dice) else dice
        text = self.text(row, column)
        return natural(text) if text else None

    def sort(self, column: Column, *, is_downwards: bool = False) -> None:
        """Sort the rows; what is not known stands last either way."""
        keys = {id(row): self.key(row, column) for row in self.rows}
        known = [row for row in self.rows if keys[id(row)] is not None]
        known.sort(key=lambda row: keys[id(row)], reverse=is_downwards)
        self.rows = [*known, *(row for row in self.rows if keys[id(row)] is None)]

    def matches(self, row: Row, words: Iterable[str]) -> bool:
        """Tell whether name, group, split and observers hold all the words."""
        texts = (row.name, row.subfolder, row.group, row.split, *row.files.labels)
        told = "\n".join(texts).lower()
        return all(word in told for word in words)

    def mark(
        self,
        rows: Iterable[Row],
        *,
        group: str | None = None,
        split: SplitMark | None = None,
    ) -> None:
        """Give cases a group (an empty one: one of its own), or a split."""
        for row in rows:
            before = row.group, row.split
            if group is not None:
                row.group = group.strip() or row.name
            if split is not None:
                row.split = split
            self.is_marked |= before != (row.group, row.split)

    def save_marks(self) -> Path:
        """Write groups and splits into the folder's groups.csv.

        Raises
        ------
        CaseReadError
            If it cannot be written.
        """
        path = save_groups(
            self.folder.listing.root,
            self.folder.names,
            {row.name: row.group for row in self.rows},
            {row.name: row.split for row in self.rows},
        )
        self.is_marked = False
        return path

    def chosen(self, rows: Iterable[Row]) -> ChosenCases:
        """Return cases with the groups and splits that they have here."""
        groups = replace(
            self.folder.groups,
            of_image={row.files.images[0]: row.group for row in self.rows},
            splits={row.files.images[0]: row.split for row in self.rows if row.split},
        )
        folder = replace(self.folder, groups=groups)
        return ChosenCases(folder, tuple(row.files for row in rows))

    def summary(self) -> str:
        """Say in a line what the folder holds."""
        if not self.rows:
            return "There is no image in it: choose the folder that holds the images."
        groups = len({row.group for row in self.rows})
        parts = [_counted(len(self.rows), "case"), _counted(groups, "group")]
        counts = Counter(row.split for row in self.rows if row.split)
        parts += [f"{count} {split}" for split, count in sorted(counts.items())]
        without = sum(not row.files.labels for row in self.rows)
        if without:
            parts.append(f"{without} without labels")
        return " · ".join(parts)

    def open_questions(self) -> str:
        """Say what the files that were read so far leave open; "" for nothing."""
        parts = [
            f"{_ASKED[about]} ({count} seen so far)"
            for about, count in self.asked().items()
        ]
        return f"Files do not say {', '.join(parts)}." if parts else ""

    def asked(self) -> Counter[About]:
        """Count what the files that were read so far leave open."""
        read = (row.image.asked for row in self.rows if row.image)
        return Counter(about for about in read if about)

    def _labels(self, row: Row) -> str:
        if row.labels is None:
            return ""
        if row.labels.problem:
            return "unreadable"
        names = self.folder.pairing.label_names
        words = [names.get(label, str(label)) for label in row.labels.present]
        if len(words) > _MOST_LABELS:
            return f"{words[0]} … {words[-1]} ({len(words)})"
        return ", ".join(words) or "empty"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """Return what sorts "case 9" before "case 10"."""
    parts = _NUMBER.split(text.lower())
    numbers = [*(int(part) for part in parts[1::2]), 0]
    return tuple(zip(parts[::2], numbers, strict=True))
