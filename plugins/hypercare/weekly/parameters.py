"""The policy's numbers as the parameters of include/sql, under the names that the SQL files use."""

from __future__ import annotations

from typing import Any

from hypercare.policy import Policy


def sql_parameters(policy: Policy) -> dict[str, Any]:
    """Return every `$name` that a metric or check may use."""
    raise NotImplementedError
