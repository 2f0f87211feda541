"""An engagement's action items as of a run: its tracker's rows and its account's cases, from the lake."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypercare.action_items import parse_action_items
from hypercare.model import ActionItem, Engagement
from hypercare.pulling import pull_id
from hypercare.runtime import Runtime
from hypercare.tracker_address import words_of


def read_items(runtime: Runtime, engagement: Engagement, as_of: datetime) -> tuple[ActionItem, ...]:
    """Return the action items that the latest pulls up to a run brought; none where nothing was pulled yet."""
    policy = runtime.policy.for_engagement(engagement)
    tracker = _read_rows(runtime, engagement, "action_items", as_of)
    cases = _read_rows(runtime, engagement, "cases", as_of)
    return parse_action_items(tracker, cases, policy, words_of(engagement.tracker))


def _read_rows(runtime: Runtime, engagement: Engagement, feed: str, as_of: datetime) -> list[dict[str, Any]]:
    pulls = runtime.lake.typed_pulls(engagement.id, [feed], pull_id(as_of))
    if not pulls:
        return []
    with runtime.connect_duckdb() as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute("select * from read_parquet(?) order by id", [pulls[-1].path])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
