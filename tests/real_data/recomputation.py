"""The two event logs recomputed with plain pandas by the rules that stand with the logs; shares no code with the rest.

Instants are UTC, dates are local to Europe/Amsterdam, money is in cents (int). One row a case, as of an instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pandas as pd

ZONE = "Europe/Amsterdam"
DAYS_UNTIL_DUE = 14
DAYS_UNTIL_STUCK = 3
DAYS_UNTIL_LATE = 3
FRIDAY = 4
LOGS = {
    "RequestForPayment": ("(case)_Rfp_id", "(case)_RequestedAmount"),
    "DomesticDeclarations": ("(case)_id", "(case)_Amount"),
}


@dataclass(frozen=True)
class PlayedWeek:
    """A week by its Monday, and the instant of its run: half past two (UTC) on the Monday after."""

    monday: pd.Timestamp

    @classmethod
    def parse(cls, label: str) -> PlayedWeek:
        return cls(pd.to_datetime(f"{label}-1", format="%G-W%V-%u"))

    @property
    def sunday(self) -> pd.Timestamp:
        return self.monday + pd.Timedelta(days=6)

    @property
    def seen_at(self) -> pd.Timestamp:
        return (self.monday + pd.Timedelta(days=7, hours=14, minutes=30)).tz_localize("UTC")

    @property
    def seen_on(self) -> pd.Timestamp:
        return self.seen_at.tz_convert(ZONE).tz_localize(None).normalize()

    def holds(self, days: pd.Series) -> pd.Series:
        return days.between(self.monday, self.sunday)


def read_events(folder: Path) -> pd.DataFrame:
    """Return the events of every log with kind, id, customer, cents, at, activity; of equal times in file order."""
    logs = []
    for file in sorted(folder.glob("*.csv.gz")):
        name = file.name.removesuffix(".csv.gz")
        id_column, amount_column = LOGS[name]
        raw = pd.read_csv(file, dtype=str, keep_default_na=False)
        has_unit = "(case)_OrganizationalEntity" in raw.columns
        logs.append(
            pd.DataFrame(
                {
                    "kind": "invoice" if has_unit else "expense_report",
                    "id": raw[id_column].str.extract(r"(\d+)$")[0],
                    "customer": raw["(case)_OrganizationalEntity"] if has_unit else "domestic",
                    "cents": raw[amount_column].map(_to_cents),
                    "at": pd.to_datetime(raw["time:timestamp"], utc=True),
                    "activity": raw["concept:name"],
                }
            )
        )
    events = pd.concat(logs, ignore_index=True)
    events["row"] = range(len(events))
    return events.sort_values(["at", "row"], ignore_index=True)


def _to_cents(text: str) -> int:
    return int(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_EVEN) * 100)


def tell_cases(events: pd.DataFrame, seen_at: pd.Timestamp) -> pd.DataFrame:
    """Return one row a case from the events up to an instant, with what happened when."""
    seen = events[events["at"] <= seen_at].copy()
    seen["previous_at"] = seen.groupby(["kind", "id"])["at"].shift()
    activity = seen["activity"]
    marks = {
        "created_at": (activity.notna(), "first"),
        "submitted_at": (activity.str.contains(" SUBMITTED by "), "last"),
        "approved_at": (activity.str.contains(r" (?:FINAL_)?APPROVED by "), "last"),
        "final_at": (activity.str.contains(" FINAL_APPROVED by "), "last"),
        "released_at": (activity == "Request Payment", "last"),
        "handled_at": (activity == "Payment Handled", "last"),
        "touched_at": (activity.notna(), "last"),
    }
    keys = ["kind", "id"]
    cases = seen.groupby(keys)[["customer", "cents"]].first()
    for name, (chosen, which) in marks.items():
        cases[name] = seen[chosen].groupby(keys)["at"].agg(which)
    answers = activity.str.contains(r" (?:(?:FINAL_)?APPROVED|REJECTED) by ")
    first_answer = seen[answers].groupby(keys).head(1).set_index(keys)
    cases["asked_at"] = first_answer["previous_at"].fillna(first_answer["at"])
    steps = seen[activity.str.contains(" by ")].groupby(keys)["activity"].last()
    cases["status"] = steps.str.extract(r" (SAVED|SUBMITTED|APPROVED|FINAL_APPROVED|REJECTED) by ")[0]
    for name in ("created", "approved", "final", "released", "handled", "touched"):
        local = cases[f"{name}_at"].dt.tz_convert(ZONE)
        cases[f"{name}_on"] = local.dt.tz_localize(None).dt.normalize()
    # A record is approved while its last step is the final approval.
    cases["booked_on"] = cases["approved_on"].where(cases["status"] == "FINAL_APPROVED")
    return cases.reset_index()


def choose_pulled(cases: pd.DataFrame, first: PlayedWeek, at_first_run: pd.DataFrame) -> pd.DataFrame:
    """Mark which records and payments the product may know (rule R4), as `has_record` and `has_payment`.

    The first run asks for what is open or was touched since go-live, and for what these refer to; later runs for what
    changed. So a record that was paid for before go-live was never asked for.
    """
    before = at_first_run.set_index(["kind", "id"]).reindex(pd.MultiIndex.from_frame(cases[["kind", "id"]]))
    is_paid = before["handled_at"].notna().to_numpy()
    is_old = (before["touched_on"] < first.monday).to_numpy()
    is_old_payment = (before["handled_on"] < first.monday).to_numpy()
    cases = cases.copy()
    cases["has_payment"] = cases["released_at"].notna() & ~(is_paid & is_old_payment)
    is_closed = is_paid | before["status"].eq("REJECTED").to_numpy()
    # Expense reports keep the status approved once they are paid, and cannot be asked for by their paid mark.
    is_closed &= (cases["kind"] == "invoice").to_numpy() | before["status"].eq("REJECTED").to_numpy()
    cases["has_record"] = ~(is_old & is_closed) | cases["has_payment"]
    changed_since = cases[["created_at", "submitted_at", "approved_at", "handled_at"]].max(axis=1) > first.seen_at
    cases["has_record"] |= changed_since
    return cases


# --- the roll-forward ---


def roll_forward(cases: pd.DataFrame, week: PlayedWeek) -> pd.DataFrame:
    """Return opening, approved, paid and closing in cents by customer; a payment counts with or after the approval."""
    known = cases[cases["has_record"]].copy()
    settled_on = known[["handled_on", "booked_on"]].max(axis=1).where(known["handled_on"].notna())
    is_booked = known["booked_on"].notna()
    figures = {
        "opening": is_booked & (known["booked_on"] < week.monday) & ~(settled_on < week.monday),
        "approved": week.holds(known["booked_on"]),
        "paid": week.holds(settled_on) & known["has_payment"],
        "closing": is_booked & (known["booked_on"] <= week.sunday) & ~(settled_on <= week.sunday),
    }
    sums = pd.DataFrame({name: known["cents"].where(chosen, 0) for name, chosen in figures.items()})
    return sums.groupby(known["customer"]).sum()


# --- checks ---


def add_business_days(days: pd.Series, count: int) -> pd.Series:
    """Return the dates that many weekdays later, for dates that may be missing; no holidays."""
    known = days.dropna()
    # From a weekend, the first weekday after it is day one.
    moved = np.busday_offset(known.to_numpy().astype("datetime64[D]"), count, roll="backward")
    return pd.Series(pd.to_datetime(moved), index=known.index).reindex(days.index)


def judge_payments(cases: pd.DataFrame, week: PlayedWeek) -> pd.DataFrame:
    """Return the payments that became final or overdue in a week: customer, id, is_final, is_approved."""
    payments = cases[cases["has_payment"]].copy()
    deadline = add_business_days(payments["released_on"], DAYS_UNTIL_STUCK)
    overdue_on = deadline.where(deadline < week.seen_on)
    payments["judged_on"] = pd.concat([payments["handled_on"], overdue_on], axis=1).min(axis=1)
    payments["is_final"] = payments["handled_on"].notna()
    payments["is_approved"] = payments["booked_on"].notna()
    return payments[week.holds(payments["judged_on"])]


def judge_due(cases: pd.DataFrame, week: PlayedWeek) -> pd.DataFrame:
    """Return the approved records for which nothing was released in time, by the last day they were not late."""
    due = cases[cases["has_record"] & cases["booked_on"].notna()].copy()
    payable_from = pd.concat([due["final_on"] + pd.Timedelta(days=DAYS_UNTIL_DUE), due["booked_on"]], axis=1).max(
        axis=1
    )
    run_on = payable_from + pd.to_timedelta((FRIDAY - payable_from.dt.dayofweek) % 7, unit="D")
    due["late_on"] = add_business_days(run_on, DAYS_UNTIL_LATE)
    due["is_open"] = due["released_on"].isna() & due["handled_on"].isna()
    in_time = (due["released_on"] <= due["late_on"]) | (due["handled_on"] <= due["late_on"])
    return due[week.holds(due["late_on"]) & (due["late_on"] < week.seen_on) & ~in_time]


# --- metrics ---


def approval_hours(cases: pd.DataFrame, kind: str, week: PlayedWeek) -> pd.Series:
    """Return the hours by the clock from asking (a report: from its last submission) to the last approval, exact."""
    known = cases[(cases["kind"] == kind) & cases["has_record"] & (cases["status"] != "REJECTED")]
    if kind == "expense_report":
        known = known[known["status"] != "SAVED"]
    starts = known["asked_at"] if kind == "invoice" else known["submitted_at"]
    chosen = week.holds(known["approved_on"]) & (known["approved_at"] >= starts)
    seconds = (known["approved_at"] - starts).dt.total_seconds()
    return pd.DataFrame({"customer": known["customer"], "hours": seconds / 3600})[chosen].set_index("customer")["hours"]


def paid_on_time(cases: pd.DataFrame, week: PlayedWeek) -> pd.DataFrame:
    """Return how many invoices with a due date were paid in a week, and how many of them on time, by customer."""
    paid = cases[(cases["kind"] == "invoice") & cases["has_record"] & week.holds(cases["handled_on"])]
    paid = paid[paid["final_on"].notna()]
    on_time = paid["handled_on"] <= paid["final_on"] + pd.Timedelta(days=DAYS_UNTIL_DUE)
    return on_time.groupby(paid["customer"]).agg(paid="size", on_time="sum")


def volumes(cases: pd.DataFrame, week: PlayedWeek) -> pd.DataFrame:
    """Return how many invoices were created, reports submitted and payments released in a week, by customer."""
    submitted_on = cases["submitted_at"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    counted = {
        "invoices": (cases["kind"] == "invoice") & cases["has_record"] & week.holds(cases["created_on"]),
        "expense_reports": (cases["kind"] == "expense_report") & cases["has_record"] & week.holds(submitted_on),
        "payments": cases["has_payment"] & week.holds(cases["released_on"]),
    }
    return pd.DataFrame(counted).groupby(cases["customer"]).sum()
