"""An instance's flat-file exports, written as its schedule would: what changed since the last export, one file a kind.

The standard export brings each document once, when it is approved or issued, and never again but for voids and
revisions (Coupa's flat-file export pages). A customer's own integration format may add columns and bring changed
documents again. Files are UTF-8 with every field in quotes, rows of a file all equally wide, line breaks within fields.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sandbox.world import Body, Instance

STAMP = "%Y%m%d_%H%M%SZ"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
NOTES = ("", 'Late,\nsee "delivery note"', '=HYPERLINK("https://example.com")', "café, Zürich")
"""Texts that a reader must take as they are, dealt out by the records' ids."""


@dataclass(frozen=True)
class Drop:
    """An instance that gives no API and drops files instead.

    `own_format`: the customer's integration format, with added columns, which brings changed documents again; else the
    standard export. `every`: how often it exports; and once more whenever the clock is moved.
    """

    instance: str
    own_format: bool = True
    every: timedelta = timedelta(days=1)
    mapping: str = ""
    """The product's mapping file for this customer, as its connection names it."""


def export_up_to(drop: Drop, instance: Instance, folder: Path, at: datetime) -> list[Path]:
    """Write every export of an instance that is due by an instant (aware) and not there yet; return the new files."""
    at = at.astimezone(UTC).replace(microsecond=0)
    done = sorted(_stamps(folder))
    changes = [version.at for resource in instance.resources() for version in instance.timeline(resource)]
    first = min(changes, default=at).replace(hour=0, minute=0, second=0, microsecond=0)
    written: list[Path] = []
    due = [first + number * drop.every for number in range(1, int((at - first) / drop.every) + 1)]
    for point in sorted({*due, at} - set(done)):
        since = max((stamp for stamp in done if stamp < point), default=BEGINNING)
        written += export_files(drop, instance, folder, since, point)
        done.append(point)
    return written


def export_files(drop: Drop, instance: Instance, folder: Path, since: datetime, until: datetime) -> list[Path]:
    """Write one export of each kind of record below a folder: what became of it after `since`, up to `until`.

    A kind without news gets a file with header rows only. Both instants are aware.
    """
    paths = []
    for resource, layout in layouts().items():
        bodies = _exported(drop, instance, resource, layout, since, until)
        path = folder / layout["folder"] / f"{layout['name']}_{until:{STAMP}}_.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        growing = path.with_name(f".{path.name}")
        growing.write_bytes(render(layout, bodies, own_format=drop.own_format))
        os.utime(growing, (until.timestamp(), until.timestamp()))
        growing.replace(path)
        paths.append(path)
    return paths


@lru_cache
def layouts() -> Mapping[str, Mapping[str, Any]]:
    """Return what each resource's files look like (`csv_columns.yaml`)."""
    content: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
        Path(__file__).with_name("csv_columns.yaml").read_text(encoding="utf-8")
    )
    return content


def render(layout: Mapping[str, Any], bodies: Sequence[Body], *, own_format: bool) -> bytes:
    """Return the file of some records: the header rows, then each record with what belongs to it."""
    kinds = [(kind, _columns(kind, own_format)) for kind in layout["rows"]]
    rows = [[*([kind["first"]] if "type" in kind else []), *columns] for kind, columns in kinds]
    for body in bodies:
        for kind, columns in kinds:
            for item in _items(kind, body):
                values = [_cell(layout, column, item) for column in columns.values()]
                rows.append([*([kind["type"]] if "type" in kind else []), *values])
    width = max(map(len, rows))
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue().encode()


def _columns(kind: Mapping[str, Any], own_format: bool) -> dict[str, Any]:
    return {**kind["columns"], **(kind.get("added", {}) if own_format else {})}


def _items(kind: Mapping[str, Any], body: Body) -> Iterator[tuple[Body, ...]]:
    """Yield the records of a kind of row, each with those that it is nested in, outermost first."""
    if (
        "type" in kind
        and "list" not in kind
        and None in kind["columns"].values()
        and "id" not in kind["columns"].values()
    ):
        return
    level: list[tuple[Body, ...]] = [(body,)]
    for name in kind["list"].split(".") if "list" in kind else ():
        level = [(*outer, inner) for outer in level for inner in outer[-1].get(name) or []]
    yield from level


def _cell(layout: Mapping[str, Any], column: Any, item: tuple[Body, ...]) -> str:  # noqa: ANN401 - YAML
    path = column["path"] if isinstance(column, dict) else column
    if path is None:
        return ""
    if path == "internal-note":
        return NOTES[item[-1]["id"] % len(NOTES)]
    ups = len(path) - len(path.lstrip("."))
    value: Any = item[-1 - ups // 2]
    for name in path.lstrip(".").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    words = column["words"] if isinstance(column, dict) else layout.get("words", {})
    text = "" if value is None else str(value)
    if layout.get("stray_z") and text[10:11] == "T":
        text += "Z"
    return str(words.get(text, text))


def _exported(
    drop: Drop, instance: Instance, resource: str, layout: Mapping[str, Any], since: datetime, until: datetime
) -> list[Body]:
    """Return the state at `until` of each record that this export brings, by ascending id."""
    versions: dict[int, list[tuple[datetime, Body | None]]] = {}
    for version in instance.timeline(resource):
        if version.at <= until:
            versions.setdefault(version.record_id, []).append((version.at, version.body))
    return [
        states[-1][1]
        for _, states in sorted(versions.items())
        if states[-1][1] is not None and _is_due(drop, layout, states, since)
    ]


def _is_due(
    drop: Drop, layout: Mapping[str, Any], states: Sequence[tuple[datetime, Body | None]], since: datetime
) -> bool:
    if layout.get("whole"):
        return True
    if "once" not in layout:
        return states[-1][0] > since
    eligible = [at for at, body in states if body is not None and body.get("status") in layout["once"]]
    if not eligible:
        return False
    if drop.own_format:
        return states[-1][0] > since
    last = states[-1][1] or {}
    before = [body for at, body in states if at <= since and body is not None]
    revision = layout.get("revision")
    return (
        eligible[0] > since
        or (last.get("status") in layout.get("again", ()) and states[-1][0] > since)
        or bool(revision and before and before[-1].get(revision) != last.get(revision))
    )


def _stamps(folder: Path) -> Iterator[datetime]:
    """Yield the instants of the exports that are already there."""
    prefix = f"{next(iter(layouts().values()))['name']}_"
    for path in folder.glob(f"*/{prefix}*_.csv"):
        yield datetime.strptime(path.name.removeprefix(prefix).removesuffix("_.csv"), STAMP).replace(tzinfo=UTC)
