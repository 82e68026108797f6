"""What observers drew, found in files and folders by the names of the cases."""

from __future__ import annotations

import warnings
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.cases import cases_of
from specimen_unet.files.cautions import UnpairedFilesWarning
from specimen_unet.files.images import image_stem, image_suffix, read_labels
from specimen_unet.files.pairing import divisions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.files.questions import Answers


class Drawn(NamedTuple):
    """What one observer drew on a case, and what the labels are called."""

    case: str
    observer: str
    labels: Array
    label_names: Mapping[int, str] = MappingProxyType({})


def predicted_files(predicted: Path) -> list[Path]:
    """List the label files that are judged: one, or those of a folder."""
    if not predicted.exists():
        raise CaseReadError(
            f"There is no {predicted}: give a file of labels, or a folder of them."
        )
    return _label_files(predicted) if predicted.is_dir() else [predicted]


def _label_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if image_suffix(file.name)
        and not file.name.startswith(".")
        and not image_stem(file.name).endswith("_probabilities")
    )


def drawn_by_case(
    truths: Sequence[Path], names: Collection[str], options: CaseOptions
) -> dict[str, list[Drawn]]:
    """Read what observers drew on these cases, by case."""
    drawn: dict[str, list[Drawn]] = defaultdict(list)
    for path in truths:
        if path.is_dir():
            found = _drawn_in(path, names, options)
        else:
            found = _drawn_as(path, names, options.answers)
        for each in found:
            drawn[each.case].append(each)
    return drawn


def _drawn_as(path: Path, names: Collection[str], answers: Answers) -> Iterator[Drawn]:
    """Read the labels of one file, which belong to the only case there is."""
    if len(names) != 1:
        raise CaseReadError(
            f"{path} is not a folder, but the predictions are one: give folders, or "
            "compare one file with one file of each observer."
        )
    (name,) = names
    stem = image_stem(path.name)
    observer = path.resolve().parent.name if stem == name else stem
    observer = observer.removeprefix(f"{name}_")
    yield Drawn(name, observer, read_labels(path, answers)[0])


def _drawn_in(
    folder: Path, names: Collection[str], options: CaseOptions
) -> Iterator[Drawn]:
    """Read a folder of cases, or else of bare label files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnpairedFilesWarning)
            cases = cases_of(CaseFolder.open(folder, options), only=names)
    except CaseReadError:
        yield from _bare_labels(folder, names, options.answers)
        return
    for case in cases:
        for observer, labels in case.labels.items():
            yield Drawn(case.name, observer, labels, case.label_names)


def _bare_labels(
    folder: Path, names: Collection[str], answers: Answers
) -> Iterator[Drawn]:
    """Read labels without images: NAME.tif by whom the folder says, or NAME_EA.tif."""
    for file in _label_files(folder):
        stem = image_stem(file.name)
        if stem in names:
            yield Drawn(stem, folder.name, read_labels(file, answers)[0])
            continue
        for name, observer in divisions(stem):
            if name in names:
                yield Drawn(name, observer, read_labels(file, answers)[0])
                break


def image_drawn_on(
    truths: Sequence[Path], name: str, options: CaseOptions
) -> Array | None:
    """Read the image of a case, (C, *spatial); None where there are only labels."""
    for folder in truths:
        if not folder.is_dir():
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they were told when it was scored
                found = CaseFolder.open(folder, options)
                for case in cases_of(found, only={name}):
                    return case.image
        except CaseReadError:
            continue
    return None


def groups_of_cases(truths: Sequence[Path], options: CaseOptions) -> dict[str, str]:
    """Return the group of every case of the folders, as far as there is one."""
    groups: dict[str, str] = {}
    for folder in truths:
        if not folder.is_dir():
            continue
        try:
            found = CaseFolder.open(folder, options)
        except CaseReadError:
            continue
        for files in found.cases(needs_labels=False):
            groups.setdefault(found.name(files), found.group(files))
    return groups
