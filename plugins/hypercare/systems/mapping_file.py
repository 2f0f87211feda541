"""Reading the YAML files of `include/mappings`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ValidationError

from hypercare.errors import ConfigurationError

Mapped = TypeVar("Mapped", bound=BaseModel)


def read_mapping(path: Path, model: type[Mapped]) -> Mapped:
    """Return a mapping file as its model; raise ConfigurationError that lists everything wrong in it."""
    return validate_mapping(load_content(path), path.name, model)


def load_content(path: Path) -> Any:  # noqa: ANN401 - YAML
    """Return what a mapping file holds, unchecked; raise ConfigurationError where it cannot be read."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"mapping {path.name} cannot be read: {error}"
        raise ConfigurationError(msg) from error


def validate_mapping(content: Any, name: str, model: type[Mapped]) -> Mapped:  # noqa: ANN401 - YAML
    """Return a mapping's content as its model; raise ConfigurationError that lists everything wrong in it."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        msg = f"mapping {name} has {len(faults)} faults: " + "; ".join(faults)
        raise ConfigurationError(msg) from error


def check_date_format(form: str) -> str:
    """Return a format of Python's strptime; raise ValueError where it does not tell a whole date."""
    sample = datetime(2026, 11, 16, tzinfo=UTC)
    if datetime.strptime(sample.strftime(form), form).date() != sample.date():  # noqa: DTZ007 - a date only
        msg = f"{form!r} does not name day, month and year"
        raise ValueError(msg)
    return form


DateFormat = Annotated[str, AfterValidator(check_date_format)]
"""A format of Python's strptime that tells a whole date."""
