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
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        msg = f"mapping {path.name} has {len(faults)} faults: " + "; ".join(faults)
        raise ConfigurationError(msg) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"mapping {path.name} cannot be read: {error}"
        raise ConfigurationError(msg) from error
