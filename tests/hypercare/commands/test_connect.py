"""`hypercare connect`, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.roster import record_engagements
from tests.hypercare.commands.shell import say, say_json, shell
from tests.hypercare.coupa_stand_in import SCOPES, stand_in
from tests.hypercare.weekly.test_work import make_engagement

MONDAY = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, ledger_url: str, tmp_path: Path) -> Iterator[None]:
    with shell(
        monkeypatch,
        ledger_url,
        tmp_path,
        ALLOW_TEST_INSTANCES="true",
        COUPA_BACKOFF_SECONDS="0.01",
        COUPA_REQUESTS_PER_SECOND="500",
    ):
        yield


@pytest.mark.usefixtures("installation")
def test_a_mail_for_an_engagement_names_it_and_its_instances(ledger_engine: Engine) -> None:
    record_engagements(ledger_engine, [make_engagement(1, ("acme",), "Acme go-live 1")], MONDAY)
    result = say("connect", "mail", "Acme go-live 1")
    assert result.exit_code == 0
    assert "Subject: Read-only API access to your Coupa instance (Acme go-live 1)" in result.output
    assert "from your instance acme." in result.output
    assert "core.pay" not in result.output


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(("whom", "pays"), [("Coupa Pay", True), ("coupa pay", True), ("core", False)])
def test_a_mail_for_products(whom: str, pays: bool) -> None:
    result = say("connect", "mail", whom)
    assert result.exit_code == 0
    assert ("core.pay.payments.read" in result.output) is pays


def test_it_may_be_the_first_command_of_all(
    monkeypatch: pytest.MonkeyPatch, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    postgres.start(["first_command"])
    with shell(monkeypatch, postgres.url("first_command"), tmp_path):
        assert say("connect", "mail", "core").exit_code == 0


@pytest.mark.usefixtures("installation")
def test_a_mistyped_engagement_or_product_gets_no_mail() -> None:
    result = say("connect", "mail", "Coupa Pya")
    assert result.exit_code == 2
    assert "'Coupa Pya' is no engagement in hypercare and no product" in result.output


@pytest.mark.usefixtures("installation")
def test_a_file_with_problems_is_refused_without_asking_airflow(tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("instance,host,client id,secret,scopes\nacme,acme,id,s3cr3t,core.user.read\n,,,,x\n")
    result = say("connect", "import", str(file))
    assert result.exit_code == 2
    assert "row 2, column host" in result.output
    assert "row 3, column instance: is empty" in result.output
    assert "s3cr3t" not in result.output


@pytest.mark.usefixtures("installation")
def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    workbook = tmp_path / "new.xlsx"
    workbook.write_bytes(b"PK\x03\x04\xff\xfe")
    for file in (tmp_path / "none.csv", workbook):
        result = say("connect", "import", str(file))
        assert result.exit_code == 2
        assert "can't be read as UTF-8 text" in result.output.replace("\n", " ")


@pytest.mark.usefixtures("installation")
def test_a_check_shows_a_light_for_every_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in() as coupa:
        address = urlsplit(coupa.base_url)
        connection = {
            "conn_type": "http", "schema": "http", "host": address.hostname, "port": address.port,
            "login": coupa.instance.client_id, "password": coupa.instance.client_secret,
            "extra": {"path": address.path, "scopes": " ".join(SCOPES)},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_COUPA_ACME", json.dumps(connection))
        rows = say_json("connect", "check", "acme")
        assert {row["light"] for row in rows} == {"green"}
        coupa.fault("status", "contracts", status=403)
        assert say("connect", "check", "acme").exit_code == 0
        coupa.fault("status", "users", status=403)
        result = say("connect", "check", "acme")
    assert result.exit_code == 1
    assert "core.user.read" in result.output


@pytest.mark.usefixtures("installation")
def test_a_check_of_nobody_asks_for_names() -> None:
    result = say("connect", "check")
    assert result.exit_code == 2
    assert "name the instances to check" in result.output
