"""Events and commands as JSON lines: how a process of its own is spoken with.

An event is ``{"event": "StepDone", "step": 12, ...}``, a command
``{"command": "train", "run": "...", ...}``. Numbers that are not finite travel as
null, so that every line is JSON that other tools read too.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from specimen_unet.domain import events
from specimen_unet.domain.plan import Plan
from specimen_unet.runs.storage import file_name, write_array

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from specimen_unet.domain.case import Array

CommandName = Literal[
    "plan", "train", "segment", "export", "crossvalidate", "fold", "surfaces", "report",
    "pause", "go on", "stop", "preview", "quit",
]  # fmt: skip
PREVIEW_FOLDER = "preview"
_EVENTS: dict[str, type[events.Event]] = {
    kind.__name__: kind for kind in get_args(events.Event)
}


@dataclass(frozen=True, slots=True)
class Command:
    """What a process of its own is asked to do."""

    name: CommandName
    arguments: Mapping[str, Any]


def event_to_line(event: events.Event, folder: Path) -> str:
    """Write an event as one line of JSON, its line break included.

    Parameters
    ----------
    event : Event
        What happened.
    folder : Path
        Where the labels of a preview are kept, as ``preview/CASE-INDEX.npy``; the
        line then holds the path of that file.

    Returns
    -------
    str
        ASCII only, whatever the names of the cases are.
    """
    content: dict[str, Any] = {"event": type(event).__name__}
    for field in fields(event):
        value = getattr(event, field.name)
        content[field.name] = _WRITE.get(str(field.type), _as_it_is)(value)
    if isinstance(event, events.Preview):
        content["labels"] = str(_keep_preview(event, folder))
    return json.dumps(content) + "\n"


def event_from_line(line: str) -> events.Event:
    """Read an event from a line that `event_to_line` wrote.

    Raises
    ------
    ValueError
        If the line is torn, or not an event.
    """
    content = _json_object(line)
    kind = _EVENTS.get(str(content.pop("event", None)))
    if kind is None:
        raise ValueError(f"not an event: {line!r}")
    values = {}
    for field in fields(kind):
        if field.name not in content:
            raise ValueError(f"{kind.__name__} without {field.name}: {line!r}")
        values[field.name] = _READ[str(field.type)](content.pop(field.name))
    if content:
        raise ValueError(f"{kind.__name__} knows no {', '.join(content)}")
    return kind(**values)


def command_line(command: CommandName, **arguments: Any) -> str:
    """Write a command as one line of JSON, its line break included.

    ``plan`` and ``train`` take `run` (the path of a run folder), ``train`` also
    `resume` and `more_minutes`; ``segment`` takes `job` (the path of a segmentation
    job); ``crossvalidate`` takes `study` (the path of a study folder) and may take
    `devices` (a list); ``fold`` takes `study`, `fold` and `device`; ``export`` takes
    `model`, `target` (paths) and `settings` (of an export); ``surfaces`` takes `folder`
    (of a surface job), ``report`` that of a run or a study; ``preview`` takes `case`
    (its name) and `index` (along the first axis).
    """
    written = {name: _plain(value) for name, value in arguments.items()}
    return json.dumps({"command": command, **written}) + "\n"


def command_from_line(line: str) -> Command:
    """Read a command from a line that `command_line` wrote.

    Raises
    ------
    ValueError
        If the line is not a command.
    """
    content = _json_object(line)
    name = content.pop("command", None)
    if name not in get_args(CommandName):
        raise ValueError(f"not a command: {line.strip()!r}")
    return Command(name, content)


def _json_object(line: str) -> dict[str, Any]:
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError(f"not a JSON object: {line!r}")  # noqa: TRY004 (as json does)
    return content


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _keep_preview(event: events.Preview, folder: Path) -> Path:
    """Save the labels of a preview; the same slice replaces its earlier labels."""
    case = file_name(event.case)
    path = folder / PREVIEW_FOLDER / f"{case}-{event.index:04d}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_array(path, event.labels)
    return path


def _as_it_is(value: Any) -> Any:
    return value


def _number_or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _numbers_or_null(values: Mapping[Any, float]) -> dict[str, float | None]:
    return {str(key): _number_or_null(value) for key, value in values.items()}


def _plan_content(plan: Plan) -> Any:
    return plan.model_dump(mode="json")


def _of(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{value!r} is not {kind.__name__}")
        return value

    return read


def _real(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _reals(key: Callable[[str], Any]) -> Callable[[Any], dict[Any, float]]:
    def read(values: Any) -> dict[Any, float]:
        content = _of(dict)(values)
        return {key(name): _real(value) for name, value in content.items()}

    return read


def _array(path: Any) -> Array:
    try:
        labels: Array = np.load(_of(str)(path), allow_pickle=False)
    except OSError as error:
        raise ValueError(f"the preview {path} is gone") from error
    return labels


# By the type that the event's class declares, as it is written there.
_WRITE: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": _number_or_null,
    "Mapping[int, float]": _numbers_or_null,
    "Mapping[str, float]": _numbers_or_null,
    "Plan": _plan_content,
    "Array": lambda _: None,
}
_READ: dict[str, Callable[[Any], Any]] = {
    "int": _of(int),
    "float": _real,
    "str": _of(str),
    "bool": _of(bool),
    "Mapping[int, float]": _reals(int),
    "Mapping[str, float]": _reals(str),
    "Plan": Plan.model_validate,
    "Array": _array,
}
