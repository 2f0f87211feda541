"""The demo world's Salesforce org: accounts, engagements, their people and support cases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.demo.customers import CUSTOMERS, Customer
from sandbox.salesforce.store import Org

SIGNED = datetime(2025, 9, 1, 9, tzinfo=UTC)
"""When the accounts and their engagements were made."""

STAFF = {
    "em_us": ("Morgan Reyes", "Engagement Manager"),
    "em_emea": ("Ingrid Solberg", "Engagement Manager"),
    "em_apac": ("Priya Raman", "Engagement Manager"),
    "architect": ("Tomas Novak", "Solution Architect"),
    "integration": ("Yuki Tanaka", "Integration Support"),
    "cvm_us": ("Dana Whitfield", "Customer Value Manager"),
    "cvm_world": ("Luca Moretti", "Customer Value Manager"),
    "support_us": ("Robin Castle", "Support Manager, US"),
    "support_emea": ("Helga Brandt", "Support Manager, EMEA"),
    "support_apac": ("Wei Ling Tan", "Support Manager, APAC"),
}
"""Who works at the vendor: name and title, by the key that this module assigns by."""

CLIENT_ROLES = {
    "Client_Technical_Architect__c": ("Sam", "Technical Architect"),
    "Client_AP_Lead__c": ("Pat", "Accounts Payable Lead"),
    "Finance_Contact__c": ("Terry", "Finance Director"),
    "Executive_Sponsor__c": ("Jordan", "Chief Financial Officer"),
}

OTHERS = (
    ("Quayside Insurance", "Quayside Insurance go-live", "Planned", date(2026, 6, 1)),
    ("Redwood Clinics", "Redwood Clinics go-live", "Implementation", date(2026, 5, 4)),
    ("Silverlake Paper", "Silverlake Paper go-live", "Handed Over", date(2025, 11, 3)),
    ("Thornbury Estates", "Thornbury Estates go-live", "Cancelled", date(2026, 1, 12)),
)
"""Engagements that are not in hypercare: account, name, stage, go-live."""

CASES = (
    ("Aurora Outfitters go-live", "00001041", "How to add a second approver", "Low", (3, 5), (3, 11)),
    ("Bergstrom Shipping go-live", "00001047", "Payment returned by the bank", "Medium", (3, 20), None),
    ("Eastgate Logistics go-live", "00001052", "API answers 503", "High", (3, 30), (4, 1)),
    ("Gullfoss Energy go-live", "00001049", "Supplier invoices arrive twice", "High", (3, 17), None),
    ("Tutuila Canning go-live", "00001055", "Question on report filters", "Low", (3, 24), None),
)
"""Support cases: engagement, number, subject, priority, opened and closed in 2026 (None: still open)."""


def fill_org(org: Org) -> dict[str, str]:
    """Put everything into the org; return the ids of the engagements' ICM records by name."""
    staff = _hire_staff(org)
    accounts: dict[str, str] = {}
    engagements: dict[str, str] = {}
    for number, customer in enumerate(CUSTOMERS, start=1):
        name = customer.account or customer.name.removesuffix(" go-live")
        if name not in accounts:
            accounts[name] = _sign_account(org, name, customer, staff)
        engagements[customer.name] = _open_engagement(org, customer, number, accounts[name], staff)
    for account, name, stage, go_live in OTHERS:
        _open_other(org, account, name, stage, go_live, staff)
    _open_cases(org, accounts, staff)
    return engagements


def tracker_name(customer: Customer) -> str:
    """Return the file name of an engagement's workbook."""
    return customer.name.removesuffix(" go-live").lower().replace(" ", "-") + "-action-items.xlsx"


def find_staff(customer: Customer) -> dict[str, str]:
    """Return who of STAFF plays which part for an engagement: em, cvm, support."""
    region = {"US": "us", "LATAM": "us", "EMEA": "emea"}.get(customer.region, "apac")
    return {"em": f"em_{region}", "cvm": "cvm_us" if region == "us" else "cvm_world", "support": f"support_{region}"}


def _hire_staff(org: Org) -> dict[str, str]:
    return {
        key: org.put(
            "User",
            SIGNED - timedelta(days=365),
            {"Name": name, "Title": title, "IsActive": True, "Username": _mail(name), "Email": _mail(name)},
        )
        for key, (name, title) in STAFF.items()
    }


def _mail(name: str) -> str:
    return name.lower().replace(" ", ".") + "@example.com"


def _sign_account(org: Org, name: str, customer: Customer, staff: Mapping[str, str]) -> str:
    facts: dict[str, Any] = {
        "Name": name,
        "Type": "Customer - Direct",
        "Segment__c": customer.segment,
        "Region__c": customer.region,
        "Customer_Status__c": "Implementing",
        "CVM__c": staff[find_staff(customer)["cvm"]],
        "OwnerId": staff[find_staff(customer)["em"]],
    }
    account = org.put("Account", SIGNED, facts)
    org.put("Account", _midnight(customer.go_live), {"Id": account, "Customer_Status__c": "In Hypercare"})
    return account


def _open_engagement(org: Org, customer: Customer, number: int, account: str, staff: Mapping[str, str]) -> str:
    parts = find_staff(customer)
    contacts = {field: _meet(org, account, customer, *who) for field, who in CLIENT_ROLES.items()}
    if customer.delivery != "vendor":
        contacts["Partner_PM__c"] = _meet(org, account, customer, "Casey", "Partner Project Manager")
    facts: dict[str, Any] = {
        "Name": customer.name,
        "OwnerId": staff[parts["em"]],
        "Account__c": account,
        "Stage__c": "Implementation",
        "Phase__c": "Phase 1",
        "Go_Live_Date__c": customer.go_live,
        "Products__c": list(customer.products),
        "Time_Zone__c": customer.zone,
        "Coupa_Instances__c": ", ".join(customer.instances),
        "Legal_Entities__c": "; ".join(customer.scope),
        "Payment_Cadence__c": customer.cadence,
        "Delivery__c": customer.delivery,
        "ERP_Leg__c": customer.erp_leg,
        "Holiday_Calendar__c": customer.holidays,
        "Fiscal_Calendar__c": "calendar-month",
        "Tracker__c": tracker_name(customer),
        "OpenAir_Project__c": f"OA-{1000 + number}",
        "Engagement_Manager__c": staff[parts["em"]],
        "Solution_Architect__c": staff["architect"],
        "Integration_Support__c": staff["integration"],
        "CVM__c": staff[parts["cvm"]],
        "Support_Manager__c": staff[parts["support"]],
        **contacts,
    }
    record = org.put("ICM__c", SIGNED, facts)
    org.put("ICM__c", _midnight(customer.go_live), {"Id": record, "Stage__c": "In Hypercare"})
    return record


def _meet(org: Org, account: str, customer: Customer, first: str, title: str) -> str:
    last = customer.name.split(maxsplit=1)[0]
    return org.put(
        "Contact",
        SIGNED,
        {
            "AccountId": account, "FirstName": first, "LastName": last, "Name": f"{first} {last}", "Title": title,
            "Email": _mail(f"{first} {last}"), "Portal_User__c": title == "Accounts Payable Lead",
        },
    )  # fmt: skip


def _open_other(org: Org, account: str, name: str, stage: str, go_live: date, staff: Mapping[str, str]) -> None:
    status = "Live" if stage == "Handed Over" else "Implementing"
    account_id = org.put(
        "Account",
        SIGNED,
        {"Name": account, "Segment__c": "Enterprise", "Region__c": "US", "Customer_Status__c": status},
    )
    org.put(
        "ICM__c",
        SIGNED,
        {
            "Name": name, "Account__c": account_id, "Stage__c": stage, "Go_Live_Date__c": go_live,
            "Products__c": ["Procurement", "Invoicing"], "Time_Zone__c": "America/New_York",
            "Coupa_Instances__c": account.split(maxsplit=1)[0].lower(), "Payment_Cadence__c": "weekly",
            "Delivery__c": "vendor", "ERP_Leg__c": "exported_flag", "Engagement_Manager__c": staff["em_us"],
            "OwnerId": staff["em_us"],
        },
    )  # fmt: skip


def _open_cases(org: Org, accounts: Mapping[str, str], staff: Mapping[str, str]) -> None:
    by_name = {customer.name: customer for customer in CUSTOMERS}
    for engagement, number, subject, priority, opened_on, closed_on in CASES:
        opened = datetime(2026, *opened_on, 10, tzinfo=UTC)
        customer = by_name[engagement]
        account = accounts[customer.account or customer.name.removesuffix(" go-live")]
        facts = {
            "CaseNumber": number, "AccountId": account, "Subject": subject, "Priority": priority, "Status": "New",
            "Origin": "Web", "Type": "Problem", "OwnerId": staff[find_staff(customer)["support"]],
        }  # fmt: skip
        case = org.put("Case", opened, facts)
        org.put("Case", opened + timedelta(hours=5), {"Id": case, "Status": "Working"})
        if closed_on:
            org.put("Case", datetime(2026, *closed_on, 8, tzinfo=UTC), {"Id": case, "Status": "Closed"})


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
