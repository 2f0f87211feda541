"""What a metric is, read from the comment that heads its SQL file.

A header line is `-- key: text`; a line `--   text` continues it. Keys: metric, title, definition, unit, denominator,
business date, source, feeds; and where wanted products, parameters (the query's `$names`), views (files in the folder
`views` that the query reads from) and, once a dimension, `rests on: dimension = feeds`, for dimensions that need other
feeds than the metric as a whole. Feeds are written `invoices, users; optional: receipts`: an optional feed may be
absent, not broken. `invoices.channel` says that the feed and this part of it are needed: a column, a nested table,
`pending` documents or later `changes`, which flat files may lack. `waiting: invoices.pending` names parts on which only
what is still waiting rests.

A view's keys are view and holds, and where several metrics do the same with rows of their own, takes: the names by
which its query calls what it is given, as in `from hours_by_span(cases)`, a common table expression of the metric's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hypercare.errors import ContractError

REQUIRED_KEYS = ("metric", "title", "definition", "unit", "denominator", "business date", "source", "feeds")
OPTIONAL_KEYS = ("products", "parameters", "views", "rests on", "waiting")
KEY_LINE = re.compile(r"^-- (?P<key>[a-z][a-z ]*): (?P<text>\S.*)$")
MORE_LINE = re.compile(r"^--   +(?P<text>\S.*)$")
FEED_NAME = re.compile(r"^[a-z_]+(\.[a-z_]+)*$")
PARAMETER = re.compile(r"\$([a-z_]+)")


class Unit(StrEnum):
    """What a metric's figure is; a share is a fraction of 1."""

    HOURS = "hours"
    SHARE = "share"
    COUNT = "count"
    AMOUNT = "amount"


@dataclass(frozen=True)
class Needs:
    """Feeds that must be valid, feeds that may be absent but not broken, and parts that must be there."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    """Such as `invoices.pending`."""


@dataclass(frozen=True)
class MetricView:
    """A query that several metrics share."""

    query: str
    takes: tuple[str, ...] = ()
    """What it is given by the metric; without any it is a plain view."""


@dataclass(frozen=True)
class MetricDefinition:
    """One metric, as its SQL file defines it."""

    metric: str
    title: str
    definition: str
    unit: Unit
    denominator: str
    business_date: str
    source: str
    needs: Needs
    query: str
    path: Path
    products: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    views: Mapping[str, MetricView] = field(default_factory=dict)
    """The views that it reads from, by name."""
    rests_on: Mapping[str, Needs] = field(default_factory=dict)
    """Dimension, or its first words up to a slash, to the feeds that it alone needs."""
    waiting_parts: tuple[str, ...] = ()
    """Parts on which only what is still waiting rests."""

    @property
    def queries(self) -> list[str]:
        """Its own query and those of its views."""
        return [self.query, *(view.query for view in self.views.values())]


def load_metrics(folder: Path) -> Mapping[str, MetricDefinition]:
    """Read every metric of a folder, by name; raise ContractError naming the file that is wrong."""
    definitions = {path.stem: _load(path) for path in sorted(folder.glob("*.sql"))}
    if not definitions:
        msg = f"no metric (*.sql) in {folder}"
        raise ContractError(msg)
    return definitions


def _load(path: Path) -> MetricDefinition:
    try:
        return _parse(path)
    except (KeyError, ValueError, OSError) as error:
        msg = f"metric file {path.name}: {error}"
        raise ContractError(msg) from error


def _parse(path: Path) -> MetricDefinition:
    header, query = _split(path.read_text(encoding="utf-8"))
    missing = [key for key in REQUIRED_KEYS if key not in header]
    repeated = [key for key, texts in header.items() if len(texts) > 1 and key != "rests on"]
    if missing or repeated:
        msg = f"its header lacks {missing or 'nothing'} and has more than once {repeated or 'nothing'}"
        raise ValueError(msg)
    texts = {key: values[0] for key, values in header.items()}
    if texts["metric"] != path.stem:
        msg = f"it calls its metric {texts['metric']!r}"
        raise ValueError(msg)
    parameters = tuple(_names(texts.get("parameters", "")))
    used = set(PARAMETER.findall(query))
    if set(parameters) != used:
        msg = f"its header names the parameters {sorted(parameters)}, its query uses {sorted(used)}"
        raise ValueError(msg)
    needs = _parse_needs(texts["feeds"])
    return MetricDefinition(
        metric=texts["metric"],
        title=texts["title"],
        definition=texts["definition"],
        unit=Unit(texts["unit"]),
        denominator=texts["denominator"],
        business_date=texts["business date"],
        source=texts["source"],
        needs=needs,
        query=query,
        path=path,
        products=frozenset(_names(texts.get("products", ""))),
        parameters=parameters,
        views={name: _read_view(path.parent, name) for name in _names(texts.get("views", ""))},
        rests_on=dict(_parse_rest(text, needs) for text in header.get("rests on", ())),
        waiting_parts=_parse_needs(texts["waiting"]).parts if "waiting" in texts else (),
    )


def _split(text: str) -> tuple[dict[str, list[str]], str]:
    """Return the header's texts by key, and the query below."""
    header: dict[str, list[str]] = {}
    lines = text.splitlines()
    latest: list[str] | None = None
    for number, line in enumerate(lines):
        if not line.startswith("--"):
            query = "\n".join(lines[number:]).strip()
            if not query:
                break
            return header, query
        if match := MORE_LINE.match(line):
            if latest is None:
                break
            latest[-1] += " " + match["text"].strip()
        elif match := KEY_LINE.match(line):
            if match["key"] not in (*REQUIRED_KEYS, *OPTIONAL_KEYS, "view", "takes", "holds"):
                msg = f"its header has the unknown key {match['key']!r}"
                raise ValueError(msg)
            latest = header.setdefault(match["key"], [])
            latest.append(match["text"].strip())
        else:
            msg = f"line {number + 1} is neither `-- key: text` nor a continuation `--   text`"
            raise ValueError(msg)
    msg = "it needs a header that begins with a key, and a query below it"
    raise ValueError(msg)


def _read_view(folder: Path, name: str) -> MetricView:
    header, query = _split((folder / "views" / f"{name}.sql").read_text(encoding="utf-8"))
    if header.get("view") != [name] or "holds" not in header:
        msg = f"the header of its view {name} must tell view and holds"
        raise ValueError(msg)
    return MetricView(query, tuple(_names(", ".join(header.get("takes", ())))))


def _parse_rest(text: str, whole: Needs) -> tuple[str, Needs]:
    dimension, separator, feeds = text.partition("=")
    needs = _parse_needs(feeds)
    foreign = {*needs.required, *needs.optional} - {*whole.required, *whole.optional}
    if not separator or not dimension.strip() or foreign:
        msg = f"`rests on: {text}` must be `dimension = feeds`, of the metric's own feeds"
        raise ValueError(msg)
    return dimension.strip(), needs


def _parse_needs(text: str) -> Needs:
    first, separator, second = text.partition("; optional:")
    required, optional = _names(first), _names(second)
    odd = [name for name in (*required, *optional) if not FEED_NAME.match(name)]
    if odd or not required or (separator and not optional):
        msg = f"feeds {text!r} must be written `feed, feed.part; optional: feed`"
        raise ValueError(msg)
    parts = tuple(name for name in (*required, *optional) if "." in name)
    return Needs(_feeds(required), _feeds(optional), parts)


def _feeds(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
