"""Options of the terminal: of the settings classes, and of folders of cases."""

from __future__ import annotations

import argparse
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.settings import Settings, TrainingSettings
from specimen_unet.files.case_options import AUTO, CaseOptions, LayoutName
from specimen_unet.files.questions import About

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pydantic.fields import FieldInfo

    from specimen_unet.files.questions import Answers

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


def add_case_options(
    parser: argparse.ArgumentParser, *, has_groups: bool = True
) -> None:
    """Give a parser what can be said about a folder of cases, or an image."""
    group = parser.add_argument_group("files")
    group.add_argument(
        "--layout",
        choices=get_args(LayoutName),
        default=AUTO,
        help=f"how the folder is laid out (default: {AUTO}, which finds it out)",
    )
    if has_groups:
        group.add_argument(
            "--group-pattern",
            metavar="PATTERN",
            help=r"the part of the name that is the group, in brackets: '(\d+)_'",
        )
    group.add_argument(
        "--answer",
        action="append",
        default=[],
        dest="answers",
        metavar="ABOUT=ANSWER",
        help="to what images leave open: 'spacing=0.5 0.1 0.1 mm', stack=channels",
    )
    group.add_argument(
        "--level",
        type=int,
        default=0,
        metavar="N",
        help="resolution of OME-Zarr images: 0 is the full one (default)",
    )


def case_options(arguments: argparse.Namespace) -> CaseOptions:
    """Read what was said about a folder of cases.

    Raises
    ------
    OptionError
        If an answer has no "=", or there is no such question.
    """
    pattern = vars(arguments).get("group_pattern")
    answers = _answers(arguments.answers)
    return CaseOptions(arguments.layout, pattern, answers, arguments.level)


def _answers(typed: Sequence[str]) -> Answers:
    """Read answers as they are typed, "spacing=0.1 mm"."""
    answers: dict[About, str] = {}
    for one in typed:
        about, _, answer = one.partition("=")
        if about not in get_args(About) or not answer:
            raise OptionError(
                f"--answer {one}: ABOUT=ANSWER was expected, where ABOUT is one of "
                f"{', '.join(get_args(About))}."
            )
        answers[cast("About", about)] = answer
    return answers


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
