"""What a play came to: the table of engagements and weeks, and whether it is what the world says it must be."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from hypercare.verdicts import Standing
from launch.play import PlayedRun

COLOURS = {
    "PASS": "green",
    "CLEARED": "green",
    "QUIET": "cyan",
    "WAIVED": "yellow",
    "FAIL": "red",
    "UNKNOWN": "magenta",
}


def show_runs(console: Console, runs: list[PlayedRun]) -> None:
    """Print the runs with their states, and what failed in them."""
    table = Table(title="Runs", title_justify="left")
    for name in ("run", "state", "must be", ""):
        table.add_column(name)
    for run in runs:
        mark = "[green]as it must[/]" if run.is_as_expected else "[red]NOT as it must[/]"
        table.add_row(run.label, run.state, run.expected, mark)
    console.print(table)


def show_standings(console: Console, standings: list[Standing]) -> None:
    """Print every engagement: weeks, cycle, gate, and the first reason."""
    weeks = sorted({line.week for standing in standings for line in standing.weeks})
    table = Table(title="Engagements", title_justify="left", show_lines=False)
    table.add_column("engagement", overflow="fold", min_width=18)
    for week in weeks:
        table.add_column(f"W{week.number:02d}", justify="center", no_wrap=True)
    for name in ("cycle", "gate"):
        table.add_column(name, no_wrap=True)
    table.add_column("first reason", overflow="fold", ratio=1)
    for standing in standings:
        verdicts = {line.week: line.verdict for line in standing.weeks}
        reason = standing.reasons[0] if standing.reasons else "not judged"
        table.add_row(
            standing.engagement.name,
            *(_coloured(verdicts.get(week, "-")) for week in weeks),
            _coloured(standing.cycle),
            standing.state,
            reason,
        )
    console.print(table)
    complete = sum(standing.cycle == "PASS" for standing in standings)
    console.print(f"{complete} of {len(standings)} engagements have completed a reconciliation cycle.")


def find_differences(expected: list[dict[str, Any]], standings: list[Standing]) -> list[str]:
    """Return, in words, where the outcome is not what the scenario expects; every expected engagement counts."""
    by_name = {standing.engagement.name: standing for standing in standings}
    differences = []
    for entry in expected:
        standing = by_name.get(entry["engagement"])
        if standing is None:
            differences.append(f"{entry['engagement']}: not there")
            continue
        verdicts = {str(line.week): line.verdict for line in standing.weeks}
        differences += [
            f"{entry['engagement']} {week}: {verdicts.get(week, 'no verdict')} instead of {verdict}"
            for week, verdict in entry["weeks"].items()
            if verdicts.get(week) != verdict
        ]
        found = {"cycle": standing.cycle, "state": standing.state}
        differences += [
            f"{entry['engagement']} {name}: {found[name]} instead of {entry[name]}"
            for name in ("cycle", "state")
            if entry.get(name) and found[name] != entry[name]
        ]
        wanted = entry.get("reason_contains", "")
        if wanted and wanted not in " ".join((*standing.reasons, standing.cycle_reason)):
            differences.append(f"{entry['engagement']}: no reason contains {wanted!r}")
    return differences


def _coloured(verdict: str) -> str:
    colour = COLOURS.get(verdict)
    return f"[{colour}]{verdict}[/]" if colour else verdict
