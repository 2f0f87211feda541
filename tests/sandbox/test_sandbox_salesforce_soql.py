"""SOQL as the Salesforce stand-in reads and answers it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sandbox.salesforce.date_words import find_day_range
from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.queries import run_query
from sandbox.salesforce.store import Org

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)  # a Wednesday
DATA = "/services/data/v59.0"


def make_org() -> Org:
    """Four accounts, six engagements (one without account, some with blanks), two people."""
    org = Org("Demo", "client", "secret", clock=NOW)
    start = datetime(2026, 9, 1, tzinfo=UTC)
    manager = org.put("User", start, {"Name": "Ada Bell", "Username": "ada@example.com", "IsActive": True})
    names = ("Acme", "Bolt 100%", "core_x", 'Døgn\'s "Hus"')
    segments = ("Strategic", "Enterprise", "Mid-Market", None)
    accounts = [
        org.put(
            "Account",
            start + timedelta(days=10 * place),
            {
                "Name": name,
                "Segment__c": segment,
                "OwnerId": manager,
                "NumberOfEmployees": None if place == 3 else 100 * place,
            },
        )
        for place, (name, segment) in enumerate(zip(names, segments, strict=True))
    ]
    rows = [
        ("Acme 1", accounts[0], "In Hypercare", date(2026, 11, 18), ["Invoicing", "Coupa Pay"], manager),
        ("acme 2", accounts[0], "Planned", date(2026, 11, 17), ["Coupa Pay"], None),
        ("Bolt", accounts[1], "Handed Over", date(2026, 10, 1), ["Procurement", "Invoicing", "Expenses"], manager),
        ("Core", accounts[2], None, None, [], None),
        ("Døgn", accounts[3], "Implementation", date(2027, 1, 15), ["Procurement"], manager),
        ("Lost", None, "Cancelled", date(2025, 12, 31), ["Treasury"], None),
    ]
    for name, account, stage, go_live, products, person in rows:
        org.put(
            "ICM__c",
            start,
            {
                "Name": name,
                "Account__c": account,
                "Stage__c": stage,
                "Go_Live_Date__c": go_live,
                "Products__c": products,
                "Engagement_Manager__c": person,
            },
        )
    return org


ORG = make_org()


def find(query: str, org: Org = ORG) -> list[dict[str, Any]]:
    return run_query(org, query, DATA).rows


def find_names(condition: str, sobject: str = "ICM__c") -> list[str]:
    return [row["Name"] for row in find(f"SELECT Name FROM {sobject} WHERE {condition}")]


def refuse(query: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        run_query(ORG, query, DATA)
    return caught.value


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name = 'ACME 1'", ["Acme 1"]),
        ("Name LIKE 'acme%'", ["Acme 1", "acme 2"]),
        ("Name LIKE '_c%'", ["Acme 1", "acme 2"]),
        ("Name < 'b'", ["Acme 1", "acme 2"]),
        ("Stage__c = null", ["Core"]),
        ("Stage__c = ''", ["Core"]),
        ("Stage__c <> 'Planned'", ["Acme 1", "Bolt", "Core", "Døgn", "Lost"]),
        ("Stage__c NOT IN ('Planned', 'Cancelled')", ["Acme 1", "Bolt", "Core", "Døgn"]),
        ("Stage__c IN ('Planned', NULL)", ["acme 2", "Core"]),
        ("Go_Live_Date__c >= 2026-11-17", ["Acme 1", "acme 2", "Døgn"]),
        ("Go_Live_Date__c = TODAY", ["Acme 1"]),
        ("Go_Live_Date__c != today", ["acme 2", "Bolt", "Core", "Døgn", "Lost"]),
        ("Go_Live_Date__c = LAST_N_DAYS:1", ["Acme 1", "acme 2"]),
        ("Go_Live_Date__c > THIS_MONTH", ["Døgn"]),
        ("Go_Live_Date__c < THIS_QUARTER", ["Lost"]),
        ("Go_Live_Date__c <= THIS_YEAR", ["Acme 1", "acme 2", "Bolt", "Lost"]),
        ("Go_Live_Date__c IN (YESTERDAY, LAST_YEAR)", ["acme 2", "Lost"]),
        ("Products__c INCLUDES ('Coupa Pay;Invoicing', 'Treasury')", ["Acme 1", "Lost"]),
        ("Products__c EXCLUDES ('Invoicing')", ["acme 2", "Core", "Døgn", "Lost"]),
        ("Products__c = 'coupa pay;invoicing'", ["Acme 1"]),
        ("Products__c = null", ["Core"]),
        ("Account__r.Name = 'Acme' AND (Stage__c = 'Planned' OR Go_Live_Date__c = TODAY)", ["Acme 1", "acme 2"]),
        ("Account__r.Owner.Name = 'ada bell' AND (NOT Name LIKE '%e%')", ["Bolt", "Døgn"]),
        ("Engagement_Manager__r.IsActive = false", ["acme 2", "Core", "Lost"]),
        ("Account__r.NumberOfEmployees > 99.5", ["Bolt", "Core"]),
        ("(((Name = 'Bolt')))", ["Bolt"]),
        ("NOT (Name LIKE 'a%' OR Name LIKE 'c%')", ["Bolt", "Døgn", "Lost"]),
        (
            "IsDeleted = FALSE AND CreatedDate < 2026-09-01T02:00:01+02:00",
            [*["Acme 1", "acme 2", "Bolt", "Core"], "Døgn", "Lost"],
        ),
        ("CreatedDate > 2026-09-01T00:00:00Z", []),
    ],
)
def test_conditions_find_what_salesforce_finds(condition: str, names: list[str]):
    assert find_names(condition) == names


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (r"Name = 'Døgn\'s \"hus\"'", ['Døgn\'s "Hus"']),
        (r"Name = 'D\u00f8gn\'s \"Hus\"'", ['Døgn\'s "Hus"']),
        (r"Name LIKE '%\%'", ["Bolt 100%"]),
        (r"Name LIKE '%\_%'", ["core_x"]),
        (r"Name = 'core\_x'", ["core_x"]),
        ("Name LIKE '%o__%'", ["Bolt 100%", "core_x"]),
    ],
)
def test_texts_are_unescaped(condition: str, names: list[str]):
    assert find_names(condition, "Account") == names


def test_ids_are_found_in_both_lengths_and_by_reference():
    account = find("SELECT Id FROM Account WHERE Name = 'Acme'")[0]["Id"]
    assert (
        find_names(f"Account__c = '{account[:15]}'")
        == find_names(f"Account__r.Id IN ('{account}')")
        == ["Acme 1", "acme 2"]
    )


def test_parents_are_objects_of_their_own_and_null_where_there_is_none():
    rows = find(
        "SELECT Name, account__r.Owner.Name, Account__r.Name, Account__c, Engagement_Manager__r.Name FROM ICM__c "
        "WHERE Name IN ('acme 2', 'Lost') ORDER BY Name"
    )
    account = rows[0]["Account__c"]
    owner = find("SELECT Id FROM User WHERE Name = 'Ada Bell'")[0]["Id"]
    assert rows[0] == {
        "attributes": rows[0]["attributes"],
        "Name": "acme 2",
        "Account__r": {
            "attributes": {"type": "Account", "url": f"{DATA}/sobjects/Account/{account}"},
            "Owner": {"attributes": {"type": "User", "url": f"{DATA}/sobjects/User/{owner}"}, "Name": "Ada Bell"},
            "Name": "Acme",
        },
        "Account__c": account,
        "Engagement_Manager__r": None,
    }
    assert rows[1]["Account__r"] is None
    assert rows[1]["Account__c"] is None
    assert set(rows[0]) == {"attributes", "Name", "Account__r", "Account__c", "Engagement_Manager__r"}


def test_count_answers_a_number_and_no_records():
    result = run_query(ORG, "select count() from ICM__c where Account__c != null limit 4", DATA)
    assert (result.size, result.rows) == (4, [])
    assert run_query(ORG, "SELECT COUNT( ) FROM ICM__c", DATA).size == 6


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("Name", ["Acme 1", "acme 2", "Bolt", "Core", "Døgn", "Lost"]),
        ("Name DESC", ["Lost", "Døgn", "Core", "Bolt", "acme 2", "Acme 1"]),
        ("Go_Live_Date__c", ["Core", "Lost", "Bolt", "acme 2", "Acme 1", "Døgn"]),
        ("Go_Live_Date__c DESC", ["Core", "Døgn", "Acme 1", "acme 2", "Bolt", "Lost"]),
        ("Go_Live_Date__c DESC NULLS LAST", ["Døgn", "Acme 1", "acme 2", "Bolt", "Lost", "Core"]),
        # A picklist sorts by the order of its values, not by their letters.
        ("Stage__c NULLS LAST", ["acme 2", "Døgn", "Acme 1", "Bolt", "Lost", "Core"]),
        ("Account__r.Name DESC NULLS LAST, Name DESC", ["Døgn", "Core", "Bolt", "acme 2", "Acme 1", "Lost"]),
    ],
)
def test_order(order: str, names: list[str]):
    assert [row["Name"] for row in find(f"SELECT Name FROM ICM__c ORDER BY {order}")] == names


def test_limit_and_offset_cut_the_ordered_rows():
    rows = find("SELECT Name FROM ICM__c ORDER BY Name LIMIT 2 OFFSET 3")
    assert [row["Name"] for row in rows] == ["Core", "Døgn"]
    assert find("SELECT Name FROM ICM__c LIMIT 0") == []


@pytest.mark.parametrize(
    ("query", "token", "place"),
    [
        ("SELECT Id FORM Account", "FORM", (1, 11)),
        ("SELECT Id FROM Account WHERE", "<EOF>", (1, 29)),
        ("SELECT Id\nFROM Account\nWHERE Name == 'x'", "=", (3, 13)),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "OR", (1, 56)),
        ("SELECT Id FROM Account WHERE NOT Name = 'a' AND Name = 'b'", "AND", (1, 45)),
        ("SELECT Id FROM Account WHERE Name IS NULL", "IS", (1, 35)),
        ("SELECT * FROM Account", "*", (1, 8)),
        ("SELECT Id FROM Account LIMIT -1", "-1", (1, 30)),
        ("SELECT Id FROM Account WHERE Name IN ()", ")", (1, 39)),
        ("SELECT Id FROM Account;", ";", (1, 23)),
        ("DELETE FROM Account", "DELETE", (1, 1)),
        ("SELECT Id FROM Account WHERE Name = Acme", "ACME", (1, 30)),
    ],
)
def test_what_is_not_soql_is_malformed_and_told_where(query: str, token: str, place: tuple[int, int]):
    error = refuse(query)
    assert (error.status, error.code) == (400, "MALFORMED_QUERY")
    assert f"ERROR at Row:{place[0]}:Column:{place[1]}\nunexpected token: '{token}'" in error.message
    assert query.split("\n")[place[0] - 1] in error.message


@pytest.mark.parametrize(
    ("query", "code", "detail"),
    [
        ("SELECT Id FROM Acount", "INVALID_TYPE", "sObject type 'Acount' is not supported."),
        ("SELECT Segment FROM Account", "INVALID_FIELD", "No such column 'Segment' on entity 'Account'."),
        (
            "SELECT Id FROM ICM__c WHERE Account__r.Nmae = 'x'",
            "INVALID_FIELD",
            "No such column 'Nmae' on entity 'Account'.",
        ),
        ("SELECT Account__r FROM ICM__c", "INVALID_FIELD", "No such column 'Account__r' on entity 'ICM__c'."),
        ("SELECT Account.Name FROM ICM__c", "INVALID_FIELD", "Didn't understand relationship 'Account' in field path."),
        ("SELECT Id FROM Account ORDER BY Size__c", "INVALID_FIELD", "No such column 'Size__c'"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD", "No such column 'IsDeleted'"),
        ("SELECT Id, id FROM Account", "MALFORMED_QUERY", "duplicate field selected: id"),
        (
            "SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account",
            "MALFORMED_QUERY",
            "maximum of 5 levels",
        ),
        (
            "SELECT Id FROM ICM__c WHERE Legal_Entities__c LIKE 'x%'",
            "INVALID_FIELD",
            "can not be filtered in a query call",
        ),
        ("SELECT Id FROM ICM__c ORDER BY Products__c", "MALFORMED_QUERY", "can not be sorted in a query call"),
        ("SELECT COUNT() FROM Account ORDER BY Name", "MALFORMED_QUERY", "count() query"),
        (
            "SELECT Id FROM ICM__c WHERE Go_Live_Date__c > '2026-01-01'",
            "INVALID_FIELD",
            "must be of type date and should not be",
        ),
        (
            "SELECT Id FROM ICM__c WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime and should not",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE Name = TODAY", "INVALID_FIELD", "must be of type string"),
        (
            "SELECT Id FROM Account WHERE NumberOfEmployees = '5'",
            "INVALID_FIELD",
            "must be of type int and should not be",
        ),
        ("SELECT Id FROM User WHERE IsActive = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Account WHERE Id = 'acme'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: acme"),
        ("SELECT Id FROM User WHERE IsActive > false", "INVALID_QUERY_FILTER_OPERATOR", "boolean"),
        ("SELECT Id FROM Account WHERE Name > null", "INVALID_QUERY_FILTER_OPERATOR", "string"),
        ("SELECT Id FROM ICM__c WHERE Stage__c INCLUDES ('Planned')", "INVALID_QUERY_FILTER_OPERATOR", "picklist"),
        ("SELECT Id FROM ICM__c WHERE Go_Live_Date__c LIKE '2026%'", "INVALID_QUERY_FILTER_OPERATOR", "date"),
        ("SELECT Id FROM Account WHERE Name = 'a\\zb'", "MALFORMED_QUERY", "Illegal character sequence '\\z'"),
        ("SELECT Id FROM Account WHERE Name = '\\u12'", "MALFORMED_QUERY", "Illegal character sequence '\\u'"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY", "unterminated string"),
        ("SELECT Id FROM ICM__c WHERE Go_Live_Date__c = 2026-02-30", "MALFORMED_QUERY", "Invalid date"),
        ("SELECT Id FROM ICM__c WHERE Go_Live_Date__c = LAST_N_DAYS:99999999", "MALFORMED_QUERY", "LAST_N_DAYS"),
        ("SELECT Id FROM ICM__c WHERE Go_Live_Date__c = LAST_N_DAYS", "MALFORMED_QUERY", "LAST_N_DAYS"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    ],
)
def test_names_and_types_that_do_not_fit_are_refused(query: str, code: str, detail: str):
    error = refuse(query)
    assert (error.status, error.code) == (400, code)
    assert detail in error.message


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("TODAY", None, "2026-11-18", "2026-11-18"),
        ("TOMORROW", None, "2026-11-19", "2026-11-19"),
        ("THIS_WEEK", None, "2026-11-15", "2026-11-21"),
        ("LAST_WEEK", None, "2026-11-08", "2026-11-14"),
        ("NEXT_MONTH", None, "2026-12-01", "2026-12-31"),
        ("LAST_QUARTER", None, "2026-07-01", "2026-09-30"),
        ("NEXT_QUARTER", None, "2027-01-01", "2027-03-31"),
        ("NEXT_YEAR", None, "2027-01-01", "2027-12-31"),
        ("LAST_90_DAYS", None, "2026-08-20", "2026-11-18"),
        ("NEXT_90_DAYS", None, "2026-11-19", "2027-02-16"),
        ("LAST_N_DAYS", 0, "2026-11-18", "2026-11-18"),
        ("LAST_N_DAYS", 7, "2026-11-11", "2026-11-18"),
        ("NEXT_N_DAYS", 7, "2026-11-19", "2026-11-25"),
        ("N_DAYS_AGO", 3, "2026-11-15", "2026-11-15"),
        ("LAST_N_WEEKS", 2, "2026-11-01", "2026-11-14"),
        ("LAST_N_MONTHS", 11, "2025-12-01", "2026-10-31"),
        ("NEXT_N_QUARTERS", 2, "2027-01-01", "2027-06-30"),
        ("N_YEARS_AGO", 2, "2024-01-01", "2024-12-31"),
    ],
)
def test_relative_dates(name: str, count: int | None, first: str, last: str):
    days = find_day_range(name, count, NOW.date())
    assert days is not None
    assert (days[0].isoformat(), (days[1] - timedelta(days=1)).isoformat()) == (first, last)


def test_today_is_a_day_of_the_orgs_time_zone():
    org = Org(
        "Pacific", "client", "secret", time_zone="America/Los_Angeles", clock=datetime(2026, 11, 18, 2, tzinfo=UTC)
    )
    for hours in (-19, -18, 0):
        org.put("Account", org.now() + timedelta(hours=hours), {"Name": str(hours)})
    # 18 hours before two in the night, UTC, is midnight in Los Angeles.
    assert [row["Name"] for row in find("SELECT Name FROM Account WHERE CreatedDate = TODAY", org)] == ["-18", "0"]
