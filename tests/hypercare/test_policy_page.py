"""The policy's page says what the product goes by, all of it, and is current."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypercare.errors import ConfigurationError
from hypercare.policy import PolicyFile
from hypercare.policy_page import PAGE, Sources, list_values, read_sources, render_page, say_value

INCLUDE = Path(__file__).resolve().parents[2] / "include"
SOURCES = read_sources(INCLUDE, INCLUDE / "policies" / "exit_gate.v1.yaml")
TEXT = render_page(SOURCES)


def with_policy(**sections: Mapping[str, Any]) -> Sources:
    policy = SOURCES.policy
    return replace(SOURCES, policy=PolicyFile(policy.name, policy.digest, {**policy.document, **sections}))


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == TEXT, "run: make docs"


def test_every_value_is_shown_with_its_default_and_what_it_means() -> None:
    values = list_values(SOURCES.policy, SOURCES.schema)
    assert len(values) > 40
    for value in values:
        assert f"| `{value.path}` | {say_value(value.value)} |" in TEXT
    unexplained = [value.path for value in values if not value.meaning]
    assert not unexplained, "give each a description in include/schemas/exit_gate.schema.json"


def test_every_check_criterion_and_metric_is_shown() -> None:
    reconciliation, criteria = SOURCES.policy.document["reconciliation"], SOURCES.policy.document["criteria"]
    titles = [each["title"] for each in (*reconciliation["checks"].values(), *criteria.values())]
    titles += [metric.title for metric in SOURCES.metrics.values()]
    assert [title for title in titles if title not in TEXT] == []


def test_every_rule_has_an_example() -> None:
    rules = re.split(r"^\*\*(?=R\d)", TEXT, flags=re.MULTILINE)[1:]
    named = {int(number) for rule in rules for number in re.findall(r"R(\d+)", rule.partition("**")[0])}
    # "R17 to R21" stands for the five of them.
    assert named | {18, 19, 20} == set(range(1, 25))
    assert [rule[:20] for rule in rules if rule.count("*Example.*") != 1] == []


def test_another_default_makes_another_page() -> None:
    policy = SOURCES.policy.document
    changed = render_page(with_policy(reconciliation={**policy["reconciliation"], "clear_within_business_days": 5}))
    assert 'FAIL "open until\nFriday 13 March"' in changed
    assert "| `reconciliation.clear_within_business_days` | 5 |" in changed
    assert "Friday 20 March" in TEXT


def test_a_section_that_the_template_does_not_know_is_shown_at_the_end() -> None:
    assert TEXT.endswith("Every value stands above.\n")
    assert render_page(with_policy(sending={"hour": 9})).endswith("| `sending` | hour: 9 |  | policy |\n")


def test_what_the_seed_asks_is_told_from_our_own() -> None:
    sources = {value.path: value.source for value in list_values(SOURCES.policy, SOURCES.schema)}
    assert sources["cycle.weeks"] == "seed 4.4"
    assert sources["handover.routes"] == "seed 4.5"
    assert sources["cycle.min_period_ends"] == "policy"


@pytest.mark.parametrize("placeholder", ["cycle.moons", "percent cycle.moons", "table moons", "2026-03-08 + moons"])
def test_a_placeholder_for_nothing_is_refused(placeholder: str) -> None:
    with pytest.raises(ConfigurationError, match="moons names no value"):
        render_page(replace(SOURCES, template=f"[[{placeholder}]]"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        ([], "none"),
        (["a", "b"], "a, b"),
        ({"ach": 3, "wire": 2}, "ach: 3, wire: 2"),
        ({"high": ["p1", "p2"], "low": []}, "high: p1, p2; low: none"),
        (
            [{"segment": "any", "region": "US"}, {"segment": "x", "region": "y"}],
            "segment: any, region: US; segment: x, region: y",
        ),
    ],
)
def test_values_in_words(value: object, words: str) -> None:
    assert say_value(value) == words
