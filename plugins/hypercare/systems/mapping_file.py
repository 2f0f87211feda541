"""Reading the YAML files of `include/mappings`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hypercare.errors import ConfigurationError

Mapped = TypeVar("Mapped", bound=BaseModel)


def read_mapping(path: Path, model: type[Mapped]) -> Mapped:
    """Return a mapping file's content; raise ConfigurationError that lists everything wrong in it."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"mapping {path.name} cannot be read: {error}"
        raise ConfigurationError(msg) from error
    return check_mapping(path.name, document, model)


def check_mapping(name: str, document: object, model: type[Mapped]) -> Mapped:
    """Return a file's document as its model; raise ConfigurationError that lists everything wrong in it."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        msg = f"mapping {name} has {len(faults)} faults: " + "; ".join(faults)
        raise ConfigurationError(msg) from error
