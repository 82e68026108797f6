"""The table groups.csv: the group of every case, and what it is to be used for.

Columns: ``image`` (or ``case``), ``group``, and ``split`` where somebody marked it.
Other columns are a person's own; they are kept.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from specimen_unet.domain.case import SplitMark
from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import image_stem
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

GROUPS_FILE = "groups.csv"
MARKS: tuple[SplitMark, ...] = get_args(SplitMark)
_SHORT: dict[str, SplitMark] = {"train": "training", "val": "validation"}


@dataclass(frozen=True)
class GroupTable:
    """A table of groups as it was read.

    Attributes
    ----------
    path : Path
        Its file.
    columns : dict
        What is meant ("image", "case", "group", "split", ...) -> how it is written.
    rows : list of dict
        As they are written, by column.
    delimiter : str
        Between columns.
    """

    path: Path
    columns: dict[str, str]
    rows: list[dict[str, str]] = field(default_factory=list)
    delimiter: str = ","

    @classmethod
    def read(cls, path: Path) -> GroupTable:
        """Read a table.

        Raises
        ------
        CaseReadError
            If it has other columns, or marks cases for something unknown.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise CaseReadError(
                f"{path} is no text in UTF-8: save it as CSV UTF-8."
            ) from None
        lines = text.splitlines()
        semicolons = bool(lines) and lines[0].count(";") > lines[0].count(",")
        delimiter = ";" if semicolons else ","
        rows = [
            {column or "": value or "" for column, value in row.items()}
            for row in csv.DictReader(lines, delimiter=delimiter, restval="")
        ]
        columns = {column.strip().lower(): column for column in (rows or [{}])[0]}
        if not columns.keys() & {"image", "case"} or "group" not in columns:
            raise CaseReadError(
                f"{path} has the columns {', '.join(columns) or 'none'}, but the "
                "columns image (or case) and group were expected, and at least one row."
            )
        table = cls(path, columns, rows, delimiter)
        table.check_marks()
        return table

    @property
    def key(self) -> str:
        """The column that names the case."""
        return self.columns.get("image") or self.columns["case"]

    def group(self, image: str, name: str) -> str:
        """Return the group of a case; "" where the table says nothing."""
        return self._said("group", image, name)

    def split(self, image: str, name: str) -> SplitMark:
        """Return what a case is marked for."""
        return _mark(self._said("split", image, name)) or ""

    def check_marks(self) -> None:
        """Refuse marks that mean nothing."""
        column = self.columns.get("split", "")
        for row in self.rows:
            if _mark(row.get(column, "")) is None:
                raise CaseReadError(
                    f"{self.path} marks {row[self.key]!r} for {row[column]!r}, but "
                    f"{', '.join(filter(None, MARKS))} or nothing was expected."
                )

    def marked(
        self, cases: Iterable[tuple[str, str]], known: Mapping[str, tuple[str, str]]
    ) -> list[dict[str, str]]:
        """Return all rows, those of the cases with their group and split.

        Parameters
        ----------
        cases : iterable of (str, str)
            Image file and name.
        known : mapping
            Name -> group and split.
        """
        rows = [dict(row) for row in self.rows]
        by_key = self._by_key(rows)
        for image, name in cases:
            own = [row for key in _keys(image, name) for row in by_key.get(key, ())]
            if not own:
                own = [{self.key: image if "image" in self.columns else name}]
                rows += own
            for row in own:
                row[self.columns["group"]], row[self.columns["split"]] = known[name]
        return rows

    def _said(self, what: str, image: str, name: str) -> str:
        """Find what the table says under a case's path, its file, or its name."""
        column = self.columns.get(what, "")
        found = (
            row.get(column, "").strip()
            for key in _keys(image, name)
            for row in self.rows_of.get(key, ())
        )
        return next(filter(None, found), "")

    @cached_property
    def rows_of(self) -> dict[str, list[dict[str, str]]]:
        """The rows of every image or case that is named."""
        return self._by_key(self.rows)

    def _by_key(self, rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            found.setdefault(row[self.key].strip(), []).append(row)
        return found


def save_groups(
    root: Path,
    names: Mapping[str, str],
    groups: Mapping[str, str],
    splits: Mapping[str, SplitMark],
) -> Path:
    """Write groups and splits of a folder's cases into its groups.csv.

    Rows of other images and other columns of an earlier table are kept; it is replaced
    as a whole or not at all.

    Parameters
    ----------
    root : Path
        The folder of the cases.
    names : mapping of str to str
        Image file -> name of the case.
    groups, splits : mapping
        By name; a case without a group is one of its own.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    CaseReadError
        If the table there makes no sense, or cannot be written.
    """
    path = root / GROUPS_FILE
    usual = {column: column for column in ("image", "group", "split")}
    table = GroupTable.read(path) if path.is_file() else GroupTable(path, usual)
    table.columns.setdefault("split", "split")
    known = {
        name: (groups.get(name) or name, splits.get(name) or "")
        for name in names.values()
    }
    text = io.StringIO()
    writer = csv.DictWriter(
        text,
        [*table.columns.values()],
        delimiter=table.delimiter,
        restval="",
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows(table.marked(names.items(), known))
    try:
        with replaced(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise CaseReadError(
            f"{path} cannot be written ({error.strerror}): choose a folder you may "
            "write to, or copy the cases to one."
        ) from error
    return path


def _keys(image: str, name: str) -> tuple[str, ...]:
    """Name a case by its path, its file, its stem, or as people call it."""
    file = image.rpartition("/")[2]
    return image, file, image_stem(file), name


def _mark(text: str) -> SplitMark | None:
    """Understand a mark; None for what is none."""
    word = text.strip().lower()
    return _SHORT.get(word) or next((mark for mark in MARKS if mark == word), None)
