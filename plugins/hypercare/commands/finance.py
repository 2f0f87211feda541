"""`hypercare finance`: the finance evidence of an engagement as one workbook."""

from __future__ import annotations

from typing import Annotated

import typer

from hypercare.commands.console import console, fail, open_migrated_runtime
from hypercare.errors import HypercareError
from hypercare.ledger.roster import find_engagement
from hypercare.weeks import Week


def finance(
    engagement: Annotated[str, typer.Argument(help="Name or ICM id.")],
    to: Annotated[str, typer.Option(help="The file to make: a path or URL (s3://…) that ends in .xlsx.")],
    week: Annotated[str | None, typer.Option(help="Only this ISO week, such as 2026-W46.")] = None,
    cycle: Annotated[bool, typer.Option("--cycle", help="The weeks of the cycle: the default.")] = False,
) -> None:
    """Write what finance signs: roll-forward, exceptions, bank matches and digests, of frozen evidence only."""
    from hypercare.finance.export import export_evidence

    if week and cycle:
        fail("ask for one week or for the cycle, not for both")
    try:
        chosen = Week.parse(week) if week else None
        with open_migrated_runtime() as runtime:
            made = export_evidence(runtime.engine, find_engagement(runtime.engine, engagement), to, chosen)
    except ValueError as error:
        fail(str(error))
    except HypercareError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    done = "made" if made.is_new else "stands there already, the same"
    weeks = ", ".join(map(str, made.weeks))
    console.print(f"{made.address}: {done}; {weeks}; sha256 {made.sha256}", markup=False, soft_wrap=True)
