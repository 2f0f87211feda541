"""`hypercare acknowledge`: a fault is known, until a day (rule R23)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from hypercare.commands.console import console, fail, open_migrated_runtime
from hypercare.errors import HypercareError
from hypercare.ledger.acknowledgements import acknowledge_faults, read_acknowledgement
from hypercare.ledger.faults import say_fault


def acknowledge(
    subject: Annotated[str, typer.Argument(help="The instance, or the engagement by name or ICM id.")],
    until: Annotated[str, typer.Option(help="The last day on which runs stay green, such as 2026-11-30.")],
    reason: Annotated[str, typer.Option(help="Why it may stay as it is until then.")],
    who: Annotated[str, typer.Option(help="Who says so.")],
    feed: Annotated[str, typer.Option(help="Only faults of this feed.")] = "",
    cause: Annotated[str, typer.Option(help="Only faults of this cause, such as refused.")] = "",
) -> None:
    """Say that a subject's open faults are known until a day: runs stay green for them, with a note."""
    answers = {"subject": subject, "until": until, "reason": reason, "who": who, "feed": feed, "cause": cause}
    try:
        with open_migrated_runtime() as runtime:
            said = read_acknowledgement(answers)
            found = acknowledge_faults(runtime.engine, said, datetime.now(UTC))
    except HypercareError as error:
        fail(str(error))
    for fault in found:
        console.print(f"known until {said.until}: {say_fault(fault)}", markup=False)
