"""Ids, versions and the clock of the Salesforce stand-in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.salesforce.ids import complete_id, new_id
from sandbox.salesforce.schema import load_schema
from sandbox.salesforce.store import Org

NOVEMBER = datetime(2026, 11, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def org() -> Org:
    return Org("Demo", "client", "secret", clock=NOVEMBER)


def test_the_suffix_is_salesforces_own():
    # A pair that Salesforce's documentation shows.
    assert complete_id("001D000000IRt53") == "001D000000IRt53IAD"


@given(st.sampled_from(["001", "a0I", "00D"]), st.integers(0, 10**12) | st.text())
def test_every_id_survives_the_loss_of_its_case(prefix: str, of: int | str):
    made = new_id(prefix, of)
    assert len(made) == 18
    assert made.startswith(prefix)
    assert new_id(prefix, of) == made
    assert complete_id(made[:15]) == made
    assert complete_id(made.lower()) == complete_id(made.upper()) == made


def test_ids_of_counters_and_texts_differ_from_one_another():
    assert len({new_id("001", of) for of in [*range(500), *map(str, range(500))]}) == 1000


@pytest.mark.parametrize("text", ["", "001", "001D000000IRt53IQD", "001D000000IRt5!", "001D000000IRt53IA9"])
def test_what_is_no_id_is_refused(text: str):
    with pytest.raises(ValueError, match=r"record id|suffix"):
        complete_id(text)


def test_a_record_shows_the_last_version_not_after_the_clock(org: Org):
    account = org.put("Account", NOVEMBER, {"Name": "Acme", "Region__c": "EMEA"})
    org.put("Account", NOVEMBER + 2 * DAY, {"Id": account, "Name": "Acme SE"})
    seen = {}
    for days in (-1, 0, 1, 2, 3):
        org.clock = NOVEMBER + days * DAY
        record = org.get("Account", account)
        seen[days] = record and (record["Name"], record["Region__c"], record["LastModifiedDate"], record["CreatedDate"])
    first = ("Acme", "EMEA", NOVEMBER, NOVEMBER)
    second = ("Acme SE", "EMEA", NOVEMBER + 2 * DAY, NOVEMBER)
    assert seen == {-1: None, 0: first, 1: first, 2: second, 3: second}


@given(st.permutations(range(5)))
def test_versions_may_be_put_in_any_order(order: list[int]):
    org = Org("Demo", "client", "secret", clock=NOVEMBER + 10 * DAY)
    account = new_id("001", "acme")
    for day in order:
        org.put("Account", NOVEMBER + day * DAY, {"Id": account, "Name": f"Acme {day}", "NumberOfEmployees": day})
    names = []
    for day in range(5):
        org.clock = NOVEMBER + day * DAY
        record = org.get("Account", account)
        assert record is not None
        names.append((record["Name"], record["NumberOfEmployees"], record["CreatedDate"]))
    assert names == [(f"Acme {day}", day, NOVEMBER) for day in range(5)]


def test_without_a_clock_the_org_has_the_real_time():
    org = Org("Demo", "client", "secret")
    past = org.put("Account", datetime.now(UTC) - DAY, {"Name": "Past"})
    future = org.put("Account", datetime.now(UTC) + DAY, {"Name": "Future"})
    assert [record["Id"] for record in org.list_records("Account")] == [past]
    assert org.get("Account", future) is None


def test_values_are_read_into_the_types_of_their_fields(org: Org):
    record_id = org.put(
        "ICM__c",
        NOVEMBER,
        {
            "Name": "Acme 1",
            "Go_Live_Date__c": "2026-10-05",
            "Products__c": ["Invoicing", "Coupa Pay"],
            "Tracker__c": "",
        },
    )
    account = org.put("Account", NOVEMBER, {"Name": "Acme", "AnnualRevenue": "1500000.50", "NumberOfEmployees": 12})
    record, parent = org.get("ICM__c", record_id), org.get("Account", account)
    assert record is not None
    assert parent is not None
    assert record["Go_Live_Date__c"] == date(2026, 10, 5)
    assert record["Products__c"] == "Invoicing;Coupa Pay"
    assert record["Tracker__c"] is None
    assert parent["AnnualRevenue"] == Decimal("1500000.50")


@pytest.mark.parametrize(
    ("sobject", "body", "complaint"),
    [
        ("Opportunity", {}, "no object 'Opportunity'"),
        ("Account", {"Nmae": "Acme"}, "no field 'Nmae'"),
        ("Account", {"Id": new_id("500", 1)}, "not the id of a Account"),
        ("Case", {"AccountId": new_id("003", 1)}, "not the id of a Account"),
        ("ICM__c", {"Go_Live_Date__c": "5 October"}, "ICM__c.Go_Live_Date__c"),
        ("ICM__c", {"Name": "x" * 81}, "81 characters"),
        ("User", {"IsActive": "yes"}, "neither true nor false"),
        ("User", {"LastLoginDate": "2026-11-01T00:00:00"}, "no time zone"),
    ],
)
def test_a_generators_mistake_is_refused_at_once(org: Org, sobject: str, body: dict[str, object], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        org.put(sobject, NOVEMBER, body)


def test_an_instant_without_time_zone_is_refused(org: Org):
    with pytest.raises(ValueError, match="no time zone"):
        org.put("Account", datetime(2026, 11, 2), {"Name": "Acme"})  # noqa: DTZ001


def test_cases_are_numbered_and_closed_by_their_status(org: Org):
    first = org.put("Case", NOVEMBER, {"Subject": "Login", "Status": "New"})
    org.put("Case", NOVEMBER, {"Subject": "Other"})
    org.put("Case", NOVEMBER + DAY, {"Id": first, "Status": "Closed"})
    org.put("Case", NOVEMBER + 2 * DAY, {"Id": first, "Status": "Closed", "Subject": "Login again"})
    assert [record["CaseNumber"] for record in org.list_records("Case")] == ["00000001", "00000002"]
    states = []
    for days in (0, 1, 2):
        org.clock = NOVEMBER + days * DAY
        record = org.get("Case", first)
        assert record is not None
        states.append((record["IsClosed"], record["ClosedDate"]))
    assert states == [(False, None), (True, NOVEMBER + DAY), (True, NOVEMBER + DAY)]


def test_a_new_id_never_takes_the_place_of_a_record(org: Org):
    taken = org.put("Account", NOVEMBER, {"Id": new_id("001", 1), "Name": "First"})
    assert org.put("Account", NOVEMBER, {"Name": "Second"}) != taken
    assert sum(1 for _ in org.list_records("Account")) == 2


def test_the_schema_names_its_relationships_and_leads_only_to_known_objects():
    schema = load_schema()
    icm = schema.find_object("icm__C")
    assert icm is not None
    assert icm.find_relationship("engagement_manager__r") is icm.find_field("Engagement_Manager__c")
    references = [field for each in schema.objects for field in each.fields if field.type == "reference"]
    assert len(references) > 20
    assert all(schema.find_object(field.to) for field in references)
    assert len({each.prefix for each in schema.objects}) == len(schema.objects)
