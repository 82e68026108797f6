"""The model library: a folder of model files, each with a card in its header.

A model file is one safetensors file. Only its header is read here: 8 bytes with
the length of a JSON text, then that text, which names the tensors and carries the
card. No weight is touched, nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from pydantic import ValidationError

from specimen_unet.domain.card import FORMAT_VERSION, ModelCard
from specimen_unet.domain.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Callable

CARD_KEY = "specimen_unet"
"""Where the header's metadata hold the card, as JSON."""

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Format version -> what turns a card of that version into one of the next."""

SUFFIX = ".safetensors"

_FLOATS = ("F16", "BF16", "F32", "F64")
_RUNNING = ("running_mean", "running_var")

# A card with thousands of cases has some hundred kilobytes.
_HEADER_LIMIT = 16 * 2**20


def library_folder() -> Path:
    """Return where models are kept when nobody says where. It may not exist yet.

    The environment variable ``SPECIMEN_UNET_LIBRARY`` names another folder.
    """
    chosen = os.environ.get("SPECIMEN_UNET_LIBRARY")
    if chosen:
        return Path(chosen)
    return platformdirs.user_data_path("specimen-unet", appauthor=False) / "models"


def models(report: Callable[[ModelFileError], object] | None = None) -> list[Path]:
    """List the models of the library, newest first.

    Parameters
    ----------
    report : callable, optional
        Told of each file that is no model; without it they are left out in silence.

    Returns
    -------
    list of Path
        Files whose card can be read.
    """
    return list(model_cards(report))


def model_cards(
    report: Callable[[ModelFileError], object] | None = None,
) -> dict[Path, ModelCard]:
    """Read the cards of the library, newest first; see `models`."""
    cards: dict[Path, ModelCard] = {}
    for path in sorted(library_folder().glob(f"*{SUFFIX}")):
        if path.name.startswith("."):  # being written
            continue
        try:
            cards[path] = read_card(path)
        except ModelFileError as error:
            if report is not None:
                report(error)
    return dict(sorted(cards.items(), key=lambda item: _moment(item[1]), reverse=True))


def read_card(path: str | Path) -> ModelCard:
    """Read the card of a model file, and nothing else of it.

    Parameters
    ----------
    path : str or Path
        A ``.safetensors`` file.

    Returns
    -------
    ModelCard
        Of the present format version, whatever version the file has.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, foreign, damaged or too new.
    """
    path = Path(path)
    header = _header(path)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or CARD_KEY not in metadata:
        raise ModelFileError(
            f"{path} holds weights of another program: it has no card of "
            "specimen-unet. Choose a model that the Train dock or "
            "`specimen-unet train` made."
        )
    _check_length(path, header)
    return _card(path, _json(path, metadata[CARD_KEY]))


def count_weights(path: str | Path) -> int:
    """Count the numbers that a training has learnt, from the header of a model file.

    Running means of normalisation layers are none.

    Raises
    ------
    ModelFileError
        As `read_card`.
    """
    header = _header(Path(path))
    header.pop("__metadata__", None)
    _check_length(Path(path), header)
    return sum(
        math.prod(map(int, tensor["shape"]))
        for name, tensor in header.items()
        if tensor["dtype"] in _FLOATS and not name.endswith(_RUNNING)
    )


def card_metadata(card: ModelCard) -> dict[str, str]:
    """Return the metadata by which `read_card` finds the card again."""
    return {CARD_KEY: card.model_dump_json()}


def unused_path(folder: str | Path, name: str, suffix: str = SUFFIX) -> Path:
    """Return a path in a folder at which there is nothing yet.

    Parameters
    ----------
    folder : str or Path
        Where to look; it may not exist yet.
    name : str
        What people call it; what file systems refuse becomes "_".
    suffix : str
        With its dot.

    Returns
    -------
    Path
        ``name.suffix``, or ``name-2.suffix`` and so on.
    """
    stem = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name)[:50].strip(" .") or "model"
    path = Path(folder) / f"{stem}{suffix}"
    number = 2
    while path.exists():
        path = path.with_name(f"{stem}-{number}{suffix}")
        number += 1
    return path


def _header(path: Path) -> dict[str, Any]:
    """Read the JSON at the head of a safetensors file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            start = file.read(1)
            text = start + file.read(max(min(length, _HEADER_LIMIT) - 1, 0))
    except FileNotFoundError:
        raise ModelFileError(
            f"There is no model at {path}: choose another one, or train one."
        ) from None
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read ({error.strerror}): choose a model file."
        ) from error
    _check_header(path, length, start, text)
    header = _json(path, text)
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no table")
    return header


def _check_header(path: Path, length: int, start: bytes, text: bytes) -> None:
    if path.stat().st_size < 8:
        raise _truncated(path)
    if start not in (b"", b"{"):
        raise ModelFileError(
            f"{path} is no model file: it does not begin like a .safetensors file. "
            "Choose a model that the Train dock or `specimen-unet train` made."
        )
    if length > _HEADER_LIMIT:
        raise _damaged(path, f"its header claims to be {length} bytes long")
    if len(text) < length or not length:
        raise _truncated(path)


def _check_length(path: Path, tensors: dict[str, Any]) -> None:
    """Compare the length of the file with where its tensors should end."""
    try:
        ends = [int(tensor["data_offsets"][1]) for tensor in tensors.values()]
    except (TypeError, KeyError, IndexError, ValueError):
        raise _damaged(path, "its table of tensors makes no sense") from None
    with path.open("rb") as file:
        header_length = 8 + int.from_bytes(file.read(8), "little")
    length = path.stat().st_size - header_length
    expected = max(ends, default=0)
    if length < expected:
        raise _truncated(path)
    if length > expected:
        raise _damaged(path, f"{length - expected} bytes follow after its end")


def _card(path: Path, content: Any) -> ModelCard:
    """Bring a card to the present version and check every field of it."""
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or version < 1:
        raise _damaged(path, "its card has no format version")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format {version}, but this specimen-unet reads up to "
            f"{FORMAT_VERSION}: update it (python -m pip install -U specimen-unet)."
        )
    for older in range(version, FORMAT_VERSION):
        content = {**MIGRATIONS[older](content), "format_version": older + 1}
    try:
        return ModelCard.model_validate_json(json.dumps(content))
    except ValidationError as error:
        fields = ", ".join(
            ".".join(map(str, fault["loc"])) for fault in error.errors()[:3]
        )
        raise _damaged(path, f"its card is wrong in {fields}") from error


def _json(path: Path, text: str | bytes) -> Any:
    """Parse JSON that may come from anybody."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, "its header is no JSON") from error


def _truncated(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} is truncated: it ends before its weights do. Copy or download it "
        "again, or train anew."
    )


def _damaged(path: Path, fault: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is damaged or not made by specimen-unet: {fault}. Copy or download "
        "it again, or choose another model."
    )


def _moment(card: ModelCard) -> datetime:
    """Return when a model was made; the beginning of time when its date is none."""
    try:
        moment = datetime.fromisoformat(card.date)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
