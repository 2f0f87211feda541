"""What somebody knows of turns no run red until its day, and who knows it and why is kept (rule R23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from hypercare.errors import ConfigurationError
from hypercare.ledger.acknowledgements import (
    Acknowledgement,
    KnownFault,
    acknowledge_faults,
    known_faults,
    read_acknowledgement,
)
from hypercare.ledger.faults import Fault, new_faults, open_faults, record_faults
from tests.hypercare.ledger.test_ledger_faults import MONDAY, PULL, REFUSED, THURSDAY, TUESDAY, WEDNESDAY, run

SAID = Acknowledgement("acme", WEDNESDAY.date(), "their API moves house", "Ada", "payments", "pull")


def acknowledge(engine: Engine, said: Acknowledgement = SAID, at: datetime = MONDAY) -> list[Fault]:
    return acknowledge_faults(engine, said, at)


def test_what_is_known_turns_no_run_red_until_its_day_and_one_run_after_it(ledger_engine: Engine) -> None:
    assert run(ledger_engine, MONDAY, PULL) == [PULL]
    assert acknowledge(ledger_engine) == [PULL]
    assert new_faults(ledger_engine, MONDAY) == []
    assert run(ledger_engine, TUESDAY, PULL) == []
    # Gone and back within the days: as known as it was.
    assert run(ledger_engine, TUESDAY + timedelta(hours=1)) == []
    assert run(ledger_engine, WEDNESDAY, PULL) == []
    assert known_faults(ledger_engine, WEDNESDAY) == [
        KnownFault(PULL, WEDNESDAY.date(), "Ada", "their API moves house")
    ]
    assert run(ledger_engine, THURSDAY, PULL) == [PULL]
    assert run(ledger_engine, THURSDAY, PULL) == [PULL]
    assert run(ledger_engine, THURSDAY + timedelta(hours=6), PULL) == []
    assert known_faults(ledger_engine, THURSDAY) == []
    assert open_faults(ledger_engine) == [PULL]


def test_what_returns_after_its_day_is_new(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    acknowledge(ledger_engine, replace(SAID, until=TUESDAY.date()))
    run(ledger_engine, TUESDAY)
    assert run(ledger_engine, THURSDAY, PULL) == [PULL]


def test_another_fault_of_the_same_subject_is_still_new(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    acknowledge(ledger_engine)
    assert run(ledger_engine, TUESDAY, PULL, REFUSED) == [REFUSED]


def test_without_feed_and_cause_everything_open_of_a_subject_is_known(ledger_engine: Engine) -> None:
    elsewhere = replace(PULL, subject="borealis", engagements=("Borealis go-live",))
    run(ledger_engine, MONDAY, PULL, REFUSED, elsewhere, checked=("acme", "borealis"))
    assert acknowledge(ledger_engine, replace(SAID, feed="", cause="")) == [PULL, REFUSED]
    assert [known.fault for known in known_faults(ledger_engine, MONDAY)] == [PULL, REFUSED]


def test_an_engagement_can_be_named_as_the_red_run_names_it(ledger_engine: Engine) -> None:
    fault = Fault("a0I000000000001", "", "measure", "surprise", ("Acme phase 1",))
    record_faults(ledger_engine, MONDAY, [fault], checked=[fault.subject], causes=["measure"])
    assert acknowledge(ledger_engine, Acknowledgement("Acme phase 1", MONDAY.date(), "known", "Ada")) == [fault]


def test_the_last_words_said_of_a_fault_count(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    acknowledge(ledger_engine)
    acknowledge(ledger_engine, replace(SAID, who="Ben", reason="still moving"), MONDAY + timedelta(hours=1))
    assert [(known.who, known.reason) for known in known_faults(ledger_engine, TUESDAY)] == [("Ben", "still moving")]
    acknowledge(ledger_engine, replace(SAID, who="Cy", until=TUESDAY.date()), MONDAY + timedelta(hours=2))
    assert [(known.who, known.until) for known in known_faults(ledger_engine, TUESDAY)] == [("Cy", TUESDAY.date())]
    assert known_faults(ledger_engine, WEDNESDAY) == []


def test_only_an_open_fault_can_be_acknowledged_and_the_open_ones_are_named(ledger_engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="open are: no fault at all"):
        acknowledge(ledger_engine)
    run(ledger_engine, MONDAY, PULL, REFUSED)
    run(ledger_engine, TUESDAY, REFUSED)
    with pytest.raises(ConfigurationError, match=r"acme payments pull is open; open are: acme users \(refused\)"):
        acknowledge(ledger_engine)


def test_a_day_that_has_passed_is_refused(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    with pytest.raises(ConfigurationError, match="2026-03-09 has passed"):
        acknowledge(ledger_engine, replace(SAID, until=MONDAY.date()), TUESDAY)
    assert new_faults(ledger_engine, MONDAY) == [PULL]


def test_answers_of_a_form_are_read_whole() -> None:
    answers = {"subject": " acme ", "until": "2026-11-30", "reason": "known", "who": "Ada", "feed": None, "cause": ""}
    assert read_acknowledgement(answers) == Acknowledgement("acme", date(2026, 11, 30), "known", "Ada")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "needs subject, until, reason, who"),
        ({"subject": "acme", "until": "2026-11-30", "reason": " ", "who": "Ada"}, "needs reason"),
        ({"subject": "acme", "until": "soon", "reason": "known", "who": "Ada"}, "'soon' is no date"),
    ],
)
def test_what_is_missing_from_a_form_is_named(answers: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_acknowledgement(answers)
