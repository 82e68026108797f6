"""Cases and files of a run on disk: written once and renamed, read as memory maps."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from specimen_unet.domain.case import Case, SplitMark
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.settings import Settings
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from specimen_unet.domain.case import Array

Content = TypeVar("Content", bound=Settings)
_FILES_OF_A_CASE = 8  # the image, and labels of a few observers
_OTHER_FILES = 512  # libraries, pipes, the viewer's own


class StoredCase(Settings):
    """What case.json says beside the arrays."""

    name: str
    group: str
    spacing: tuple[float, ...]
    unit: str
    observers: dict[str, str] = Field(description="Observer -> file of the labels.")
    channel_names: tuple[str, ...] = ()
    label_names: dict[int, str] = Field({}, description="Label value -> name.")
    split: SplitMark = ""


def write_json(path: Path, content: Settings) -> None:
    """Write settings, a plan or a case as readable JSON."""
    text = json.dumps(content.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with replaced(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path, kind: type[Content]) -> Content:
    """Read what `write_json` wrote.

    Raises
    ------
    RunFolderError
        If the file is missing or is not of this kind.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunFolderError(
            f"{path.parent} holds no {path.name}: choose a folder that "
            "`specimen-unet train` or the Train dock made."
        ) from None
    except ValidationError as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error


def write_case(folder: Path, case: Case) -> None:
    """Write a case into a new folder: image.npy, labels-OBSERVER.npy, case.json."""
    folder.mkdir(parents=True)
    write_array(folder / "image.npy", case.image)
    observers: dict[str, str] = {}
    for observer, labels in case.labels.items():
        file = f"labels-{file_name(observer)}.npy"
        # Some file systems do not tell upper from lower case.
        while file.lower() in map(str.lower, observers.values()):
            file = file.replace(".npy", "-.npy")
        write_array(folder / file, labels)
        observers[observer] = file
    stored = StoredCase(
        name=case.name,
        group=case.group,
        spacing=case.grid.spacing,
        unit=case.grid.unit,
        observers=observers,
        channel_names=case.channel_names,
        label_names=dict(case.label_names),
        split=case.split,
    )
    write_json(folder / "case.json", stored)


def read_case(folder: Path, *, writable: bool = False) -> Case:
    """Open a case as memory maps.

    Parameters
    ----------
    folder : Path
        A folder that `write_case` wrote.
    writable : bool
        Whether what is written into the labels goes to the file, and so to
        whoever else has it open.
    """
    stored = read_json(folder / "case.json", StoredCase)
    return Case(
        open_array(folder / "image.npy"),
        {
            observer: open_array(folder / file, writable=writable)
            for observer, file in stored.observers.items()
        },
        spacing=stored.spacing,
        unit=stored.unit,
        name=stored.name,
        group=stored.group,
        channel_names=stored.channel_names,
        label_names=stored.label_names,
        split=stored.split,
    )


def write_array(path: Path, array: Array) -> None:
    """Write an array as .npy, in the byte order of this machine, a slice at a time.

    So that one that is loaded lazily, and is larger than the memory, can be written.
    """
    native = array.dtype.newbyteorder("=")
    with replaced(path) as temporary:
        stored = np.lib.format.open_memmap(temporary, "w+", native, array.shape)
        for index in _slices(array):
            stored[index] = array[index]
        stored.flush()
        del stored  # Windows renames no file that is mapped


def _slices(array: Array) -> Iterator[tuple[int, ...]]:
    """Index the slices of an image (C, Z, Y, X) or of labels (Z, Y, X), one by one."""
    return np.ndindex(array.shape[: max(array.ndim - 2, 0)])


def copy_file(source: Path, target: Path) -> None:
    """Copy a file; the copy is there whole or not at all."""
    with replaced(target) as temporary:
        shutil.copyfile(source, temporary)


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process was writing."""
    for path in folder.rglob(".*"):
        path.unlink()


def file_name(name: str) -> str:
    """Turn a name people gave into one that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-._") or "unnamed"


def open_array(path: Path, *, writable: bool = False) -> Array:
    """Open an array that `write_array` wrote, as a memory map.

    Raises
    ------
    RunFolderError
        If the file is missing or damaged.
    """
    try:
        mapped: Any = np.load(path, mmap_mode="r+" if writable else "r")
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{path} is missing or damaged ({error}): start a new run."
        ) from error
    # A plain array over the same memory: the subclass only slows indexing.
    return np.asarray(mapped)


def check_names(names: Counter[str]) -> None:
    """Refuse no cases at all, and two of one name."""
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise RunFolderError(
            f"Several cases are called {', '.join(twice)}: give each its own name, "
            "because they are told apart by it."
        )
    if not names:
        raise RunFolderError("There are no cases to learn from: give at least one.")


def name_of_case(folder: Path) -> str:
    """Return the name of a case without opening it."""
    return read_json(folder / "case.json", StoredCase).name


def allow_open_cases(count: int) -> None:
    """Let this process keep the files of so many cases open, if the system lets it.

    Linux and macOS allow 1024 or 256 unless asked; a memory map keeps its file open, so
    that a training on a thousand cases needs some thousands.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count * _FILES_OF_A_CASE + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def new_folder(parent: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Make a folder that appears under its name once it is filled.

    Where the name is taken, a number is put behind it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent))
    try:
        fill(unfinished)
        unfinished.chmod(0o755)
        return _renamed(unfinished, parent / name)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _renamed(folder: Path, wanted: Path) -> Path:
    """Rename a folder to the wanted name, or to that name and a number."""
    path = wanted
    number = 1
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    return folder.rename(path)
