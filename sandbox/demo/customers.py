"""Who lives in the demo world: engagements with what makes each of them particular."""

from __future__ import annotations

from datetime import date

from sandbox.demo.adjusted import ADJUSTED
from sandbox.demo.customer import PROCUREMENT, Customer
from sandbox.demo.evidenced import EVIDENCED

CUSTOMERS = (
    Customer(
        "Aurora Outfitters go-live",
        "weekly payer whose first full week after the first payment is week two: completes in week five",
        ("aurora",), "America/New_York", "Strategic", "US", "Aurora Outfitters Inc.", "USD",
        holidays="US", stories=("cards", "early_payment_discount", "lists_suppliers"),
    ),
    Customer(
        "Bergstrom Shipping go-live",
        "a payment returned in week three and never cleared: week three fails, the cycle starts anew",
        ("bergstrom",), "Europe/Stockholm", "Enterprise", "EMEA", "Bergstrom Shipping AB", "EUR",
        delivery="partner", holidays="SE", method="sepa", pays_on=2, stories=("returned", "nobody_checks"),
    ),
    Customer(
        "Cascadia Foods go-live",
        "a payment returned in week three and paid again in week four: week three is cleared by a new revision",
        ("cascadia",), "America/Los_Angeles", "Mid-Market", "US", "Cascadia Foods LLC", "USD",
        holidays="US", pays_on=2, stories=("returned_and_paid_again",),
    ),
    Customer(
        "Dunmore Hotels go-live",
        "monthly payer: quiet weeks, then the run of 31 March, which comes after week four",
        ("dunmore",), "Europe/Dublin", "Mid-Market", "EMEA", "Dunmore Hotels DAC", "EUR",
        products=(*PROCUREMENT, "Coupa Pay"), cadence="monthly", holidays="IE", method="wire", settles_in=0,
        go_live=date(2026, 2, 23), run_days=(date(2026, 2, 27), date(2026, 3, 31), date(2026, 4, 30)),
        purchases_a_week=5,
    ),
    Customer(
        "Eastgate Logistics go-live",
        "the API is down at the run of week four and back at the run of week five, which repairs week four",
        ("eastgate",), "Asia/Singapore", "Enterprise", "APAC", "Eastgate Logistics Pte Ltd", "SGD",
        delivery="co", holidays="SG", stories=("api_down",),
    ),
    Customer(
        "Fenwick Robotics go-live",
        "all weeks good, but a high-priority item has no plan: cycle complete, not ready",
        ("fenwick",), "America/Chicago", "Mid-Market", "US", "Fenwick Robotics Corp.", "USD",
        delivery="partner", holidays="US", pays_on=2, stories=("high_item_without_plan",),
    ),
    Customer(
        "Gullfoss Energy go-live",
        "a high-priority item let through by a plan that Support accepted; a credit note and a void on the way",
        ("gullfoss",), "Atlantic/Reykjavik", "Enterprise", "EMEA", "Gullfoss Energy hf.", "EUR",
        holidays="IS", method="sepa", stories=("high_item_with_plan", "credit_note", "voided_invoice"),
    ),
    Customer(
        "Harbourline Media go-live",
        "one payment's total is not a number at the run of week two; mended before the run of week three",
        ("harbourline",), "Australia/Sydney", "Enterprise", "APAC", "Harbourline Media Pty Ltd", "AUD",
        holidays="AU", pays_on=2, stories=("wrong_type",),
    ),
    Customer(
        "Ironwood Mutual go-live",
        "an administrator takes a column out of the invoices at the run of week three; it is back at the next",
        ("ironwood",), "America/Denver", "Strategic", "US", "Ironwood Mutual Co.", "USD",
        holidays="US", stories=("missing_column",),
    ),
    Customer(
        "Juniper Valley Schools go-live",
        "without Coupa Pay: the cycle starts with the first approved invoice exported to the ERP",
        ("juniper",), "America/Phoenix", "Mid-Market", "US", "Juniper Valley Schools", "USD",
        products=(*PROCUREMENT, "Expenses"), holidays="US", pays_on=2,
    ),
    Customer(
        "Kestrel Aerospace go-live",
        "no transaction at all since go-live: the cycle has not started",
        ("kestrel",), "Europe/Berlin", "Strategic", "EMEA", "Kestrel Aerospace GmbH", "EUR",
        holidays="DE", method="sepa", purchases_a_week=0, stories=("nobody_checks",),
    ),
    Customer(
        "Lumen Textiles go-live",
        "semi-monthly payer whose ERP shows its side by integration runs; the partner answers the checklist too early",
        ("lumen",), "Asia/Kolkata", "Enterprise", "APAC", "Lumen Textiles Pvt Ltd", "INR",
        products=(*PROCUREMENT, "Coupa Pay"), cadence="semi-monthly", erp_leg="integration_runs", delivery="partner",
        method="wire", settles_in=1, purchases_a_week=6, stories=("checked_too_early",),
        run_days=(date(2026, 3, 5), date(2026, 3, 13), date(2026, 3, 31), date(2026, 4, 15), date(2026, 4, 30)),
    ),
    Customer(
        "Matai Timber go-live",
        "the optional scope core.pay.statements.read is not granted: shown as not available, blocks nothing",
        ("matai",), "Pacific/Apia", "Mid-Market", "APAC", "Matai Timber Ltd", "USD",
        pays_on=2, stories=("no_statements_scope",),
    ),
    Customer(
        "Northbridge Retail UK go-live",
        "shares an instance with another engagement, apart by legal entity: this one has good weeks",
        ("northbridge",), "Europe/London", "Strategic", "EMEA", "Northbridge Retail UK Ltd", "GBP",
        account="Northbridge Retail", scope=("Northbridge Retail UK Ltd",), delivery="co", holidays="GB-ENG",
    ),
    Customer(
        "Northbridge Retail Ireland go-live",
        "shares an instance with another engagement: a payment that never reached the ERP fails only this one",
        ("northbridge",), "Europe/London", "Strategic", "EMEA", "Northbridge Retail Ireland DAC", "EUR",
        account="Northbridge Retail", scope=("Northbridge Retail Ireland DAC",), delivery="co", holidays="IE",
        method="sepa", pays_on=2, purchases_a_week=6, stories=("not_exported", "nobody_checks"),
    ),
    Customer(
        "Pampas Agro go-live",
        "one engagement on two instances; no ERP leg: consistent in Coupa only, and finance does not sign the cycle",
        ("pampasnorth", "pampassouth"), "America/Sao_Paulo", "Enterprise", "LATAM", "Pampas Agro S.A.", "USD",
        erp_leg="none", holidays="BR", purchases_a_week=5,
    ),
    Customer(
        "Tutuila Canning go-live",
        "an administrator's default filter hides fields: nothing happens, since every call names its fields",
        ("tutuila",), "Pacific/Pago_Pago", "Mid-Market", "US", "Tutuila Canning Inc.", "USD",
        holidays="US", pays_on=2, stories=("default_filter", "partial_payment"),
    ),
    *EVIDENCED,
    *ADJUSTED,
)  # fmt: skip
"""Every engagement in hypercare, by name."""
