"""A table of connections to make, as people keep it: a CSV file of instances, client ids, secrets and scopes. Pure.

Nothing is taken from a file in which anything is wrong, and no message shows a secret.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hypercare.errors import ConfigurationError
from hypercare.systems.coupa import CoupaConnection, refuse_test_address
from hypercare.systems.salesforce_engagements import INSTANCE

COLUMNS = ("instance", "host", "client id", "secret", "scopes")
HOST_NAME = re.compile(r"(?=.{4,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{1,63}")
READ_SCOPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.read")


@dataclass(frozen=True)
class NewConnection:
    """One row of the file that is right in every cell."""

    row: int
    """In the file, the header being row 1."""
    instance: str
    address: str
    """With its scheme: `https://acme.coupahost.com`."""
    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]

    def to_airflow(self) -> dict[str, Any]:
        """Return the connection as Airflow's import file has it."""
        address = urlsplit(self.address)
        extra = {"scopes": " ".join(self.scopes)} | ({"path": address.path} if address.path else {})
        return {
            "conn_type": "http",
            "description": f"Coupa instance {self.instance}, read only, for hypercare",
            "schema": address.scheme,
            "host": address.hostname,
            "port": address.port,
            "login": self.client_id,
            "password": self.secret,
            "extra": json.dumps(extra),
        }


def read_connection_file(text: str, *, allow_test_instances: bool = False) -> list[NewConnection]:
    """Return the connections of a CSV file (commas or semicolons; the columns of `COLUMNS`, in any order).

    Raises ConfigurationError with every problem of the file, each with its row and column.
    """
    header, *rows = _read_rows(text) or [[]]
    places, problems = _read_header(header)
    found: list[NewConnection] = []
    if not problems:
        for number, cells in enumerate(rows, start=2):
            if any(cells):
                values = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
                faults = list(_find_faults(values, allow_test_instances))
                problems += [f"row {number}, column {column}: {words}" for column, words in faults]
                if len(cells) > len(header):
                    problems.append(f"row {number}: has {len(cells)} cells, the header {len(header)}; quote the scopes")
                if not faults:
                    found.append(_make(number, values))
        problems += _find_repetitions(found)
        if not found and not problems:
            problems = ["the file names no connection"]
    if problems:
        refuse(problems)
    return found


def refuse(problems: Sequence[str]) -> None:
    """Raise ConfigurationError with a file's problems as one list."""
    numbered = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
    msg = f"nothing was imported, since the file has {len(problems)} problems:\n{numbered}"
    raise ConfigurationError(msg)


def _read_rows(text: str) -> list[list[str]]:
    first = text.lstrip("\ufeff").partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    read = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=separator, strict=True)
    try:
        return [[cell.strip() for cell in row] for row in read]
    except csv.Error as error:
        msg = f"nothing was imported: row {read.line_num} is no CSV ({error})"
        raise ConfigurationError(msg) from error


def _read_header(header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    names = [" ".join(re.split(r"[\s_-]+", cell.casefold())) for cell in header]
    problems = [f"row 1: there is no column {name}" for name in COLUMNS if name not in names]
    problems += [f"row 1: the column {name!r} is not known" for name in names if name not in COLUMNS]
    problems += [f"row 1: the column {name} stands twice" for name in COLUMNS if names.count(name) > 1]
    return {name: names.index(name) for name in COLUMNS if name in names}, problems


def _find_faults(values: Mapping[str, str], allow_test_instances: bool) -> Iterator[tuple[str, str]]:
    for column in COLUMNS:
        if not values[column]:
            yield column, "is empty"
    instance, host = values["instance"], values["host"]
    if instance and not INSTANCE.fullmatch(instance):
        yield "instance", f"{instance!r} is no name of an instance: letters, digits, '.', '_' and '-' only"
    words = _find_host_fault(instance, host, allow_test_instances) if host else ""
    if words:
        yield "host", words
    unfit = [scope for scope in _split_scopes(values["scopes"]) if not READ_SCOPE.fullmatch(scope)]
    if unfit:
        yield "scopes", f"{', '.join(unfit)}: not a read scope such as core.invoice.read; customers are only read"


def _find_host_fault(instance: str, host: str, allow_test_instances: bool) -> str:
    address = _address_of(host)
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return f"{host!r} is no address"
    if parts.scheme != "https" and not (allow_test_instances and parts.scheme == "http"):
        return f"{host!r} must be reached by https"
    if not HOST_NAME.fullmatch(parts.hostname or "") or parts.query or parts.username:
        return f"{host!r} is no host name such as acme.coupahost.com"
    try:
        if not allow_test_instances:
            refuse_test_address(CoupaConnection(instance, address, "", "", ()))
    except ConfigurationError as error:
        return str(error)
    return ""


def _find_repetitions(found: Sequence[NewConnection]) -> list[str]:
    first: dict[str, int] = {}
    return [
        f"row {each.row}, column instance: {each.instance} stands in row {first[each.instance.lower()]} already"
        for each in found
        if first.setdefault(each.instance.lower(), each.row) != each.row
    ]


def _make(number: int, values: Mapping[str, str]) -> NewConnection:
    return NewConnection(
        row=number,
        instance=values["instance"],
        address=_address_of(values["host"]),
        client_id=values["client id"],
        secret=values["secret"],
        scopes=tuple(dict.fromkeys(_split_scopes(values["scopes"]))),
    )


def _address_of(host: str) -> str:
    return (host if "://" in host else f"https://{host}").rstrip("/")


def _split_scopes(text: str) -> list[str]:
    return re.split(r"[\s,;]+", text) if text else []
