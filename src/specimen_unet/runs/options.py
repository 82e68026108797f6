"""Options of the terminal, built from the settings classes."""

from __future__ import annotations

import argparse
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.settings import Settings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic.fields import FieldInfo

Chosen = TypeVar("Chosen", bound=Settings)


class OptionError(ValueError):
    """An option has a value out of bounds; the message names the option."""


def add_options(
    parser: argparse.ArgumentParser,
    kind: type[Settings],
    only: Collection[str] | None = None,
) -> None:
    """Give a parser one option for each field of a settings class, or some of them."""
    group = parser.add_argument_group("settings")
    for name, field in kind.model_fields.items():
        if only is not None and name not in only:
            continue
        group.add_argument(
            f"--{name.replace('_', '-')}",
            default=argparse.SUPPRESS,
            help=_help(field),
            **_values(field),
        )


def chosen(arguments: argparse.Namespace, kind: type[Chosen]) -> Chosen:
    """Read the settings from parsed arguments.

    Raises
    ------
    OptionError
        If a value is out of bounds.
    """
    given = changes(arguments, kind)
    if kind is TrainingSettings and "steps" in given:
        given.setdefault("ending", "steps")
    try:
        return changed(kind(), **given)
    except PlanError as error:
        raise OptionError(str(error)) from error


def changes(arguments: argparse.Namespace, kind: type[Settings]) -> dict[str, Any]:
    """Return what was given in the terminal, without the defaults."""
    return {
        name: vars(arguments)[name] for name in kind.model_fields if name in arguments
    }


def _help(field: FieldInfo) -> str:
    text = f"{field.description} (default: {field.default})"
    return text.replace("%", "%%")


def _values(field: FieldInfo) -> dict[str, Any]:
    """Say what an option takes: a switch, one of some words, or text to be checked."""
    if field.annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    words = _words(field.annotation)
    if words:
        by_text = {str(word): word for word in words}
        return {"type": lambda text: by_text.get(text, text), "choices": words}
    return {"metavar": (field.title or "value").upper().replace(" ", "_")}


def _words(annotation: Any) -> list[Any]:
    """Return the words of a Literal, or of a union of Literals; else nothing."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) not in (Union, UnionType):
        return []
    parts = [_words(part) for part in get_args(annotation)]
    return [word for part in parts for word in part] if all(parts) else []
