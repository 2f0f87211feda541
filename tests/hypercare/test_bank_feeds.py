"""From the files of a bank to the verdict of the bank side: read, published through the lake, validated, judged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import records as wire
from reconciling import Books, bill, entry, pay
from sqlalchemy import create_engine

from hypercare.errors import ContractError, ResourceMissingError
from hypercare.lake import Lake, Manifest
from hypercare.model import FeedState, Verdict
from hypercare.policy import load_policy
from hypercare.pulling import publish_rows, pull_id
from hypercare.quality import validate_batch
from hypercare.quality_findings import FeedValidation
from hypercare.quality_records import FeedPulls
from hypercare.runtime import Runtime
from hypercare.settings import Settings
from hypercare.week_views import WeekViews
from hypercare.weekly.bank_feeds import BANK_FEEDS, open_bank_readers

WHO = wire.engagement()
SHAPES = Path(__file__).parent / "systems" / "resources" / "bank"
SEPA = (SHAPES / "sepa_02.xml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "bank" / WHO.id
    own.mkdir(parents=True)
    return own


@pytest.fixture
def runtime(tmp_path: Path, folder: Path) -> Iterator[Runtime]:
    settings = Settings(state_folder=tmp_path, bank_url=str(folder.parent))
    engine = create_engine("sqlite://")  # never asked: reading and publishing need no ledger
    policy = load_policy(settings.policy_file)
    yield Runtime(settings, engine, Lake(str(tmp_path / "lake")), wire.CONTRACTS, policy)
    engine.dispose()


Publish = Callable[[], list[Manifest]]


@pytest.fixture
def publish(runtime: Runtime) -> Publish:
    def publish_feeds() -> list[Manifest]:
        readers, pull = open_bank_readers(runtime), pull_id(wire.OBSERVED_AT)
        rows = {feed: read(WHO) for feed, read in readers.items()}
        return [
            publish_rows(runtime.lake, wire.CONTRACTS[feed], WHO.id, pull, own, wire.OBSERVED_AT)
            for feed, own in rows.items()
            if own is not None
        ]

    return publish_feeds


def validate(runtime: Runtime) -> dict[str, FeedValidation]:
    pulls = {feed: tuple(runtime.lake.typed_pulls(WHO.id, [feed])) for feed in BANK_FEEDS}
    wanted = [FeedPulls(feed, WHO.id, own) for feed, own in pulls.items()]
    return {found.feed: found for found in validate_batch(wire.CONTRACTS, wanted)}


def test_files_become_feeds_that_validate_and_match(
    runtime: Runtime, folder: Path, publish: Publish, tmp_path: Path
) -> None:
    (folder / "a.xml").write_text(SEPA.replace("PAY-4", "PAY-9"), encoding="utf-8")
    assert [(one.feed, one.rows, one.misfits) for one in publish()] == [
        ("bank_statements", 1, 0),
        ("bank_entries", 5, 0),
    ]
    given = dict.fromkeys(BANK_FEEDS, FeedState.VALID)
    assert {name: found.state for name, found in validate(runtime).items()} == given

    euro = {"pay_to_currency": "EUR", "pay_from_currency": "EUR", "released_at": "2026-03-10T12:00:00Z"}
    payments = [pay(number, amount, pay_from_total=amount, **euro) for number, amount in ((2, "200.00"), (3, "502.50"))]
    records = {"invoices": [bill(1, shows=[entry(5, "100.00", "3-11")], paid=True)], "payments": payments}
    pulls = list(wire.write_pull(WHO, records, tmp_path, 0, wire.OBSERVED_AT))
    pulls += [one for feed in BANK_FEEDS for one in runtime.lake.typed_pulls(WHO.id, [feed])]
    with WeekViews(WHO, wire.CONTRACTS, pulls) as views:
        judged = Books(views, WHO, wire.OBSERVED_AT).judge("3-19", wire.feed_health(WHO, **given))
    check = judged.check("bank_side")
    assert (check.verdict, check.rows, check.reason) == (Verdict.PASS, 2, "")


def test_gaps_and_sums_that_do_not_agree_are_warnings(runtime: Runtime, folder: Path, publish: Publish) -> None:
    (folder / "a.xml").write_text(SEPA, encoding="utf-8")
    later = SEPA.replace("2026-070", "2026-075").replace("ElctrncSeqNb>70", "ElctrncSeqNb>75")
    (folder / "b.xml").write_text(
        later.replace("2026-03-11<", "2026-03-13<").replace("4197.50", "4.00"), encoding="utf-8"
    )
    publish()
    found = validate(runtime)["bank_statements"]
    failed = {rule.rule.partition(".")[2]: rule.unexpected for rule in found.rules if rule.unexpected}
    assert (found.state, failed) == (FeedState.VALID, {"follows_the_one_before": 1, "balances_add_up": 1})


def test_what_was_never_given_is_no_feed(publish: Publish) -> None:
    assert publish() == []


def test_without_coupa_pay_nothing_is_read(runtime: Runtime, folder: Path) -> None:
    (folder / "a.xml").write_text("broken", encoding="utf-8")
    alone = wire.engagement(products=frozenset())
    assert {read(alone) for read in open_bank_readers(runtime).values()} == {None}


def test_a_file_that_can_not_be_taken_refuses_both_feeds(runtime: Runtime, folder: Path) -> None:
    (folder / "a.xml").write_text("broken", encoding="utf-8")
    for read in open_bank_readers(runtime).values():
        with pytest.raises(ContractError, match=r"bank statement a\.xml: is no XML"):
            read(WHO)


def test_statements_that_are_gone_do_not_make_the_check_vanish(
    runtime: Runtime, folder: Path, publish: Publish
) -> None:
    (folder / "a.xml").write_text(SEPA, encoding="utf-8")
    publish()
    shutil.rmtree(folder)
    for settings in (runtime.settings, runtime.settings.model_copy(update={"bank_url": ""})):
        for read in open_bank_readers(replace(runtime, settings=settings)).values():
            with pytest.raises(ResourceMissingError, match="they were given before: put them back"):
                read(WHO)
