"""An engagement's records as SQL tables: only what is named, only last versions, only what is within scope."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from records import Records, approval, engagement, invoice, invoice_line, open_views, requisition

from hypercare.model import Engagement


def read(folder: Path, query: str, *pulls: Records, who: Engagement | None = None) -> Sequence[tuple[Any, ...]]:
    first, *later = pulls
    with open_views(who or engagement(), first, folder, later=later) as views:
        views.load([query])
        return views.connection.execute(query).fetchall()


def test_only_named_tables_and_columns_are_there(tmp_path: Path) -> None:
    with open_views(engagement(), {"invoices": [invoice(1)]}, tmp_path) as views:
        views.load(["select id, status from invoices"])
        assert views.connection.execute("from invoices").fetchall() == [("acme/1", "approved")]
        with pytest.raises(duckdb.CatalogException, match="invoice_lines"):
            views.connection.execute("from invoice_lines")


def test_what_is_named_later_is_added(tmp_path: Path) -> None:
    with open_views(engagement(), {"invoices": [invoice(1)]}, tmp_path) as views:
        views.load(["select id from invoices"])
        views.load(["select status from invoices", "select count(*) from invoice_lines"])
        assert views.connection.execute("from invoices").fetchall() == [("acme/1", "approved")]
        assert views.connection.execute("select count(*) from invoice_lines").fetchone() is not None


def test_a_star_brings_every_column(tmp_path: Path) -> None:
    with open_views(engagement(), {"invoices": [invoice(1)]}, tmp_path) as views:
        views.load(["select * from invoices"])
        names = {row[0] for row in views.connection.execute("describe invoices").fetchall()}
    assert {"instance", "id", "status", "net_due_date", "account_type_legal_entity_name"} <= names


def test_rows_of_which_no_column_is_named_can_be_counted(tmp_path: Path) -> None:
    assert read(tmp_path, "select count(*) from invoices", {"invoices": [invoice(1), invoice(2)]}) == [(2,)]


def test_a_feed_that_was_not_pulled_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path, "select id from invoices", {"requisitions": [requisition(1)]}) == []


def test_the_last_version_counts_whichever_pull_brought_it(tmp_path: Path) -> None:
    first = {"invoices": [invoice(1, status="draft"), invoice(2, status="draft"), invoice(3, status="draft")]}
    second = {"invoices": [invoice(1, status="on_hold"), invoice(2, status="on_hold")]}
    third = {"invoices": [invoice(1, status="approved"), invoice(4, status="new")]}
    found = read(tmp_path, "select id, status from invoices order by id", first, second, third)
    assert found == [("acme/1", "approved"), ("acme/2", "on_hold"), ("acme/3", "draft"), ("acme/4", "new")]


def test_the_lines_are_those_of_the_last_version(tmp_path: Path) -> None:
    first = {"invoices": [invoice(1, invoice_lines=[invoice_line(11), invoice_line(12)])]}
    second = {"invoices": [invoice(1, invoice_lines=[invoice_line(13)])]}
    found = read(tmp_path, "select invoice_id, id from invoice_lines", first, second)
    assert found == [("acme/1", "acme/13")]


def test_the_same_id_on_two_instances_is_two_records(tmp_path: Path) -> None:
    who = engagement(instances=("acme", "beta"))
    first = {"invoices": [invoice(1, status="draft"), invoice(1, status="new", _instance="beta")]}
    second = {"invoices": [invoice(1, status="approved", _instance="beta")]}
    found = read(tmp_path, "select id, status from invoices order by id", first, second, who=who)
    assert found == [("acme/1", "draft"), ("beta/1", "approved")]


def test_the_history_holds_every_state_in_which_a_pull_saw_a_record(tmp_path: Path) -> None:
    first = {"invoices": [invoice(1, status="draft", updated_at="2026-03-20T10:00:00Z")]}
    second = {"invoices": [invoice(1, status="approved", updated_at="2026-03-21T10:00:00Z")]}
    query = "select invoice_id, status from invoice_history order by since"
    assert read(tmp_path, query, first, second) == [("acme/1", "draft"), ("acme/1", "approved")]


def test_only_records_of_the_scope_are_there_and_the_approvals_of_these(tmp_path: Path) -> None:
    other = {"name": "Acme Chart", "legal-entity-name": "Acme GmbH"}
    records = {
        "invoices": [invoice(1, invoice_lines=[invoice_line(11)]), invoice(2, account_type=other)],
        "approvals": [
            approval(21, approvable_id=1),
            approval(22, approvable_id=2),
            approval(23, approvable_id=1, approvable_type="OrderHeader"),
        ],
    }
    who = engagement(scope=("Acme Inc.",))
    assert read(tmp_path, "select id from invoices", records, who=who) == [("acme/1",)]
    assert read(tmp_path, "select id from invoice_lines", records, who=who) == [("acme/11",)]
    assert read(tmp_path, "select id from approvals", records, who=who) == [("acme/21",)]
    assert read(tmp_path, "select count(*) from approvals", records) == [(3,)]
