"""A CSV of connections: read right, or refused whole with every problem by row and column."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.connecting.connection_file import COLUMNS, NewConnection, read_connection_file
from hypercare.errors import ConfigurationError

HEADER = "instance,host,client_id,secret,scopes\n"
ACME = "acme,acme.coupahost.com,id-1,s3cr3t-1,core.invoice.read core.user.read\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_connection_file(text)
    assert "s3cr3t" not in str(refused.value)
    return str(refused.value).splitlines()


def test_a_row_becomes_a_connection_as_airflow_imports_it() -> None:
    (found,) = read_connection_file(HEADER + ACME)
    assert found.scopes == ("core.invoice.read", "core.user.read")
    written = found.to_airflow()
    assert json.loads(written.pop("extra")) == {"scopes": "core.invoice.read core.user.read"}
    assert {name: written[name] for name in ("conn_type", "schema", "host", "port", "login", "password")} == {
        "conn_type": "http", "schema": "https", "host": "acme.coupahost.com", "port": None,
        "login": "id-1", "password": "s3cr3t-1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + ACME,
        (HEADER + ACME).replace(",", ";"),
        (HEADER + ACME).replace("\n", "\r\n"),
        HEADER + "\n,,,,\n" + ACME + "\n",
        "Scopes,SECRET,Client ID,Host,Instance\ncore.invoice.read core.user.read,s3cr3t-1,id-1,acme.coupahost.com,acme",
        HEADER + 'acme,https://acme.coupahost.com/,id-1, s3cr3t-1 ,"core.invoice.read, core.user.read"\n',
    ],
)
def test_files_as_people_save_them(text: str) -> None:
    (found,) = read_connection_file(text)
    assert (found.instance, found.address, found.secret) == ("acme", "https://acme.coupahost.com", "s3cr3t-1")
    assert found.scopes == ("core.invoice.read", "core.user.read")


def test_every_problem_is_told_by_row_and_column_in_one_list() -> None:
    text = (
        HEADER
        + ACME
        + (
            ",borealis.coupahost.com,id,s3cr3t,core.invoice.read\n"
            "a b,no host,id,s3cr3t,core.invoice.write openid\n"
            "cascadia,http://cascadia.coupahost.com,id,s3cr3t,core.user.read\n"
            "dunmore,dunmore-test.coupahost.com,id,,core.user.read\n"
            "ACME,acme.coupahost.com,id,s3cr3t,core.user.read\n"
            "eastgate,eastgate.coupahost.com,id,s3cr3t,core.user.read,core.invoice.read\n"
        )
    )
    first, *found = problems(text)
    assert "has 9 problems" in first
    expected = [
        "row 3, column instance: is empty",
        "row 4, column instance: 'a b' is no name",
        "row 4, column host: 'no host' is no host name",
        "row 4, column scopes: core.invoice.write, openid: not a read scope",
        "row 5, column host: 'http://cascadia.coupahost.com' must be reached by https",
        "row 6, column secret: is empty",
        "row 6, column host: instance dunmore: https://dunmore-test.coupahost.com looks like a test instance (-test)",
        "row 8: has 6 cells, the header 5; quote the scopes",
        "row 7, column instance: ACME stands in row 2 already",
    ]
    for words in expected:
        assert any(words in line for line in found), words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no column instance"),
        (HEADER, "the file names no connection"),
        ("instance,host,client id,scopes\n" + ACME, "row 1: there is no column secret"),
        ("instance,host,client id,secret,scopes,owner\n" + ACME, "the column 'owner' is not known"),
        ("instance,host,client id,secret,scopes,Secret\n" + ACME, "the column secret stands twice"),
        (HEADER + 'acme,"acme', "row 2 is no CSV"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(text: str, words: str) -> None:
    assert any(words in line for line in problems(text))


def test_test_instances_are_taken_where_they_are_allowed() -> None:
    text = HEADER + "acme,http://127.0.0.1:8080/coupa/acme,id,s3cr3t,core.user.read\n"
    (found,) = read_connection_file(text, allow_test_instances=True)
    written = found.to_airflow()
    assert (written["schema"], written["host"], written["port"]) == ("http", "127.0.0.1", 8080)
    assert json.loads(written["extra"])["path"] == "/coupa/acme"


def test_a_secret_is_not_shown_by_its_record() -> None:
    assert "s3cr3t" not in repr(NewConnection(2, "acme", "https://acme.example.com", "id", "s3cr3t", ()))


@given(st.lists(st.lists(st.text(max_size=12), max_size=7), max_size=6))
def test_whatever_stands_in_the_cells_is_taken_or_refused(rows: list[list[str]]) -> None:
    import csv
    import io

    file = io.StringIO()
    csv.writer(file).writerows([list(COLUMNS), *rows])
    try:
        found = read_connection_file(file.getvalue())
    except ConfigurationError:
        return
    assert found
    assert all(each.instance and each.secret and each.scopes for each in found)
