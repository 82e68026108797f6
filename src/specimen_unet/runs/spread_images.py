"""Images spread over the workers of a Dask scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tqdm import tqdm

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.engine.model import load_model
from specimen_unet.engine.model_fit import check_alike
from specimen_unet.runs.spread import check_workers, connected, failure_of
from specimen_unet.runs.worker_tasks import do_image

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.runs.image_files import Input
    from specimen_unet.runs.segmented import ModelFile


def segment_on_workers(
    images: Sequence[Input],
    models: Sequence[ModelFile],
    out: Path,
    settings: SegmentationSettings,
    scheduler: str,
) -> Generator[tuple[Input, Path | str], None, None]:
    """Segment images on the workers of a Dask scheduler.

    Parameters
    ----------
    images : sequence of Input
        By whole paths, which this process and all workers see.
    models : sequence of ModelFile
        Likewise.
    out : Path
        Folder for the labels, likewise.
    settings : SegmentationSettings
        How.
    scheduler : str
        Address, ``tcp://host:8786``.

    Yields
    ------
    tuple
        An image, and where its labels are or why there are none, in the order in which
        they are done. When a worker dies, another one takes its image.

    Raises
    ------
    ModelFileError
        If the models do not go together.
    RunFolderError
        If no scheduler answers, or workers cannot do the work.
    """
    from distributed import as_completed

    check_alike([load_model(model.path) for model in models])
    out.mkdir(parents=True, exist_ok=True)
    with connected(scheduler) as client:
        seen = (images[0].path, models[0].path, out)
        for warned in check_workers(client, *seen):
            tqdm.write(f"warning: {warned.message}")
        futures = {
            client.submit(
                do_image,
                image,
                tuple(models),
                str(out),
                settings,
                key=f"segment-{image.name}-{uuid4().hex}",
            ): image
            for image in images
        }
        with client.as_current():
            for future in as_completed(list(futures)):
                image = futures.pop(future)
                yield image, _result(future, image)


def _result(future: Any, image: Input) -> Path | str:
    """Return what became of an image; a bug is raised."""
    if future.status == "finished":
        result: Path | str = future.result()
        return result
    error = failure_of(future, image.path.name)
    if not isinstance(error, SpecimenUnetError):
        raise error
    return str(error)
