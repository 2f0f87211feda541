"""`hypercare doctor`: what is wrong with a set-up, and what to do."""

from __future__ import annotations

import typer

from hypercare.commands.console import AsJson, fail, load_airflow, show
from hypercare.connecting.feed_access import Light
from hypercare.doctor.findings import list_findings
from hypercare.doctor.gathering import gather_facts
from hypercare.errors import HypercareError
from hypercare.runtime import open_runtime


def doctor(as_json: AsJson = False) -> None:
    """Check the whole set-up, worst first; ends with 1 where anything is red."""
    load_airflow()
    try:
        with open_runtime() as runtime:
            findings = list_findings(gather_facts(runtime))
    except HypercareError as error:
        fail(str(error))
    rows = [
        {"light": each.light, "about": each.about, "finding": each.words, "what to do": each.advice}
        for each in findings
    ]
    show("Doctor", rows, as_json=as_json, colour_by="light")
    if any(each.light is Light.RED for each in findings):
        raise typer.Exit(1)
