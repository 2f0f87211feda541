"""Engagements and support cases, read from Salesforce.

Names of objects and fields stand in `include/mappings/salesforce.yaml`; before the first read they are checked by
`describe`. One record that is no engagement does not stop the others. How the org is spoken to: `salesforce_rest`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from hypercare.errors import ContractError
from hypercare.model import Engagement
from hypercare.settings import Settings
from hypercare.systems.connections import read_connection
from hypercare.systems.http import RequestPolicy
from hypercare.systems.salesforce_engagements import UnfitRecordError, parse_engagement
from hypercare.systems.salesforce_login import read_login
from hypercare.systems.salesforce_mapping import (
    OPTIONAL_CASE_COLUMNS,
    OPTIONAL_ENGAGEMENT_COLUMNS,
    SalesforceMapping,
    check_mapping,
    load_salesforce_mapping,
)
from hypercare.systems.salesforce_rest import SalesforceClient, check_record_id, quote_soql

INSTANTS = ("created_at", "closed_at")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngagementsRead:
    """What Salesforce says of the engagements in hypercare."""

    engagements: list[Engagement]
    rows: list[dict[str, Any]]
    """Each ICM record in hypercare, those with problems too, in the columns of the feed `engagements`; as it stands."""
    problems: list[tuple[str, str]]
    """Records that are no engagement: the ICM record's name, and in words what is wrong and what to do."""


class SalesforceReader:
    """Reads one org, from the first call on: nothing is opened before. One thread at a time."""

    def __init__(self, connect: Callable[[], SalesforceClient], mapping_file: Path) -> None:
        self._connect = connect
        self._mapping_file = mapping_file

    @cached_property
    def client(self) -> SalesforceClient:
        """The org's API; raises ConfigurationError where the connection is missing or incomplete."""
        return self._connect()

    @cached_property
    def mapping(self) -> SalesforceMapping:
        """The mapping, once it fits the org; raises ConfigurationError that lists everything wrong in it."""
        mapping = load_salesforce_mapping(self._mapping_file)
        check_mapping(mapping, self.client.describe)
        return mapping

    def read_engagements(self) -> EngagementsRead:
        """Return the engagements in hypercare, ordered by name; asked once in this reader's life.

        Raises ConfigurationError for a mapping that does not fit, and what `SalesforceClient.query` raises.
        """
        return self._engagements

    @cached_property
    def _engagements(self) -> EngagementsRead:
        mapping = self.mapping.engagements
        stages = ", ".join(quote_soql(stage) for stage in mapping.stage.in_hypercare)
        soql = (
            f"SELECT {_select(mapping.paths())} FROM {mapping.object} "
            f"WHERE {mapping.stage.field} IN ({stages}) ORDER BY {mapping.fields['name']}, Id"
        )
        found = EngagementsRead([], [], [])
        for record in self.client.query(soql, "Salesforce, engagements in hypercare"):
            row = _make_row(record, mapping.fields, OPTIONAL_ENGAGEMENT_COLUMNS)
            people = {role: str(_value_at(record, path) or "").strip() for role, path in mapping.roles.items()}
            roles = {role: name for role, name in people.items() if name}
            found.rows.append(row)
            try:
                found.engagements.append(parse_engagement(row, mapping.fields, roles))
            except UnfitRecordError as unfit:
                found.problems.append((row["name"] or row["id"], unfit.words))
        log.info("%d engagements in hypercare, %d records with problems", len(found.engagements), len(found.problems))
        return found

    def read_case_rows(self, account_id: str) -> list[dict[str, Any]]:
        """Return all cases of an account, in the columns of the feed `cases`, ordered by id; instants as ISO text, UTC.

        Raises ContractError for what is no record id, ConfigurationError for a mapping that does not fit, and what
        `SalesforceClient.query` raises.
        """
        check_record_id(account_id, "Salesforce, cases of an account")
        mapping = self.mapping.cases
        soql = (
            f"SELECT {_select(mapping.fields)} FROM {mapping.object} "
            f"WHERE {mapping.fields['account_id']} = {quote_soql(account_id)} ORDER BY Id"
        )
        records = self.client.query(soql, f"Salesforce, cases of account {account_id}")
        rows = [_make_row(record, mapping.fields, OPTIONAL_CASE_COLUMNS) for record in records]
        for row in rows:
            row.update({column: _write_instant(row[column]) for column in INSTANTS})
        return rows


def open_salesforce(settings: Settings, policy: RequestPolicy | None = None) -> SalesforceReader:
    """Return a reader of the org that the settings name; nothing is opened before its first call."""

    def connect() -> SalesforceClient:
        return open_client(settings, policy)

    return SalesforceReader(connect, settings.include_folder / "mappings" / "salesforce.yaml")


def open_client(settings: Settings, policy: RequestPolicy | None = None) -> SalesforceClient:
    """Return a client of the org, not yet logged in; raise ConfigurationError for an incomplete connection."""
    connection = read_connection(settings.salesforce_connection)
    return SalesforceClient(read_login(connection, settings.salesforce_base_url), policy)


def _select(paths: Mapping[str, str]) -> str:
    """Return the fields to ask for, each once: queries refuse repetitions."""
    return ", ".join({path.casefold(): path for path in ("Id", *paths.values())}.values())


def _make_row(record: Mapping[str, Any], fields: Mapping[str, str], optional: Sequence[str]) -> dict[str, Any]:
    record_id = _value_at(record, "Id")
    if not isinstance(record_id, str):
        msg = f"Salesforce: a record without an id came ({str(record)[:80]})"
        raise ContractError(msg)
    row = {"id": record_id, **{column: _value_at(record, path) for column, path in fields.items()}}
    return {**row, **{column: None for column in optional if column not in row}}


def _value_at(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path; None where a relationship leads nowhere. Answers spell names as the org does."""
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = next((found for key, found in value.items() if key.casefold() == name.casefold()), None)
    return value.strip() or None if isinstance(value, str) else value


def _write_instant(text: Any) -> Any:  # noqa: ANN401 - JSON
    """Write Salesforce's `2026-11-16T08:17:00.000+0000` so that everybody can read it; leave alone what is none."""
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return text
    return text if instant.tzinfo is None else instant.astimezone(UTC).isoformat()
