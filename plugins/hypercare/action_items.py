"""Action items: the tracker's rows and the account's Cases as one list (rule R12). Pure: no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypercare.errors import ContractError
from hypercare.model import ActionItem, Severity
from hypercare.policy import Policy

TRACKER, SALESFORCE, JIRA = "tracker", "salesforce", "jira"
"""Sources of items, as the policy's priority words name them."""
CLOSING_STATES = ("closed", "resolved")
"""States of the tracker that end an item; every other, and a blank one, is open."""
SEPARATORS = re.compile(r"[,;\n]")
DECORATION = re.compile(r"^(salesforce)?(case)?(number|no\.?|nr\.?)?[#:]*")
Row = Mapping[str, Any]


def parse_action_items(
    tracker_rows: Iterable[Row], case_rows: Iterable[Row], policy: Policy, words: str = TRACKER
) -> tuple[ActionItem, ...]:
    """Return the tracker's items, then the open Cases that none of them names.

    Rows hold the columns of the feeds `action_items` and `cases`; dates are dates or ISO text, instants aware datetimes
    or ISO text, whose date is taken in UTC. `words` names the source whose priority words the tracker uses. A Case that
    a tracker item names by its number becomes part of that item: the tracker's words stand, blanks are filled from the
    Case, it is open while either is open, and as severe as the more severe of the two, so that the tracker cannot play
    a Case down; an unsorted one does not count there.
    Raises ContractError for what is no date.
    """
    cases: dict[str, ActionItem] = {}
    for row in case_rows:
        case = _read_case(row, policy)
        number = _normalise(case.id)
        cases[number if number not in cases else str(row["id"])] = case
    items: list[ActionItem] = []
    named: set[str] = set()
    for row in tracker_rows:
        item = _read_item(row, policy, words)
        numbers = [number for number in _list_numbers(row.get("case_number")) if number in cases]
        named.update(numbers)
        items.append(_join(item, [cases[number] for number in numbers]))
    return (*items, *(case for number, case in cases.items() if case.is_open and number not in named))


def _read_item(row: Row, policy: Policy, words: str) -> ActionItem:
    is_open = _text(row.get("state")).casefold() not in CLOSING_STATES
    where = f"tracker item {row['id']}"
    return ActionItem(
        id=str(row["id"]),
        source=TRACKER,
        title=_text(row.get("title")),
        severity=policy.action_items.sort_priority(words, row.get("priority")),
        is_open=is_open,
        owner=_text(row.get("owner")),
        raised_on=_day(row.get("raised_on"), where),
        resolved_on=None if is_open else _day(row.get("resolved_on"), where),
        resolution=_text(row.get("resolution")),
        plan_owner=_text(row.get("plan_owner")),
        plan_date=_day(row.get("plan_date"), where),
        plan_accepted_by=_text(row.get("plan_accepted_by")),
        case_number=_text(row.get("case_number")),
        internal_only=bool(row.get("internal_only")),
    )


def _read_case(row: Row, policy: Policy) -> ActionItem:
    """Read a Case; its item's id is the Case number, by which people know it."""
    is_open = row.get("is_closed") is not True
    number = _text(row["case_number"])
    where = f"Case {number}"
    return ActionItem(
        id=number,
        source=SALESFORCE,
        title=_text(row.get("subject")),
        severity=policy.action_items.sort_priority(SALESFORCE, row.get("priority")),
        is_open=is_open,
        owner=_text(row.get("owner")),
        raised_on=_day(row.get("created_at"), where),
        resolved_on=None if is_open else _day(row.get("closed_at"), where),
        case_number=number,
    )


def _join(item: ActionItem, cases: Sequence[ActionItem]) -> ActionItem:
    """Return a tracker's item with the Cases that it names."""
    if not cases:
        return item
    is_open = any(part.is_open for part in (item, *cases))
    return replace(
        item,
        title=item.title or cases[0].title,
        severity=_worst([item.severity, *(case.severity for case in cases)]),
        is_open=is_open,
        owner=item.owner or cases[0].owner,
        raised_on=item.raised_on or min((case.raised_on for case in cases if case.raised_on), default=None),
        resolved_on=None if is_open else item.resolved_on or _latest(cases),
        case_number=", ".join(case.case_number for case in cases),
    )


def _worst(severities: Sequence[Severity]) -> Severity:
    """Return the highest; unsorted only where nothing is sorted."""
    return min(severities, key=[Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.UNSORTED].index)


def _latest(cases: Sequence[ActionItem]) -> date | None:
    return max((case.resolved_on for case in cases if case.resolved_on), default=None)


def _list_numbers(entry: object) -> list[str]:
    """Return the Case numbers that a tracker's cell names, as they are compared, each once."""
    numbers = (_normalise(part) for part in SEPARATORS.split(_text(entry)))
    return list(dict.fromkeys(number for number in numbers if number))


def _normalise(number: object) -> str:
    """Return a Case number as it is compared: spreadsheets drop leading zeros, people write `Case #1001`."""
    plain = DECORATION.sub("", "".join(_text(number).casefold().split()))
    return plain.lstrip("0") or plain if plain.isdigit() else plain


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _day(value: object, where: str) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            msg = f"{where}: {value!r} is no ISO date"
            raise ContractError(msg) from error
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    msg = f"{where}: {value!r} is no date"
    raise ContractError(msg)
