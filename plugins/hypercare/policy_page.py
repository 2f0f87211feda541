"""`docs/policy.md`: the policy as an ops lead reads it, made from its template and from what the product goes by.

In the template `[[cycle.weeks]]` stands for a value, `[[percent …]]` for a share, `[[2026-03-08 + cycle.… business
days]]` for a day; and on lines of their own `[[table cycle]]` for all values of a section with their meanings from the
JSON Schema, `[[table everything else]]` for the sections that no other table shows, `[[checks]]` and `[[metrics]]` for
the headers of the SQL files, and `[[criteria]]` for the exit gate. Run as a module it writes the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypercare.business_calendar import BusinessCalendar
from hypercare.errors import ConfigurationError
from hypercare.metric_definitions import MetricDefinition, load_metrics
from hypercare.policy import SCHEMA, PolicyFile, load_policy
from hypercare.reconciliation_checks import CheckBook, load_checks
from hypercare.settings import ROOT, load_settings

PAGE = ROOT / "docs" / "policy.md"
PLACEHOLDER = re.compile(r"\[\[([^\[\]]+)\]\]")
TABLE = "table "
REST = "everything else"
SHOWN_OTHERWISE = {"version", "sources", "overrides", "criteria", "reconciliation.checks"}
"""What the tables leave out: it stands in a list of its own, or in the text."""


@dataclass(frozen=True)
class Sources:
    """All that the page is made from."""

    template: str
    policy: PolicyFile
    schema: Mapping[str, Any]
    checks: CheckBook
    metrics: Mapping[str, MetricDefinition]


@dataclass(frozen=True)
class PolicyValue:
    """One value of the policy, or one group of values that is explained as a whole."""

    path: str
    value: Any
    meaning: str
    """From the JSON Schema; empty where that does not explain it."""
    source: str
    """`seed 4.4`, or this product's own `policy`."""


def read_sources(include: Path, policy_file: Path) -> Sources:
    """Read what the page is made from; raises what the readers of these files raise."""
    return Sources(
        template=(include / "templates" / "policy.md").read_text(encoding="utf-8"),
        policy=load_policy(policy_file),
        schema=json.loads(SCHEMA.read_text(encoding="utf-8")),
        checks=load_checks(include / "sql" / "reconciliation"),
        metrics=load_metrics(include / "sql" / "metrics"),
    )


def render_page(sources: Sources) -> str:
    """Return the page; raise ConfigurationError for a placeholder that stands for nothing."""
    tables = set(PLACEHOLDER.findall(sources.template))
    shown = {name.removeprefix(TABLE) for name in tables if name.startswith(TABLE)} - {REST}

    def fill(found: re.Match[str]) -> str:
        return _fill(found[1], sources, shown)

    return PLACEHOLDER.sub(fill, sources.template)


def list_values(policy: PolicyFile, schema: Mapping[str, Any]) -> list[PolicyValue]:
    """Return all values in the order of the policy file; what its schema describes as a whole is one value."""
    return list(_walk(policy, policy.document, schema, ()))


def _walk(
    policy: PolicyFile,
    value: Any,  # noqa: ANN401 - YAML
    schema: Mapping[str, Any],
    path: tuple[str, ...],
) -> Iterator[PolicyValue]:
    name = ".".join(path)
    if name in SHOWN_OTHERWISE:
        return
    properties = schema.get("properties", {})
    if path and ("description" in schema or not isinstance(value, Mapping) or not properties):
        yield PolicyValue(name, value, schema.get("description", ""), _source_of(policy, path))
        return
    for key, below in value.items():
        yield from _walk(policy, below, properties.get(key, {}), (*path, str(key)))


def _source_of(policy: PolicyFile, path: Sequence[str]) -> str:
    origin = policy.document["sources"]
    known = origin["seeded_with_coupa_pay"] | origin["seeded"]
    prefixes = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return str(next((known[prefix] for prefix in prefixes if prefix in known), origin["default"]))


def _fill(name: str, sources: Sources, shown: set[str]) -> str:
    lists: dict[str, Callable[[Sources], str]] = {
        "checks": _list_checks,
        "criteria": _list_criteria,
        "metrics": _list_metrics,
        "version": lambda found: found.policy.version,
    }
    if name in lists:
        return lists[name](sources)
    if name.startswith(TABLE):
        return _list_section(name.removeprefix(TABLE), sources, shown)
    if " + " in name:
        return _say_day(name, sources)
    if name.startswith("percent "):
        share = Decimal(str(_find(name.removeprefix("percent "), sources)))
        return f"{(share * 100).normalize():f} %"
    return say_value(_find(name, sources))


def _find(path: str, sources: Sources) -> Any:  # noqa: ANN401 - YAML
    value: Any = sources.policy.document
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            msg = f"templates/policy.md: {path} names no value of {sources.policy.name}"
            raise ConfigurationError(msg)
        value = value[part]
    return value


def _say_day(text: str, sources: Sources) -> str:
    """Return the day so many business days (Monday to Friday) after another: `2026-03-08 + cycle.… business days`."""
    day, _, rest = text.partition(" + ")
    count = int(_find(rest.removesuffix(" business days"), sources))
    found = BusinessCalendar("UTC").add_business_days(date.fromisoformat(day), count)
    return f"{found:%A} {found.day} {found:%B}"


def say_value(value: Any) -> str:  # noqa: ANN401 - YAML
    """Return a value in words: yes and no, lists with commas, groups with their names."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [f"{key}: {say_value(each)}" for key, each in value.items()]
        nested = any(isinstance(each, Mapping | list) for each in value.values())
        return ("; " if nested else ", ").join(parts)
    if isinstance(value, list):
        nested = any(isinstance(each, Mapping) for each in value)
        return ("; " if nested else ", ").join(map(say_value, value)) or "none"
    return str(value)


def _list_section(section: str, sources: Sources, shown: set[str]) -> str:
    values = list_values(sources.policy, sources.schema)
    if section == REST:
        chosen = [each for each in values if each.path.partition(".")[0] not in shown]
    else:
        chosen = [each for each in values if each.path.startswith(f"{section}.")]
        _find(section, sources)
    rows = [(f"`{each.path}`", say_value(each.value), each.meaning, each.source) for each in chosen]
    return _table(("value", "default", "what it means", "from"), rows) if rows else "Every value stands above."


def _list_checks(sources: Sources) -> str:
    known = {check.name: check for check in sources.checks.checks}
    rows = []
    for name, entry in sources.policy.document["reconciliation"]["checks"].items():
        definition = known[name].definition if name in known else "Not computed yet."
        legs = entry.get("not_with_erp_leg")
        note = f"; not with the ERP leg {say_value(legs)}" if legs else ""
        levels = [f"{entry[side].replace('_', ' ')}{note}" for side in ("with_coupa_pay", "without_coupa_pay")]
        rows.append((str(entry["number"]), f"**{entry['title']}**. {_plain(definition, sources)}", *levels))
    return _table(("no.", "check", "with Coupa Pay", "without"), rows)


def _list_criteria(sources: Sources) -> str:
    rows = []
    for name, entry in sources.policy.document["criteria"].items():
        state = "advisory" if entry["advisory"] else "blocks"
        state = state if entry["enabled"] else "switched off"
        pay = "Coupa Pay only" if entry.get("only_with_coupa_pay") else "everybody"
        parameters = say_value(entry["parameters"]).replace("_", " ") if entry.get("parameters") else ""
        rows.append(
            (entry["title"], f"`{name}`", state, pay, parameters, _source_of(sources.policy, ("criteria", name)))
        )
    return _table(("criterion", "name in the policy", "default", "for", "asks for", "from"), rows)


def _list_metrics(sources: Sources) -> str:
    rows = [
        (f"**{each.title}**", _plain(each.definition, sources), each.unit.value, each.source)
        for each in sorted(sources.metrics.values(), key=lambda each: each.title)
    ]
    return _table(("metric", "definition", "unit", "from"), rows)


def _plain(definition: str, sources: Sources) -> str:
    """Return a definition with the policy's numbers in place of the names of its parameters, where it has them."""
    values = {each.path.rpartition(".")[2]: each.value for each in list_values(sources.policy, sources.schema)}
    return re.sub(r"\$(\w+)", lambda name: say_value(values.get(name[1], name[1].replace("_", " "))), definition)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in line)} |" for line in lines
    )


def main() -> None:
    """Write the page."""
    settings = load_settings()
    PAGE.write_text(render_page(read_sources(settings.include_folder, settings.policy_file)), encoding="utf-8")


if __name__ == "__main__":
    main()
