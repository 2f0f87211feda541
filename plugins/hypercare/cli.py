"""The command line: runs without Airflow what its tasks run, and shows what the ledger holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, select

from hypercare.commands.acknowledge import acknowledge
from hypercare.commands.adjust import adjust
from hypercare.commands.answer import answer
from hypercare.commands.connect import connect
from hypercare.commands.console import AsJson, console, fail, find_engagement, show
from hypercare.commands.doctor import doctor
from hypercare.commands.explain import explain
from hypercare.commands.finance import finance
from hypercare.commands.verify_ledger import verify_ledger
from hypercare.errors import HypercareError
from hypercare.ledger import tables
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.database import migrate
from hypercare.ledger.evidence import RevisionKey
from hypercare.runtime import Runtime, open_runtime
from hypercare.verdicts import read_standings
from hypercare.weekly.request import RunRequest, parse_request
from hypercare.weekly.work import Batch
from hypercare.weeks import Week

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(connect, name="connect")
app.command()(acknowledge)
app.command()(adjust)
app.command()(answer)
app.command()(explain)
app.command()(doctor)
app.command()(finance)
app.command(name="verify-ledger")(verify_ledger)

AsOf = Annotated[str | None, typer.Option(help="Judge what is due at this instant; default: now.")]
WeekOption = Annotated[str | None, typer.Option(help="Only this ISO week, such as 2026-W46.")]
Engagements = Annotated[list[str] | None, typer.Option("--engagement", help="Name or ICM id; may be repeated.")]
Restate = Annotated[str, typer.Option(help="Compute the week again although it stands: the reason.")]


def _run_step(step: Callable[[Runtime, RunRequest], Iterable[str]], request: RunRequest) -> None:
    try:
        with open_runtime() as runtime:
            migrate(runtime.engine.url.render_as_string(hide_password=False))
            lines = list(step(runtime, request))
    except HypercareError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from error
    for line in lines or ["nothing is due"]:
        console.print(line)


def _request(as_of: str | None, week: str | None, engagements: list[str] | None, restate: str = "") -> RunRequest:
    params = {"as_of": as_of, "week": week, "engagements": engagements, "restate": restate}
    try:
        return parse_request(params, datetime.now(UTC))
    except HypercareError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(2) from error


def _each_batch(runtime: Runtime, request: RunRequest, handle: Callable[[Batch], Sequence[Any]]) -> Iterable[str]:
    from hypercare.weekly.discover import plan_work

    for batch in plan_work(runtime, request):
        for found in handle(batch) or [f"{batch.label}: done"]:
            yield str(found)


@app.command()
def pull(as_of: AsOf = None, week: WeekOption = None, engagement: Engagements = None, restate: Restate = "") -> None:
    """Read the engagements from Salesforce and pull every feed that is due."""
    from hypercare.weekly.discover import discover_work
    from hypercare.weekly.pull import pull_batch

    def step(runtime: Runtime, request: RunRequest) -> Iterable[str]:
        for batch in discover_work(runtime, request):
            faults = pull_batch(runtime, batch, request.as_of)
            yield from [f"{fault.subject} {fault.feed}: {fault.words}" for fault in faults] or [
                f"{batch.label}: pulled"
            ]

    _run_step(step, _request(as_of, week, engagement, restate))


@app.command()
def validate(
    as_of: AsOf = None, week: WeekOption = None, engagement: Engagements = None, restate: Restate = ""
) -> None:
    """Validate what was pulled."""
    from hypercare.weekly.validate import validate_feeds_of_batch

    _run_step(
        lambda runtime, request: _each_batch(
            runtime, request, lambda batch: validate_feeds_of_batch(runtime, batch, request.as_of)
        ),
        _request(as_of, week, engagement, restate),
    )


@app.command()
def measure(as_of: AsOf = None, week: WeekOption = None, engagement: Engagements = None, restate: Restate = "") -> None:
    """Compute the adoption metrics of every due week."""
    from hypercare.weekly.measure import measure_batch

    _run_step(
        lambda runtime, request: _each_batch(
            runtime, request, lambda batch: measure_batch(runtime, batch, request.as_of, request.restate)
        ),
        _request(as_of, week, engagement, restate),
    )


@app.command()
def reconcile(
    as_of: AsOf = None, week: WeekOption = None, engagement: Engagements = None, restate: Restate = ""
) -> None:
    """Reconcile every due week and freeze its evidence."""
    from hypercare.weekly.reconcile import reconcile_batch

    _run_step(
        lambda runtime, request: _each_batch(
            runtime, request, lambda batch: reconcile_batch(runtime, batch, request.as_of, request.restate)
        ),
        _request(as_of, week, engagement, restate),
    )


@app.command()
def judge(as_of: AsOf = None) -> None:
    """Judge every engagement whose evidence the run of that instant changed."""
    from hypercare.weekly.judge import judge_all

    _run_step(
        lambda runtime, request: [f"{judge_all(runtime, request.as_of)} decisions recorded"],
        _request(as_of, None, None),
    )


@app.command()
def workbooks(as_of: AsOf = None) -> None:
    """Read every engagement's hypercare workbook, and write our answers beside it."""
    from hypercare.weekly.answering import answer_workbooks
    from hypercare.weekly.workbooks import read_workbooks

    def step(runtime: Runtime, request: RunRequest) -> Iterable[str]:
        faults = [*read_workbooks(runtime, request.as_of), *answer_workbooks(runtime, request.as_of)]
        return [f"{', '.join(fault.engagements)}: {fault.words}" for fault in faults] or ["read and answered"]

    _run_step(step, _request(as_of, None, None))


@app.command(name="new-workbook")
def new_workbook(engagement: str) -> None:
    """Make an engagement's hypercare workbook from the template, under the name in its ICM record."""
    from hypercare.weekly.answering import create_workbook

    def step(runtime: Runtime, _request: RunRequest) -> Iterable[str]:
        return [f"{create_workbook(runtime, find_engagement(runtime, engagement))} is made"]

    _run_step(step, _request(None, None, None))


@app.command(name="migrate")
def migrate_ledger() -> None:
    """Bring the ledger's database to this release's tables."""
    with open_runtime() as runtime:
        migrate(runtime.engine.url.render_as_string(hide_password=False))
    console.print("the ledger is up to date")


@app.command()
def verdicts(as_json: AsJson = False) -> None:
    """Show every engagement: weeks, cycle, gate, reasons."""
    with open_runtime() as runtime:
        standings = read_standings(runtime.engine)
    weeks = sorted({line.week for standing in standings for line in standing.weeks})
    rows = [
        {
            "engagement": standing.engagement.name,
            **{str(week): standing.verdict_of(week) for week in weeks},
            # In a table the mark stands at the verdict itself.
            **(
                {"reconstructed": list(map(str, standing.reconstructed))}
                if as_json
                else {str(week): f"{standing.verdict_of(week)}, reconstructed" for week in standing.reconstructed}
            ),
            "cycle": standing.cycle,
            "gate": standing.state,
            "reason": standing.reasons[0] if standing.reasons else "",
        }
        for standing in standings
    ]
    show("Verdicts", rows, as_json=as_json)


@app.command()
def metrics(engagement: str, week: WeekOption = None, as_json: AsJson = False) -> None:
    """Show the adoption metrics of an engagement's week (default: its latest)."""
    columns = ["metric", "dimension", "span", "verdict", "value", "n", "waiting", "reason"]
    _show_of_week(tables.metrics, engagement, week, columns, as_json=as_json)


@app.command()
def checks(engagement: str, week: WeekOption = None, as_json: AsJson = False) -> None:
    """Show the reconciliation checks of an engagement's week (default: its latest)."""
    columns = ["check", "verdict", "required", "rows", "exceptions", "value", "exception_value", "reason"]
    _show_of_week(tables.checks, engagement, week, columns, as_json=as_json)


@app.command()
def exceptions(engagement: str, week: WeekOption = None, as_json: AsJson = False) -> None:
    """Show the exceptions of an engagement's week (default: its latest)."""
    columns = ["check", "key", "state", "amount", "currency", "words", "resolved_on"]
    _show_of_week(tables.exceptions, engagement, week, columns, as_json=as_json)


@app.command()
def digest(as_json: AsJson = False) -> None:
    """Print a digest of what ledger and lake hold, free of clock times and paths."""
    with open_runtime() as runtime:
        found = digest_contents(runtime.engine, runtime.lake)
    show("Contents", [{"part": name, "sha256": value} for name, value in found.items()], as_json=as_json)


def _show_of_week(
    table: Any,  # noqa: ANN401 - a table of the ledger
    engagement: str,
    week: str | None,
    columns: list[str],
    *,
    as_json: bool,
) -> None:
    """Show these columns of a week's latest revision; as JSON all of them."""
    with open_runtime() as runtime, runtime.engine.connect() as connection:
        key = _find_revision(connection, find_engagement(runtime, engagement).id, week)
        if key is None:
            fail(f"{engagement}: no evidence of {week or 'any week'} yet")
        found = connection.execute(select(table).where(key.matches(table)).order_by(*table.primary_key.columns))
        rows = [dict(row._mapping) for row in found]
    shown = rows if as_json else [{name: row[name] for name in columns} for row in rows]
    show(f"{engagement}, {key.week} revision {key.revision}", shown, as_json=as_json)


def _find_revision(connection: Connection, engagement: str, week: str | None) -> RevisionKey | None:
    revisions = tables.week_revisions
    query = select(revisions.c.week, revisions.c.revision).where(
        revisions.c.engagement == engagement, revisions.c.sealed
    )
    query = query.where(revisions.c.week == week) if week else query
    row = connection.execute(query.order_by(revisions.c.week.desc(), revisions.c.revision.desc()).limit(1)).first()
    return None if row is None else RevisionKey(engagement, Week.parse(row.week), row.revision)


@app.callback()
def main(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is being done.")] = False) -> None:
    """Bring newly live customers safely out of hypercare."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(message)s")
