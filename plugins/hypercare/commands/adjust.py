"""`hypercare adjust`: what an adjustment would change, and recording it without Airflow."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hypercare.adjustment_effects import tell_effect
from hypercare.adjustments import Kind, list_fields
from hypercare.commands.console import console, failing_by_words, open_migrated_runtime
from hypercare.errors import ConfigurationError
from hypercare.ledger.adjustments import Confirmation
from hypercare.runtime import Runtime

LISTS = ("criteria", "risks")
FIELDS = "; ".join(f"{kind}: {', '.join(list_fields(kind))}" for kind in Kind)


def adjust(
    engagement: Annotated[str, typer.Argument(help="Name or ICM id.")],
    kind: Annotated[Kind, typer.Argument(help="What is to be recorded.")],
    entries: Annotated[list[str], typer.Argument(help=f"What it says, as name=value; lists by repeating. {FIELDS}.")],
    as_of: Annotated[str | None, typer.Option(help="Judge as of this instant; default: now.")] = None,
    requested_by: Annotated[str, typer.Option(help="Who asks; default: your login.")] = "",
    confirmed_by: Annotated[str, typer.Option(help="Record it: who has confirmed what is shown.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the effect only.")] = False,
) -> None:
    """Show what an adjustment changes for weeks, cycle and gate; record it where --confirmed-by names who confirmed."""
    with failing_by_words():
        form = {**_read_entries(entries), "engagement": engagement, "kind": kind.value, "as_of": as_of}
        with open_migrated_runtime() as runtime:
            _adjust(runtime, form, requested_by or getpass.getuser(), "" if dry_run else confirmed_by)


def _read_entries(entries: list[str]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if not separator or (name in form and name not in LISTS):
            msg = f"{entry!r}: write each entry once, as name=value"
            raise ConfigurationError(msg)
        form[name] = [*form.get(name, []), value] if name in LISTS else value
    return form


def _adjust(runtime: Runtime, form: dict[str, Any], requested_by: str, confirmed_by: str) -> None:
    from hypercare.weekly.adjust import find_effect, judge_adjusted, read_request, record
    from hypercare.weekly.approvers import APPROVE

    now = datetime.now(UTC)
    request = read_request(runtime, form, now, requested_by)
    shown = tell_effect(request.adjustment, find_effect(runtime, request))
    console.print(shown, markup=False, soft_wrap=True)
    if not confirmed_by:
        console.print("nothing is recorded", style="yellow")
        return
    record(runtime, request, Confirmation(APPROVE, confirmed_by, now, shown))
    console.print(f"recorded; {judge_adjusted(runtime, request)} decisions", style="green")
