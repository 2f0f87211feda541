"""The policy's numbers as the parameters of include/sql, under the names that the SQL files use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypercare.policy import Policy


def metric_parameters(policy: Policy) -> dict[str, Any]:
    """Return every `$name` that a metric may use."""
    words = policy.action_items.priority_words
    return {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in asdict(policy.metrics).items()},
        "priority_words": {
            source: {severity.value: list(known) for severity, known in severities.items()}
            for source, severities in words.items()
        },
    }
