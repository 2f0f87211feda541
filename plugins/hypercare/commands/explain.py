"""`hypercare explain`: what explaining an exception would do, and recording it without Airflow."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hypercare.commands.console import console, failing_by_words, open_migrated_runtime
from hypercare.ledger.adjustments import Confirmation
from hypercare.runtime import Runtime


def explain(
    engagement: Annotated[str, typer.Argument(help="Name or ICM id.")],
    check: Annotated[str, typer.Argument(help="As `hypercare exceptions` names it.")],
    row: Annotated[str, typer.Argument(help="The exception's key there, such as payment:776.")],
    reason_code: Annotated[str, typer.Option(help="One of the exit policy's.")],
    explanation: Annotated[str, typer.Option(help="In words that the customer's finance understands.")],
    ticket: Annotated[str, typer.Option(help="Case number, or the key of a Jira issue.")] = "",
    explained_by: Annotated[str, typer.Option(help="Default: who asks.")] = "",
    explained_on: Annotated[str, typer.Option(help="Default: today.")] = "",
    accepted_by: Annotated[
        str, typer.Option(help="A second person or the finance contact; default: who confirms.")
    ] = "",
    accepted_on: Annotated[str, typer.Option(help="Default: today.")] = "",
    evidence: Annotated[str, typer.Option(help="Mail, ticket or minutes, where somebody else said so.")] = "",
    as_of: Annotated[str | None, typer.Option(help="Record as of this instant; default: now.")] = None,
    requested_by: Annotated[str, typer.Option(help="Who asks; default: your login.")] = "",
    confirmed_by: Annotated[str, typer.Option(help="Record it: who has accepted or confirmed what is shown.")] = "",
) -> None:
    """Show an exception and what explaining it does; record it where --confirmed-by names a second person."""
    form = {
        "engagement": engagement,
        "check": check,
        "row": row,
        "reason_code": reason_code,
        "explanation": explanation,
        "ticket": ticket,
        "explained_by": explained_by,
        "explained_on": explained_on,
        "accepted_by": accepted_by,
        "accepted_on": accepted_on,
        "evidence": evidence,
        "as_of": as_of,
    }
    with failing_by_words(), open_migrated_runtime() as runtime:
        _explain(runtime, form, requested_by or getpass.getuser(), confirmed_by)


def _explain(runtime: Runtime, form: dict[str, Any], requested_by: str, confirmed_by: str) -> None:
    from hypercare.weekly.approvers import APPROVE
    from hypercare.weekly.explain import read_request, record, tell_request

    now = datetime.now(UTC)
    request = read_request(runtime, form, now, requested_by)
    shown = tell_request(runtime, request)
    console.print(shown, markup=False, soft_wrap=True)
    if not confirmed_by:
        console.print("nothing is recorded", style="yellow")
        return
    is_new = record(runtime, request, Confirmation(APPROVE, confirmed_by, now, shown))
    console.print("recorded; the next run weighs it" if is_new else "it was recorded before", style="green")
