"""What a play came to: the table of engagements and weeks, and whether it is what the world says it must be."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from hypercare.verdicts import Standing, WeekLine
from launch.decisions import PlayedDecision
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
        table.add_row(run.label, run.state, run.expected, _mark(as_expected=run.is_as_expected))
    console.print(table)


def show_decisions(console: Console, decisions: list[PlayedDecision]) -> None:
    """Print what people decided between the runs, and who."""
    if not decisions:
        return
    table = Table(title="Decisions", title_justify="left")
    for name in ("after", "decision", "asked by", "confirmed by", "state", ""):
        table.add_column(name)
    for each in decisions:
        mark = _mark(as_expected=each.is_as_expected)
        table.add_row(each.after_run, each.label, each.asked_by, each.confirmed_by, each.state, mark)
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
    table.add_column("evidence")
    table.add_column("first reason", overflow="fold", ratio=1)
    for standing in standings:
        verdicts = {line.week: _show_week(line, standing) for line in standing.weeks}
        reason = standing.reasons[0] if standing.reasons else "not judged"
        table.add_row(
            standing.engagement.name,
            *(verdicts.get(week, "-") for week in weeks),
            _coloured(standing.cycle),
            standing.state,
            standing.evidence,
            reason,
        )
    console.print(table)
    complete = sum(standing.cycle == "PASS" for standing in standings)
    if any(_is_set_apart(line, standing) for standing in standings for line in standing.weeks):
        console.print("In brackets: a week that was paused, or lies before the go-live.")
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
        found = {"cycle": standing.cycle, "state": standing.state, "evidence": standing.evidence}
        differences += [
            f"{entry['engagement']} {name}: {found[name]} instead of {entry[name]}"
            for name in found
            if entry.get(name) and found[name] != entry[name]
        ]
        wanted = entry.get("reason_contains", "")
        if wanted and wanted not in " ".join((*standing.reasons, standing.cycle_reason)):
            differences.append(f"{entry['engagement']}: no reason contains {wanted!r}")
    return differences


def _show_week(line: WeekLine, standing: Standing) -> str:
    shown = _coloured(line.verdict)
    return f"({shown})" if _is_set_apart(line, standing) else shown


def _is_set_apart(line: WeekLine, standing: Standing) -> bool:
    """Return whether a verdict alone would mislead: the cycle looks at the week otherwise, or not at all."""
    return line.paused or line.week.monday < standing.engagement.go_live


def _mark(*, as_expected: bool) -> str:
    return "[green]as it must[/]" if as_expected else "[red]NOT as it must[/]"


def _coloured(verdict: str) -> str:
    colour = COLOURS.get(verdict)
    return f"[{colour}]{verdict}[/]" if colour else verdict
