"""Which tables and columns a query names."""

from __future__ import annotations

import pytest
from records import ROOT

from hypercare.errors import ContractError
from hypercare.metric_definitions import load_metrics
from hypercare.query_names import find_names
from hypercare.reconciliation_checks import load_checks

SQL = ROOT / "include" / "sql"


def test_tables_and_columns_are_found_wherever_they_stand() -> None:
    names = find_names(
        """
        with paid as (select id, max(paid_on) over (partition by supplier_id) as last from invoices where total > 5)
        select paid.id from paid inner join lines using (line_key)
        where exists (select 1 from holds where holds.invoice_id = paid.id order by placed_at)
        """
    )
    assert {"invoices", "lines", "holds"} <= names.tables
    assert {"id", "paid_on", "supplier_id", "total", "line_key", "invoice_id", "placed_at"} <= names.words
    assert not names.whole_tables


def test_a_star_takes_every_column_of_what_it_reads() -> None:
    names = find_names(
        "with a as (select * from invoices), b as (select id, count(*) as n from orders group by id) from b"
    )
    assert "invoices" in names.whole_tables
    assert "orders" not in names.whole_tables


@pytest.mark.parametrize("query", ["selec 1", "drop table invoices"])
def test_what_is_no_select_is_refused(query: str) -> None:
    with pytest.raises(ContractError, match="no select statement"):
        find_names(query)


def test_every_query_of_the_product_can_be_read() -> None:
    checks = load_checks(SQL / "reconciliation")
    queries = [query for metric in load_metrics(SQL / "metrics").values() for query in metric.queries]
    queries += [one.query for one in (*checks.checks, *checks.tables)]
    assert len(queries) > 40
    assert all(find_names(query).tables for query in queries if "from " in query)
