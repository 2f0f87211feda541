"""The policy's numbers as the parameters of include/sql, under the names that the SQL files use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypercare.model import Engagement
from hypercare.policy import Policy
from hypercare.tracker_address import words_of


def metric_parameters(policy: Policy, engagement: Engagement) -> dict[str, Any]:
    """Return every `$name` that a metric may use; the source `tracker` is the engagement's, wherever it stands."""
    words = dict(policy.action_items.priority_words)
    words["tracker"] = words.get(words_of(engagement.tracker), {})
    return {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in asdict(policy.metrics).items()},
        "priority_words": {
            source: {severity.value: list(known) for severity, known in severities.items()}
            for source, severities in words.items()
        },
    }
