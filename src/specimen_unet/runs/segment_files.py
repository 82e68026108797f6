"""``specimen-unet segment``: image files in, label files out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.model import load_model
from specimen_unet.engine.model_fit import check_alike
from specimen_unet.engine.segmentation import segmenting
from specimen_unet.files.images import (
    probabilities_suffix,
    write_image,
    write_labels,
)
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.image_files import images_of, outside
from specimen_unet.runs.segmented import Segmented, labels_name, models_of
from specimen_unet.runs.terminal import ProgressBar, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from specimen_unet.domain.events import TileDone, Warned
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.engine.model import Model
    from specimen_unet.files.case_options import CaseOptions
    from specimen_unet.runs.image_files import Input
    from specimen_unet.runs.segmented import ModelFile


@dataclass(frozen=True, slots=True)
class Where:
    """What is done again, and who does it.

    Attributes
    ----------
    again : bool
        Segment also what the same models have segmented before.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do it.
    """

    again: bool = False
    scheduler: str | None = None


HERE = Where()


def segment_files(
    images: Path,
    models: Sequence[Path],
    out: Path,
    settings: SegmentationSettings,
    options: CaseOptions,
    where: Where = HERE,
) -> Answer:
    """Segment an image, or every image of a folder.

    Labels are written under the name of their image, with its spacing and unit, in
    its format if that keeps numbers (of a JPEG as PNG, of DICOM as NIfTI). What fails
    is listed at the end and does not keep the others waiting. What the same models have
    segmented before, in the same way, is left as it is.

    Parameters
    ----------
    images : Path
        An image file, or a folder of them (or of cases, whose labels are left out).
    models : sequence of Path
        Model files, or folders of studies; several models segment together.
    out : Path
        Folder for the labels; made where it is missing. What is in it is not
        segmented.
    settings : SegmentationSettings
        With `probabilities`, they are written as ``NAME_probabilities``.
    options : CaseOptions
        How the folder is to be understood.
    where : Where
        What is done again, and by whom.

    Raises
    ------
    CaseReadError
        If there are no images, or `out` is where they are.
    ModelFileError
        If a model cannot be loaded, or they do not go together.
    RunFolderError
        If a study has not all its models, or workers cannot do the work.
    """
    if where.scheduler is not None:
        images, out = images.resolve(), out.resolve()  # as workers see them
    inputs = outside(out, images_of(images, options))
    files = models_of(models)
    record = Segmented(out, files, settings, options)
    done = _Done(len(inputs))
    todo = []
    for image in inputs:
        labels = None if where.again else record.labels_of(image)
        if labels is None:
            todo.append(image)
        else:
            done.keep(image, labels)
    if where.scheduler is not None and todo:
        noted = [image for _, image in _noted(todo, record)]
        results = _by_workers(noted, files, out, settings, where.scheduler)
    else:
        results = _here(_noted(todo, record), files, out, settings)
    try:
        for image, result in results:
            if isinstance(result, str):
                done.failed[str(image.path)] = result
            else:
                done.written[str(image.path)] = str(result)
                record.note(image)
    except KeyboardInterrupt:
        done.is_interrupted = True
    return done.answer()


def _noted(images: Sequence[Input], record: Segmented) -> Iterator[tuple[str, Input]]:
    """Count images, each noted as under way when its turn has come."""
    for number, image in enumerate(images, start=1):
        record.begin(image)
        yield f"{number}/{len(images)}", image


def segment_image(
    image: Input, models: Sequence[Model], out: Path, settings: SegmentationSettings
) -> Generator[TileDone | Warned, None, Path]:
    """Segment an image and write its labels; return where they are."""
    voxels, grid, _ = image.read()
    case = Case(voxels, spacing=grid.spacing, unit=grid.unit, name=image.name)
    result = yield from segmenting(case, models, settings)
    if result.probabilities is not None:
        suffix = probabilities_suffix(image.path.name)
        maps_path = out / f"{image.name}_probabilities{suffix}"
        write_image(maps_path, result.probabilities, grid)
    labels_path = out / labels_name(image)
    write_labels(
        labels_path, result.labels, grid, like=image.path, answers=image.answers
    )
    return labels_path


def _here(
    todo: Iterable[tuple[str, Input]],
    files: Sequence[ModelFile],
    out: Path,
    settings: SegmentationSettings,
) -> Generator[tuple[Input, Path | str], None, None]:
    """Segment one image after the other: its labels, or why there are none."""
    settle_heap()
    models = [load_model(file.path) for file in files]
    check_alike(models)
    for number, image in todo:
        what = f"{number} {image.path.name}"
        try:
            yield image, _with_bar(segment_image(image, models, out, settings), what)
        except (SpecimenUnetError, OSError) as error:
            yield image, str(error)


def _with_bar(events: Generator[TileDone | Warned, None, Path], what: str) -> Path:
    with ProgressBar(what) as bar:
        while True:
            try:
                bar.show(next(events))
            except StopIteration as end:
                path: Path = end.value
                return path


def _by_workers(
    todo: Sequence[Input],
    files: Sequence[ModelFile],
    out: Path,
    settings: SegmentationSettings,
    scheduler: str,
) -> Generator[tuple[Input, Path | str], None, None]:
    """Let workers segment, with one progress bar for all."""
    from specimen_unet.runs.spread_images import segment_on_workers

    results = segment_on_workers(todo, files, out, settings, scheduler)
    yield from shown(results, "Segmenting", len(todo))


@dataclass(slots=True)
class _Done:
    """What became of the images."""

    of: int
    written: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    is_interrupted: bool = False

    def keep(self, image: Input, labels: Path) -> None:
        self.written[str(image.path)] = str(labels)
        self.kept.append(str(image.path))

    def answer(self) -> Answer:
        lines = list(self.written.values())
        if self.kept:
            lines.append(
                f"{len(self.kept)} of them were there already, made by the same models "
                "in the same way (--again makes them anew)."
            )
        if self.failed:
            n = len(self.written) + len(self.failed)
            lines.append(f"{len(self.failed)} of {n} files failed:")
            lines += [f"  {name}: {message}" for name, message in self.failed.items()]
        status = status_of(self.written, self.failed)
        if self.is_interrupted:
            left = self.of - len(self.written) - len(self.failed)
            lines.append(
                f"Interrupted: {left} images are left. The same command goes on."
            )
            status = Status.INTERRUPTED
        content = {"written": self.written, "kept": self.kept, "failed": self.failed}
        return Answer("\n".join(lines), content, status)


def status_of(done: Sequence[str] | dict[str, str], failed: dict[str, str]) -> Status:
    """Tell whether all, some or none of the files went well."""
    if not failed:
        return Status.OK
    return Status.SOME_FILES_FAILED if done else Status.BAD_INPUT
