from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from gate_evidence import POLICY_FILE, POLICY_PATH, make_engagement, policy_for

from hypercare.criteria import CRITERIA
from hypercare.errors import ConfigurationError
from hypercare.model import Cadence, ErpLeg, Segment, Severity
from hypercare.policy import SCHEMA, CheckLevel, Policy, load_policy

PAY = make_engagement()
NO_PAY = make_engagement(products=frozenset())


def write_policy(folder: Path, change=None) -> Path:
    document = yaml.safe_load(POLICY_PATH.read_text())
    if change:
        change(document)
    path = folder / "exit_gate.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_shipped_policy_carries_the_rules_numbers():
    policy = policy_for(PAY)
    reconciliation = policy.reconciliation
    assert policy.version == POLICY_FILE.version == "exit_gate.v1"
    assert (policy.cycle.weeks, policy.cycle.min_period_ends) == (4, 1)
    assert policy.cycle.min_settled_runs == {Cadence.WEEKLY: 2, Cadence.SEMI_MONTHLY: 2, Cadence.MONTHLY: 1}
    assert reconciliation.tolerance == Decimal("0.01")
    assert reconciliation.payment_method_business_days == {
        "ach": 3,
        "sepa": 3,
        "wire": 2,
        "digital_check": 15,
        "virtual_card": 45,
    }
    assert reconciliation.late_after_business_days == 3
    assert reconciliation.clear_within_business_days == 10
    systemic = reconciliation.systemic
    assert (systemic.more_than_share_of_rows, systemic.more_than_share_of_value) == (Decimal("0.02"), Decimal("0.01"))
    assert systemic.at_least_rows == 3
    assert policy.pull.watermark_overlap_minutes == 15
    assert policy.feeds.warnings_only_first_weeks == 8
    assert policy.revisions.rejudge_unknown_weeks == 5
    assert policy.action_items.unsorted_after_business_days == 5
    assert (policy.handover.relapse_watch_weeks, policy.handover.relapse_watch_weeks_after_exception) == (4, 8)


def test_every_check_of_rule_r8_is_there_once():
    assert sorted(check.number for check in policy_for(PAY).reconciliation.checks.values()) == list(range(1, 13))


def test_without_coupa_pay_only_checks_4_7_8_and_10_are_looked_at():
    policy = policy_for(NO_PAY)
    looked_at = {
        check.number
        for name, check in policy.reconciliation.checks.items()
        if policy.find_check_level(name, NO_PAY) is not CheckLevel.NOT_APPLICABLE
    }
    assert looked_at == {4, 7, 8, 10}


def test_the_erp_leg_is_not_asked_of_a_customer_without_one():
    without = make_engagement(erp_leg=ErpLeg.NONE)
    assert policy_for(without).find_check_level("erp_leg", without) is CheckLevel.NOT_APPLICABLE
    assert policy_for(PAY).find_check_level("erp_leg", PAY) is CheckLevel.REQUIRED
    assert policy_for(PAY).find_check_level("never heard of", PAY) is None


def test_required_feeds_come_from_products_and_erp_leg():
    by_runs = make_engagement(erp_leg=ErpLeg.INTEGRATION_RUNS)
    assert "payments" in policy_for(PAY).list_required_feeds(PAY)
    assert "payments" not in policy_for(NO_PAY).list_required_feeds(NO_PAY)
    assert "integration_runs" not in policy_for(PAY).list_required_feeds(PAY)
    assert "integration_runs" in policy_for(by_runs).list_required_feeds(by_runs)


def test_every_feed_that_the_policy_names_has_a_contract():
    contracts = SCHEMA.parent / "feeds"
    if not contracts.is_dir():
        pytest.skip("no feed contracts here: not tested that the policy's feeds exist")
    policy = policy_for(PAY)
    required = policy.feeds.required
    named = {*required.always, *required.with_coupa_pay, *policy.action_items.required_sources}
    named.update(*required.by_erp_leg.values())
    assert named <= {path.stem for path in contracts.glob("*.yaml")}


def test_every_criterion_of_the_policy_has_a_function_and_the_other_way_round():
    assert set(policy_for(PAY).criteria) == set(CRITERIA)


@pytest.mark.parametrize(
    ("source", "word", "severity"),
    [
        ("tracker", " High ", Severity.HIGH),
        ("tracker", "P3", Severity.MEDIUM),
        ("jira", "Lowest", Severity.LOW),
        ("salesforce", "Sev 1", Severity.HIGH),
        ("tracker", "", Severity.UNSORTED),
        ("tracker", None, Severity.UNSORTED),
        ("tracker", "whatever", Severity.UNSORTED),
        ("unheard", "High", Severity.UNSORTED),
    ],
)
def test_priority_words(source, word, severity):
    assert policy_for(PAY).action_items.sort_priority(source, word) is severity


def test_a_priority_word_means_one_thing_per_source():
    for words in policy_for(PAY).action_items.priority_words.values():
        together = [word.casefold() for each in words.values() for word in each]
        assert len(together) == len(set(together))


def test_sources_are_told_for_every_value():
    policy = policy_for(PAY)
    assert policy.source_of("cycle.weeks") == "seed 4.4"
    assert policy.source_of("criteria.action_items") == "seed 4.4"
    assert policy.source_of("cycle.min_settled_runs.weekly") == "policy"
    assert policy_for(NO_PAY).source_of("cycle.weeks") == "policy"


def test_overrides_merge_deeply_segment_first_then_engagement(tmp_path):
    def change(document):
        document["overrides"]["segments"]["Strategic"] = {
            "cycle": {"min_settled_runs": {"weekly": 3, "monthly": 2}},
            "feeds": {"required": {"always": ["invoices"]}},
        }
        document["overrides"]["engagements"][PAY.id] = {"cycle": {"min_settled_runs": {"weekly": 4}}}

    file = load_policy(write_policy(tmp_path, change))
    strategic = make_engagement(segment=Segment.STRATEGIC)
    policy = file.for_engagement(strategic)
    assert policy.cycle.min_settled_runs == {Cadence.WEEKLY: 4, Cadence.SEMI_MONTHLY: 2, Cadence.MONTHLY: 2}
    assert policy.feeds.required.always == ("invoices",)
    assert policy.feeds.required.with_coupa_pay == ("payments",)
    assert policy.source_of("cycle.min_settled_runs.weekly") == f"override for engagement {PAY.id}"
    assert policy.source_of("cycle.min_settled_runs.monthly") == "override for segment Strategic"
    other = make_engagement(id="another", segment=Segment.STRATEGIC)
    assert file.for_engagement(other).cycle.min_settled_runs[Cadence.WEEKLY] == 3
    plain = make_engagement(id="another")
    assert file.for_engagement(plain) == dataclasses.replace(policy_for(plain), digest=file.digest)


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(document):
        for part in path:
            document = document.setdefault(part, {})
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("cycle", "weks", 3), "cycle.weks is not a key of the policy"),
        (put("surprise", 3), "surprise is not a key"),
        (
            put("overrides", "segments", "Strategic", "cycle", {"weks": 3}),
            "overrides.segments.Strategic.cycle.weks is not",
        ),
        (put("overrides", "engagements", "a1", "cycle", "weks", 3), "overrides.engagements.a1.cycle.weks is not a key"),
        (put("overrides", "segments", "Enormous", {}), "Enormous"),
        (put("overrides", "engagements", "a1", "version", {}), "version"),
        (
            put("overrides", "engagements", "a1", "cycle", "weeks", "four"),
            "overrides.engagements.a1.cycle.weeks: 'four'",
        ),
        (put("cycle", "weeks", 0), "cycle.weeks: 0 is less than"),
        (put("cycle", "payment_run_days", "monthly", [31]), "cycle.payment_run_days.monthly"),
        (put("cycle", "payment_run_days", "weekly", "fri"), "cycle.payment_run_days.weekly"),
        (put("reconciliation", "tolerance", 0.01), "reconciliation.tolerance: 0.01 is not of type"),
        (put("reconciliation", "systemic", "more_than_share_of_rows", "2"), "more_than_share_of_rows"),
        (put("reconciliation", "checks", "roll_forward", "with_coupa_pay", "sometimes"), "roll_forward.with_coupa_pay"),
        (put("criteria", "reconciliation_cycle", "enabled", False), "criteria.reconciliation_cycle.enabled"),
        (put("overrides", "engagements", "a1", "criteria", "reconciliation_cycle", "advisory", True), "advisory"),
        (put("criteria", "action_items", "enable", True), "criteria.action_items.enable is not a key"),
        (put("sources", "seeded", "cycle.months", "seed 4.4"), "cycle.months names no value"),
        (put("handover", "min_possible_approvers", 1), "min_possible_approvers"),
    ],
)
def test_what_does_not_belong_is_refused_by_its_path(tmp_path, change, words):
    with pytest.raises(ConfigurationError) as refused:
        load_policy(write_policy(tmp_path, change))
    assert words in str(refused.value)
    assert "exit_gate.yaml" in str(refused.value)


def test_a_missing_key_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cycle: 'weeks' is a required property"):
        load_policy(write_policy(tmp_path, lambda document: document["cycle"].pop("weeks")))


@pytest.mark.parametrize("text", ["", "[]", "cycle: {weeks: 4", "cycle: {weeks: 4}\ncycle: {weeks: 5}\n"])
def test_what_is_no_policy_at_all_is_refused(tmp_path, text):
    path = tmp_path / "exit_gate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"exit_gate\.yaml"):
        load_policy(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "exit_gate.yaml"
    path.write_text(POLICY_PATH.read_text().replace("  weeks: 4\n", "  weeks: 4\n  weeks: 3\n"))
    with pytest.raises(ConfigurationError, match="'weeks' stands twice"):
        load_policy(path)


def test_an_engagement_with_an_unknown_fiscal_calendar_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"Northwind.*4-4-5.*calendar-month"):
        policy_for(make_engagement(fiscal_calendar="4-4-5"))


def test_the_digest_follows_the_bytes(tmp_path):
    assert load_policy(write_policy(tmp_path)).digest != POLICY_FILE.digest
    assert load_policy(POLICY_PATH).digest == POLICY_FILE.digest


def test_a_policy_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy_for(PAY).cycle.weeks = 3


def test_the_schema_and_the_records_have_the_same_keys():
    schema = json.loads(SCHEMA.read_text())

    def resolve(node):
        if "$ref" in node:
            return schema["$defs"][node["$ref"].rpartition("/")[2]]
        return node

    def compare(record, node, path):
        node = resolve(node)
        hints = typing.get_type_hints(record)
        names = {field.name for field in dataclasses.fields(record)}
        assert names == set(node["properties"]) - {"overrides"}, path
        for name in names:
            hint, below = hints[name], resolve(node["properties"][name])
            if typing.get_origin(hint) is Mapping:
                hint = typing.get_args(hint)[1]
                below = below.get("additionalProperties")
            elif typing.get_origin(hint) is tuple:
                hint, below = typing.get_args(hint)[0], below.get("items")
            if dataclasses.is_dataclass(hint) and isinstance(below, dict):
                compare(hint, below, f"{path}.{name}")

    computed = {"digest": {}, "default_source": {}}
    compare(Policy, {**schema, "properties": schema["properties"] | computed}, "policy")
