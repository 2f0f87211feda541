"""What the forms by which people tell us things have in common: their fields, and words for what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import StringConstraints, ValidationError

Words: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Remark: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True)]


def drop_blanks(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a form that somebody filled in."""
    return {name: value for name, value in form.items() if value not in (None, "", [], ())}


def tell_problems(error: ValidationError, what: str) -> str:
    """Say which entries are missing or wrong; `what` needs those that are missing: `a pause`."""
    problems = []
    for each in error.errors(include_url=False):
        name = ".".join(map(str, each["loc"]))
        missing = each["type"] in ("missing", "string_too_short", "too_short")
        problems.append(f"Param {name}: {f'{what} needs it' if missing else each['msg']}")
    return "; ".join(problems)
