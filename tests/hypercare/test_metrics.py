"""Reading metric files, and what becomes of a metric when feeds are broken, absent or not bought."""

import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from records import (
    METRIC_PARAMETERS,
    OBSERVED_AT,
    ROOT,
    WEEK,
    Records,
    engagement,
    feed_health,
    invoice,
    invoice_line,
    open_views,
    order_line,
    payment,
    payment_detail,
    purchase_order,
    supplier,
    user,
)

from hypercare.errors import ConfigurationError, ContractError, HypercareError
from hypercare.metrics import Unit, load_metrics, measure_week
from hypercare.model import FeedHealth, FeedState, MetricResult, Span, Verdict
from hypercare.weeks import Week

FOLDER = ROOT / "include" / "sql" / "metrics"
DEFINITIONS = load_metrics(FOLDER)
KNOWN = {
    "action_items",
    "active_users",
    "approvals_waiting",
    "digital_payment_share",
    "electronic_invoice_share",
    "electronic_order_share",
    "expense_approval_time",
    "expense_lines_in_policy_share",
    "first_time_match_share",
    "integration_errors_unresolved",
    "integration_run_failures",
    "invoice_approval_time",
    "invoice_backlog",
    "invoices_held",
    "invoices_past_due",
    "licensed_user_share",
    "on_contract_spend_share",
    "order_backed_invoice_share",
    "order_transmission_failures",
    "orders_awaiting_receipt",
    "paid_on_time_share",
    "payment_batch_approval_time",
    "pre_approved_spend_share",
    "production_transactions",
    "requisition_to_order_time",
    "structured_spend_share",
    "supplier_enablement_share",
    "support_cases",
    "transaction_amount",
    "transaction_volume",
}

GOOD = {
    "metric": "sample",
    "title": "Sample",
    "definition": "Invoices ÷ invoices.",
    "unit": "share",
    "denominator": "invoices",
    "business date": "creation",
    "source": "this product's own",
    "feeds": "invoices; optional: users",
}
SAMPLE_QUERY = """
select spans.span, '' as dimension, 1 as numerator, 32 as denominator, 32 as n from spans
"""


def write_metric(folder: Path, query: str = SAMPLE_QUERY, name: str = "sample", **header: str | None) -> Path:
    keys = {**GOOD, **{key.replace("_", " "): text for key, text in header.items()}}
    lines = [f"-- {key}: {text}" for key, text in keys.items() if text is not None]
    path = folder / f"{name}.sql"
    path.write_text("\n".join(lines) + "\n\n" + query, encoding="utf-8")
    return path


def measure_sample(
    folder: Path,
    health: list[FeedHealth] | None = None,
    records: Records | None = None,
    parameters: dict[str, Any] | None = None,
) -> list[MetricResult]:
    who = engagement()
    with open_views(who, records or {"invoices": [invoice(1)]}, folder) as views:
        return measure_week(
            views,
            feed_health(who) if health is None else health,
            load_metrics(folder),
            {**METRIC_PARAMETERS, **(parameters or {})},
            who,
        )


# Files


def test_the_folder_holds_exactly_the_known_metrics() -> None:
    assert set(DEFINITIONS) == KNOWN
    assert {path.stem for path in FOLDER.glob("*.sql")} == KNOWN


@pytest.mark.parametrize("metric", sorted(KNOWN))
def test_every_header_is_complete(metric: str) -> None:
    definition = DEFINITIONS[metric]
    assert definition.title
    assert definition.title[0].isupper()
    assert len(definition.definition.split()) > 10
    assert definition.definition.endswith(".")
    assert definition.denominator
    assert (definition.denominator == "none") == (definition.unit in (Unit.COUNT, Unit.AMOUNT))
    assert definition.business_date
    assert definition.source
    assert set(definition.needs.required) <= set(feed_names())
    assert set(definition.needs.optional) <= set(feed_names())


def feed_names() -> list[str]:
    return [path.stem for path in (ROOT / "include" / "schemas" / "feeds").glob("*.yaml")]


def test_every_view_is_read_by_some_metric() -> None:
    used = {name for definition in DEFINITIONS.values() for name in definition.views}
    assert used == {path.stem for path in (FOLDER / "views").glob("*.sql")}


def test_a_header_may_span_lines(tmp_path: Path) -> None:
    write_metric(tmp_path, definition="Invoices ÷ invoices,\n--   over all\n--   of them.")
    (definition,) = load_metrics(tmp_path).values()
    assert definition.definition == "Invoices ÷ invoices, over all of them."
    assert definition.needs.required == ("invoices",)
    assert definition.needs.optional == ("users",)
    assert definition.query.startswith("select spans.span")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": None}, "lacks ['title']"),
        ({"owner": "somebody"}, "unknown key 'owner'"),
        ({"metric": "other"}, "calls its metric 'other'"),
        ({"unit": "furlongs"}, "furlongs"),
        ({"feeds": "invoices; optional: "}, "feeds"),
        ({"parameters": "threshold"}, "threshold"),
        ({"views": "missing"}, "missing.sql"),
        ({"rests_on": "part = payments"}, "rests on: part = payments"),
        ({"title": "Sample\n-- title: Again"}, "more than once ['title']"),
        ({"title": "Sample\n--Again"}, "neither"),
    ],
)
def test_a_wrong_header_is_refused_by_name(tmp_path: Path, change: dict[str, str | None], words: str) -> None:
    write_metric(tmp_path, **change)
    with pytest.raises(ContractError, match=r"sample\.sql") as error:
        load_metrics(tmp_path)
    assert words in str(error.value)


def test_a_parameter_must_stand_in_the_header(tmp_path: Path) -> None:
    write_metric(tmp_path, query=SAMPLE_QUERY.replace("32 as n", "$size as n"))
    with pytest.raises(ContractError, match="size"):
        load_metrics(tmp_path)


def test_a_file_without_query_and_a_folder_without_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no metric"):
        load_metrics(tmp_path)
    write_metric(tmp_path, query="")
    with pytest.raises(ContractError, match="query"):
        load_metrics(tmp_path)


# Rows


def test_a_share_is_divided_exactly_and_rounded_half_to_even(tmp_path: Path) -> None:
    write_metric(tmp_path)
    results = measure_sample(tmp_path)
    assert [result.span for result in results] == list(Span)
    assert {str(result.value) for result in results} == {"0.0312"}  # 0.03125
    assert {str(result.numerator) for result in results} == {"1.00"}


def test_a_query_that_fails_names_file_engagement_and_reason(tmp_path: Path) -> None:
    write_metric(tmp_path, query="select span, '' as dimension, no_such_column as n from spans")
    with pytest.raises(HypercareError, match=r"sample\.sql.*a0X000000000001 \(Acme\).*no_such_column"):
        measure_sample(tmp_path)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select span, '' as dimension, 1 as surprise from spans", "surprise"),
        ("select 1 as n", "span is needed"),
        ("select 'month' as span, '' as dimension", "month"),
        ("select span, '' as dimension from spans union all select span, '' as dimension from spans", "twice"),
        ("select span, null as dimension from spans", "None"),
    ],
)
def test_rows_that_are_no_metrics_are_refused(tmp_path: Path, query: str, words: str) -> None:
    write_metric(tmp_path, query=query)
    with pytest.raises(ContractError, match=r"sample\.sql") as error:
        measure_sample(tmp_path)
    assert words in str(error.value)


def test_parameters_come_from_the_policy_only(tmp_path: Path) -> None:
    write_metric(tmp_path, query=SAMPLE_QUERY.replace("32 as denominator", "$size as denominator"), parameters="size")
    with pytest.raises(ConfigurationError, match=r"sample\.sql.*size"):
        measure_sample(tmp_path)
    assert str(measure_sample(tmp_path, parameters={"size": 4})[0].value) == "0.2500"
    who = engagement()
    with open_views(who, {}, tmp_path) as views, pytest.raises(ConfigurationError, match="priority_words"):
        measure_week(views, [], load_metrics(tmp_path), {"size": 4}, who)


# Feeds


def replace_feed(name: str, state: FeedState, required: bool) -> list[FeedHealth]:
    rest = [feed for feed in feed_health(engagement()) if feed.feed != name]
    return [*rest, FeedHealth(name, state, required, reason="the scope was withdrawn")]


@pytest.mark.parametrize("state", [state for state in FeedState if state not in (FeedState.VALID, FeedState.NOT_HELD)])
def test_a_required_feed_that_is_not_valid_makes_every_span_unknown(tmp_path: Path, state: FeedState) -> None:
    write_metric(tmp_path)
    results = measure_sample(tmp_path, replace_feed("invoices", state, required=True))
    assert [(r.span, r.dimension, r.verdict, r.value) for r in results] == [
        (span, "", Verdict.UNKNOWN, None) for span in Span
    ]
    assert {result.reason for result in results} == {"invoices: the scope was withdrawn"}


@pytest.mark.parametrize("required", [True, False])
def test_a_feed_that_files_cannot_hold_is_not_applicable_whether_required_or_not(
    tmp_path: Path, required: bool
) -> None:
    write_metric(tmp_path)
    results = measure_sample(tmp_path, replace_feed("invoices", FeedState.NOT_HELD, required=required))
    assert {(r.verdict, r.value, r.reason) for r in results} == {
        (Verdict.NOT_APPLICABLE, None, "invoices: the scope was withdrawn")
    }


def test_an_optional_feed_that_is_there_and_cannot_be_seen_is_not_left_out(tmp_path: Path) -> None:
    write_metric(tmp_path, feeds="invoices; optional: users")
    results = measure_sample(tmp_path, replace_feed("users", FeedState.NOT_HELD, required=False))
    assert {(r.verdict, r.reason) for r in results} == {(Verdict.NOT_APPLICABLE, "users: the scope was withdrawn")}


def lacking(part: str) -> list[FeedHealth]:
    rest = [feed for feed in feed_health(engagement()) if feed.feed != "invoices"]
    return [*rest, FeedHealth("invoices", FeedState.VALID, required=True, lacks=((part, "not exported"),))]


def test_a_part_that_a_feed_lacks_is_not_applicable_with_its_reason(tmp_path: Path) -> None:
    write_metric(tmp_path, feeds="invoices, invoices.channel")
    assert {r.verdict for r in measure_sample(tmp_path, lacking("payment_date"))} == {Verdict.PASS}
    results = measure_sample(tmp_path, lacking("channel"))
    assert {(r.verdict, r.value, r.reason) for r in results} == {
        (Verdict.NOT_APPLICABLE, None, "invoices.channel: not exported")
    }


def test_what_is_still_waiting_is_not_told_where_only_that_lacks(tmp_path: Path) -> None:
    write_metric(tmp_path, waiting="invoices.pending")
    whole = measure_sample(tmp_path, feed_health(engagement()))
    results = measure_sample(tmp_path, lacking("pending"))
    assert [(r.verdict, r.value) for r in results] == [(r.verdict, r.value) for r in whole]
    assert {(r.waiting, r.waiting_since, r.reason) for r in results} == {
        (None, None, "what is still waiting is not told: invoices.pending: not exported")
    }


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (FeedState.REFUSED, Verdict.NOT_APPLICABLE),
        (FeedState.ABSENT, Verdict.NOT_APPLICABLE),
        (FeedState.FAULT, Verdict.UNKNOWN),
        (FeedState.INVALID, Verdict.UNKNOWN),
    ],
)
def test_a_feed_the_policy_does_not_require(tmp_path: Path, state: FeedState, verdict: Verdict) -> None:
    write_metric(tmp_path)
    results = measure_sample(tmp_path, replace_feed("invoices", state, required=False))
    assert {result.verdict for result in results} == {verdict}


@pytest.mark.parametrize(("state", "verdict"), [(FeedState.REFUSED, Verdict.PASS), (FeedState.FAULT, Verdict.UNKNOWN)])
def test_a_metrics_optional_feed_may_be_absent_and_not_broken(
    tmp_path: Path, state: FeedState, verdict: Verdict
) -> None:
    write_metric(tmp_path)
    results = measure_sample(tmp_path, replace_feed("users", state, required=False))
    assert {result.verdict for result in results} == {verdict}


def test_a_feed_or_product_that_is_no_part_of_the_engagement(tmp_path: Path) -> None:
    write_metric(tmp_path)
    for feeds in ([], [feed for feed in feed_health(engagement()) if feed.feed != "invoices"]):
        assert {result.verdict for result in measure_sample(tmp_path, feeds)} == {Verdict.NOT_APPLICABLE}
    write_metric(tmp_path, products="Virtual Cards")
    results = measure_sample(tmp_path)
    assert {(r.verdict, r.reason) for r in results} == {
        (Verdict.NOT_APPLICABLE, "Virtual Cards is not part of this engagement")
    }
    assert len(results) == len(Span)


def test_a_broken_optional_feed_takes_only_what_rests_on_it(tmp_path: Path) -> None:
    who = engagement()
    records = {"users": [user(1)], "purchase_orders": [purchase_order(1)]}
    health = feed_health(who, approvals=FeedState.FAULT)
    only = {"active_users": DEFINITIONS["active_users"]}
    with open_views(who, records, tmp_path) as views:
        results = measure_week(views, health, only, METRIC_PARAMETERS, who)
    week = {result.dimension: result for result in results if result.span is Span.WEEK}
    assert week[""].verdict is Verdict.UNKNOWN
    assert week["part/approver"].verdict is Verdict.UNKNOWN
    assert week["part/approver"].reason == "approvals: approvals is FAULT"
    assert (week["part/buyer"].verdict, week["part/buyer"].value) == (Verdict.PASS, Decimal(1))


def test_a_broken_feed_leaves_the_volumes_of_the_others(tmp_path: Path) -> None:
    who = engagement(products=frozenset())
    health = feed_health(who, invoices=FeedState.INVALID)
    only = {"transaction_volume": DEFINITIONS["transaction_volume"]}
    with open_views(who, {"purchase_orders": [purchase_order(1)]}, tmp_path) as views:
        results = measure_week(views, health, only, METRIC_PARAMETERS, who)
    week = {result.dimension: result.verdict for result in results if result.span is Span.WEEK}
    assert week == {
        "requisitions": Verdict.PASS,
        "purchase_orders": Verdict.PASS,
        "receipts": Verdict.PASS,
        "expense_reports": Verdict.PASS,
        "invoices": Verdict.UNKNOWN,
        "credit_notes": Verdict.UNKNOWN,
        "payments": Verdict.NOT_APPLICABLE,
        "charges": Verdict.NOT_APPLICABLE,
    }


# Laws

MOMENTS = st.integers(min_value=0, max_value=70 * 24).map(
    lambda hours: (datetime(2026, 1, 25) + timedelta(hours=hours)).isoformat() + "Z"  # noqa: DTZ001 - zone appended
)
AMOUNTS = st.integers(min_value=-50000, max_value=100000).map(lambda cents: f"{cents / 100:.2f}")
CURRENCY = st.sampled_from(["USD", "EUR", "JPY"])
STATUS = st.sampled_from(["approved", "approved", "pending_approval", "voided", "rejected", "disputed"])


@st.composite
def documents(draw: Callable[..., Any]) -> Records:
    """Orders, invoices with credit notes, and payments of a few suppliers around the spans."""
    count = draw(st.integers(min_value=0, max_value=6))
    orders, invoices, payments = [], [], []
    for number in range(1, count + 1):
        created = draw(MOMENTS)
        orders.append(
            purchase_order(
                number,
                created_at=draw(MOMENTS),
                supplier=draw(st.integers(1, 3)),
                currency=draw(CURRENCY),
                transmission_status=draw(st.sampled_from(["sent_via_cxml", "sent_via_email", "transmission_failure"])),
                order_lines=[order_line(number * 10, total=draw(AMOUNTS), item=draw(st.none() | st.just(4)))],
            )
        )
        paid = draw(st.booleans())
        invoices.append(
            invoice(
                number,
                created_at=created,
                status=draw(STATUS),
                currency=draw(CURRENCY),
                supplier=draw(st.integers(1, 3)),
                channel=draw(st.sampled_from(["cxml", "manual", None])),
                is_credit_note=draw(st.booleans()),
                total_with_taxes=draw(AMOUNTS),
                paid=paid,
                payment_date=draw(MOMENTS) if paid else None,
                invoice_lines=[
                    invoice_line(number * 10, total=draw(AMOUNTS), order_line_id=number * 10),
                    invoice_line(number * 10 + 1, total=draw(AMOUNTS), contract=draw(st.none() | st.just(1))),
                ],
            )
        )
        payments.append(
            payment(
                number,
                released_at=draw(MOMENTS),
                status=draw(st.sampled_from(["completed_successfully", "cancelled"])),
                payment_details=[payment_detail(number * 10, source_transaction_id=draw(st.integers(1, 6)))],
            )
        )
    return {
        "purchase_orders": orders,
        "invoices": invoices,
        "payments": payments,
        "suppliers": [supplier(1), supplier(2, status="inactive")],
        "users": [user(1)],
    }


@settings(max_examples=8, deadline=None)
@given(records=documents(), zone=st.sampled_from(["Pacific/Apia", "America/New_York", "Europe/Berlin"]))
def test_laws_of_every_metric(records: Records, zone: str) -> None:
    """No share passes 1, no span has less than a shorter one, and the same evidence gives the same figures."""
    who = engagement(time_zone=zone)
    with tempfile.TemporaryDirectory() as folder, open_views(who, records, Path(folder)) as views:
        first = measure_week(views, feed_health(who), DEFINITIONS, METRIC_PARAMETERS, who)
        views.select_week(WEEK.shift(-1), OBSERVED_AT)
        views.select_week(WEEK, OBSERVED_AT)
        again = measure_week(views, feed_health(who), DEFINITIONS, METRIC_PARAMETERS, who)
    assert first == again
    assert {result.metric for result in first} == KNOWN
    found = {(result.metric, result.span, result.dimension): result for result in first}
    for (metric, span, dimension), result in found.items():
        if DEFINITIONS[metric].unit is Unit.SHARE and result.value is not None:
            assert 0 <= result.numerator <= result.denominator, result
            assert 0 <= result.value <= 1
        if span is Span.WEEK:
            month, ever = found.get((metric, Span.LAST_FOUR, dimension)), found[metric, Span.SINCE_GO_LIVE, dimension]
            assert month is not None
            assert result.n <= month.n <= ever.n, result


def test_the_first_week_is_the_same_in_all_spans(tmp_path: Path) -> None:
    who = engagement(go_live=date(2026, 3, 25))
    invoices = [invoice(1, created_at="2026-03-24T14:00:00Z"), invoice(2, created_at="2026-03-26T14:00:00Z")]
    only = {"electronic_invoice_share": DEFINITIONS["electronic_invoice_share"]}
    with open_views(who, {"invoices": invoices}, tmp_path, week=Week(2026, 13)) as views:
        results = measure_week(views, feed_health(who), only, METRIC_PARAMETERS, who)
    assert [result.n for result in results] == [1, 1, 1]


# Published values


def test_leader_values_name_known_metrics_years_and_sources() -> None:
    document = yaml.safe_load((ROOT / "include" / "benchmarks" / "leader_values.yaml").read_text(encoding="utf-8"))
    assert set(document["metrics"]) <= KNOWN
    assert len(document["metrics"]) == 13
    for source in document["sources"].values():
        assert {"year", "title", "strength", "link"} == set(source)
    for metric, values in document["metrics"].items():
        for value in values:
            assert value["source"] in document["sources"]
            assert Decimal(value["value"]) > 0
            if DEFINITIONS[metric].unit is Unit.SHARE:
                assert Decimal(value["value"]) <= 1
            assert value["dimension"] in ("", "*", "elapsed_median")
