"""Real records: the event logs of the BPI Challenge 2020 family as Coupa instances, one for each customer.

The rules by which a case becomes a record stand with the logs (`shared/data/bpic2020/README.md`): only events up to the
instant that the clock shows exist. What the logs do not hold is set: due dates, cadence, time zone, currency, one user.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sandbox.coupa import shapes
from sandbox.event_records import EXPENSE_REPORTS, INVOICES, PREPARED, SIGNER, LogKind, Row, Unit, tell_case
from sandbox.salesforce.store import Org
from sandbox.scenario import Run, Scenario
from sandbox.trackers import Tracker
from sandbox.world import Instance, World

TIME_ZONE = "Europe/Amsterdam"
JUDGED_AT = time(14, 30, tzinfo=UTC)
"""When on the Monday after a week its run takes place."""

SEGMENTS = ("Strategic", "Enterprise", "Mid-Market")
REGIONS = ("US", "EMEA", "APAC")
WEEKS = re.compile(r"^(\d{4})-W(\d{2})\.\.(\d{4})-W(\d{2})$")
UNIT_COLUMN = "(case)_OrganizationalEntity"


def load_event_logs(folder: Path, weeks: str) -> Scenario:
    """Load every log (`*.csv.gz`) of a folder, to be played over weeks such as `2018-W10..2018-W14`.

    Go-live of every customer is the Monday of the first week. Raises ValueError for weeks that are not written so, for
    a folder without logs, and for a log whose columns are not those of the family.
    """
    mondays = _read_weeks(weeks)
    files = sorted(folder.glob("*.csv.gz"))
    if not files:
        message = f"{folder} holds no event log (*.csv.gz)"
        raise ValueError(message)
    world, units, skipped = World(), dict[str, Unit](), Counter[str]()
    for file in files:
        _load_file(file, world, units, skipped)
    org = Org("Sandbox", "hypercare-sandbox", "sandbox-secret", time_zone=TIME_ZONE)
    for unit in units.values():
        _sign(org, unit, mondays[0])
    return Scenario(
        title=f"Real records: {len(units)} customers of {', '.join(_plain_name(file) for file in files)}, {weeks}",
        world=world,
        org=org,
        runs=[_plan_run(monday) for monday in mondays],
        trackers=[Tracker(_tracker_name(unit)) for unit in units.values()],
        skipped=skipped,
        notes=[f"{activity} ({count} times): no record stands for it" for activity, count in sorted(skipped.items())],
    )


def _read_weeks(weeks: str) -> list[date]:
    """Return the Mondays of the weeks from the first to the last, both included."""
    found = WEEKS.match(weeks)
    if found is None:
        message = f"{weeks!r} are not weeks; write them as 2018-W10..2018-W14"
        raise ValueError(message)
    first_year, first_week, last_year, last_week = map(int, found.groups())
    first, last = date.fromisocalendar(first_year, first_week, 1), date.fromisocalendar(last_year, last_week, 1)
    if last < first:
        message = f"{weeks!r} ends before it begins"
        raise ValueError(message)
    return [first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]


def _plan_run(monday: date) -> Run:
    year, week, _ = monday.isocalendar()
    return Run(f"{year}-W{week:02d}", datetime.combine(monday + timedelta(days=7), JUDGED_AT), "finished")


def _load_file(file: Path, world: World, units: dict[str, Unit], skipped: Counter[str]) -> None:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        kind = _find_kind(file, reader.fieldnames or ())
        for rows in _group_by_case(reader):
            name = rows[0].get(UNIT_COLUMN) or _plain_name(file).removesuffix("Declarations").lower()
            if name not in units:
                units[name] = _open_unit(name, world, skipped)
            tell_case(units[name], kind, rows)


def _find_kind(file: Path, columns: Sequence[str]) -> LogKind:
    for kind in (INVOICES, EXPENSE_REPORTS):
        if {kind.id_column, kind.number_column, kind.amount_column} <= set(columns):
            return kind
    message = f"{file.name}: its columns are neither those of payment requests nor of declarations"
    raise ValueError(message)


def _group_by_case(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the events of each case in the file's order; a case's rows need not stand together."""
    cases: dict[str, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row)
    yield from cases.values()


def _open_unit(name: str, world: World, skipped: Counter[str]) -> Unit:
    instance = world.add(Instance(_instance_name(name), time_zone=TIME_ZONE))
    signer = shapes.user(
        id=SIGNER["id"], created_at=PREPARED, zone=instance.time_zone, firstname=SIGNER["firstname"],
        lastname=SIGNER["lastname"], licences=("invoicing", "expense"),
    )  # fmt: skip
    instance.put("users", PREPARED, signer)
    return Unit(name, instance, skipped)


def _instance_name(unit: str) -> str:
    """Return `unit65458` for `organizational unit 65458`: letters and digits, so that it fits any connection's name."""
    return re.sub(r"[^a-z0-9]", "", unit.lower().removeprefix("organizational "))


def _plain_name(file: Path) -> str:
    return file.name.removesuffix(".csv.gz")


def _tracker_name(unit: Unit) -> str:
    return f"{unit.instance.name}-action-items.xlsx"


def _sign(org: Org, unit: Unit, go_live: date) -> None:
    """Put the customer's account and its engagement into the org; segment and region follow from its name's digest."""
    digest = hashlib.sha256(unit.name.encode()).digest()
    segment, region = SEGMENTS[digest[0] % len(SEGMENTS)], REGIONS[digest[1] % len(REGIONS)]
    account = org.put(
        "Account",
        PREPARED,
        {"Name": unit.name, "Segment__c": segment, "Region__c": region, "Customer_Status__c": "In Hypercare"},
    )
    products = ["Expenses", "Coupa Pay"] if not unit.suppliers else ["Invoicing", "Coupa Pay"]
    org.put(
        "ICM__c",
        PREPARED,
        {
            "Name": unit.name, "Account__c": account, "Stage__c": "In Hypercare", "Go_Live_Date__c": go_live,
            "Products__c": products, "Time_Zone__c": TIME_ZONE, "Coupa_Instances__c": unit.instance.name,
            "Payment_Cadence__c": "weekly", "Delivery__c": "vendor", "ERP_Leg__c": "none",
            "Fiscal_Calendar__c": "calendar-month", "Tracker__c": _tracker_name(unit),
        },
    )  # fmt: skip
