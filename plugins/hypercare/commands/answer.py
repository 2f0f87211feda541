"""`hypercare answer`: answering an item of the exit checklist without Airflow."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from hypercare.commands.console import console, failing_by_words, open_migrated_runtime


def answer(
    engagement: Annotated[str, typer.Argument(help="Name or ICM id.")],
    item: Annotated[str, typer.Argument(help="Of the exit checklist, such as CP-1.")],
    told: Annotated[str, typer.Argument(metavar="ANSWER", help="Yes, No or Not applicable.")],
    role: Annotated[str, typer.Option(help="In whose role; the exit policy says who may answer.")],
    answered_by: Annotated[str, typer.Option(help="Default: who asks.")] = "",
    answered_on: Annotated[str, typer.Option(help="Default: today.")] = "",
    customer_contact: Annotated[str, typer.Option(help="CR-1: who of the customer said so.")] = "",
    evidence: Annotated[str, typer.Option(help="What shows it; needed on behalf of somebody.")] = "",
    as_of: Annotated[str | None, typer.Option(help="Record and judge as of this instant; default: now.")] = None,
    requested_by: Annotated[str, typer.Option(help="Who asks; default: your login.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it comes to only.")] = False,
) -> None:
    """Answer one item of the exit checklist, and judge the engagement on it; refused before the cycle is complete."""
    from hypercare.weekly.answer_item import check_answer, judge_answered, read_request, record_answer

    form = {
        "engagement": engagement,
        "item": item,
        "answer": told,
        "role": role,
        "answered_by": answered_by,
        "answered_on": answered_on,
        "customer_contact": customer_contact,
        "evidence": evidence,
        "as_of": as_of,
    }
    with failing_by_words(), open_migrated_runtime() as runtime:
        request = read_request(runtime, form, datetime.now(UTC), requested_by or getpass.getuser())
        console.print(check_answer(runtime, request), markup=False, soft_wrap=True)
        if dry_run:
            console.print("nothing is recorded", style="yellow")
            return
        is_new = record_answer(runtime, request)
        decisions = judge_answered(runtime, request)
        console.print(f"{'recorded' if is_new else 'it was recorded before'}; {decisions} decisions", style="green")
