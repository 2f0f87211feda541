"""`hypercare connect`: asking a customer for access, making the connections, and trying them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypercare.commands.console import AsJson, console, fail, load_airflow, open_migrated_runtime, show
from hypercare.connecting.access_mail import write_access_mail
from hypercare.connecting.connection_file import NewConnection, read_connection_file, refuse
from hypercare.connecting.feed_access import Light, check_instances
from hypercare.connecting.scopes import find_purposes, imagine_engagement, list_needed_feeds, list_scopes
from hypercare.errors import HypercareError
from hypercare.ledger.roster import read_engagements
from hypercare.metric_definitions import load_metrics
from hypercare.model import Engagement
from hypercare.reconciliation_checks import load_checks
from hypercare.runtime import Runtime
from hypercare.settings import load_settings
from hypercare.systems.airflow_command import import_connections, list_connection_ids

NO_PRODUCT = "core"
"""Written for a customer that bought none of the products with feeds of their own."""

connect = typer.Typer(no_args_is_help=True, help="Connect customers' Coupa instances.")


@connect.command()
def mail(
    whom: Annotated[str, typer.Argument(help="An engagement by name or ICM id; or products, separated by commas.")],
) -> None:
    """Print a mail that asks a customer's Coupa admin for the scopes that policy and products need."""
    with open_migrated_runtime() as runtime:
        engagement = _find_or_imagine(runtime, whom)
        sql = runtime.settings.include_folder / "sql"
        purposes = find_purposes(load_metrics(sql / "metrics"), load_checks(sql / "reconciliation"))
        needs = list_scopes(list_needed_feeds([engagement], runtime.contracts, runtime.policy), purposes)
    console.print(
        write_access_mail(needs, engagement.name, engagement.instances), markup=False, highlight=False, soft_wrap=True
    )


@connect.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with the columns instance, host, client id, secret, scopes.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace connections that are there already.")] = False,
) -> None:
    """Create Airflow connections from a CSV file; a file with any problem is refused whole."""
    settings = load_settings()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} can't be read as UTF-8 text: {error}")
    try:
        rows = read_connection_file(text, allow_test_instances=settings.allow_test_instances)
        ids = {f"{settings.coupa_connection_prefix}{each.instance}": each for each in rows}
        if not replace:
            _refuse_existing(ids)
        written = import_connections({conn_id: each.to_airflow() for conn_id, each in ids.items()})
    except HypercareError as error:
        fail(str(error))
    for conn_id in ids:
        console.print(f"{conn_id}: {'imported' if conn_id in written else 'Airflow did not take it'}", markup=False)
    if len(written) < len(ids):
        raise typer.Exit(1)


@connect.command()
def check(
    instances: Annotated[list[str] | None, typer.Argument(help="Default: those of every engagement.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for one record of every feed, and show what is granted; ends with 1 where a week can't be judged."""
    load_airflow()
    with open_migrated_runtime() as runtime:
        found = check_instances(runtime, instances or (), read_engagements(runtime.engine))
    if not found:
        fail("no engagement is known yet: name the instances to check")
    rows = [
        {
            "light": each.light,
            "instance": each.instance,
            "feed": each.feed,
            "required": each.required,
            "access": each.access,
            "scope": each.scope,
            "what to do": each.words,
        }
        for each in found
    ]
    show("Access", rows, as_json=as_json, colour_by="light")
    if any(each.light is Light.RED for each in found):
        raise typer.Exit(1)


def _find_or_imagine(runtime: Runtime, whom: str) -> Engagement:
    for engagement in read_engagements(runtime.engine):
        if whom in (engagement.id, engagement.name):
            return engagement
    known = {product.casefold(): product for each in runtime.contracts.values() for product in each.products}
    asked = [part.strip().casefold() for part in whom.split(",")]
    if set(asked) - {*known, NO_PRODUCT}:
        fail(
            f"{whom!r} is no engagement in hypercare and no product with feeds of its own; these are "
            f"{', '.join(known.values())}, and {NO_PRODUCT!r} stands for none of them"
        )
    return imagine_engagement({known[name] for name in asked if name in known})


def _refuse_existing(ids: dict[str, NewConnection]) -> None:
    there = list_connection_ids()
    problems = [
        f"row {each.row}, column instance: there is a connection {conn_id} already; take the row out, or use --replace"
        for conn_id, each in ids.items()
        if conn_id in there
    ]
    if problems:
        refuse(problems)
