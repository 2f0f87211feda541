"""Reading the YAML files of `include/mappings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hypercare.errors import ConfigurationError

Mapped = TypeVar("Mapped", bound=BaseModel)


def read_mapping(path: Path, model: type[Mapped]) -> Mapped:
    """Return a mapping file's content; raise ConfigurationError that lists everything wrong in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"mapping {path.name} cannot be read: {error}"
        raise ConfigurationError(msg) from error
    return validate_mapping(content, path.name, model)


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
