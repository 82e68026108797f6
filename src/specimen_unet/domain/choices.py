"""Settings from what a person gave by name, with errors in plain words."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.settings import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Chosen = TypeVar("Chosen", bound=Settings)

_FAULTS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "finite_number": "must be a finite number",
}
_EXPECTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list of numbers",
}


def changed(settings: Chosen, **changes: Any) -> Chosen:
    """Return the settings with some fields changed, all of them checked.

    Raises
    ------
    PlanError
        If there is no such field, or a value is out of bounds; a line for each.
    """
    kind = type(settings)
    try:
        return kind.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        # A union tells a fault for each of its members: the first says enough.
        faults = {str(fault["loc"][0]): fault for fault in reversed(error.errors())}
        lines = [_line(kind, name, faults[name]) for name in reversed(faults)]
        raise PlanError("\n".join(lines)) from error


def _line(kind: type[Settings], name: str, fault: ErrorDetails) -> str:
    """Say in one line what is wrong with a field, and what it is for."""
    if name not in kind.model_fields:
        close = get_close_matches(name, kind.model_fields, n=1)
        advice = (
            f"did you mean {close[0]!r}?"
            if close
            else f"choose from {', '.join(kind.model_fields)}."
        )
        return f"There is no setting {name!r}: {advice}"
    field = kind.model_fields[name]
    auto = ", or auto" if field.default == "auto" else ""
    what = f"{fault['input']!r} {_fault(fault)}{auto}"
    description = (field.description or "").replace("\n", " ")
    return f"{field.title} ({name}): {what}. {description}"


def _fault(fault: ErrorDetails) -> str:
    """Say what is wrong with a value."""
    bounds = fault.get("ctx", {})
    if fault["type"] in _FAULTS:
        return _FAULTS[fault["type"]].format(**bounds)
    if fault["type"] == "literal_error":
        return f"must be {bounds['expected']}"
    return f"must be {_EXPECTED.get(fault['type'], 'a possible value')}"
