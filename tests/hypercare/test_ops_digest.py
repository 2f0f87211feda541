"""The digest of a run says everything once, in the order of urgency."""

from __future__ import annotations

from datetime import UTC, datetime

from hypercare.ops_digest import TITLES, OpsDigest

AS_OF = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
FULL = OpsDigest(
    AS_OF,
    new=("Acme: payments (pull): answers 503\n<html>",),
    broken=("process_batch.pull_feeds",),
    recovered=("Borealis: users (refused)",),
    known=("until 2026-03-20 (Ada: they move house): Cascadia: invoices (pull): 503",),
    lasting=("Dunmore: suppliers (refused): no scope",),
    optional=("Eastgate: charges (refused): not licensed",),
    missed=("2026-W09",),
    may_exit=("Fairholm go-live (READY)",),
)


def test_every_part_has_a_heading_and_stands_in_it_once() -> None:
    text = FULL.to_markdown()
    assert text.startswith("# Hypercare run of 2026-03-09 14:30 UTC needs somebody\n")
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings == list(TITLES.values())
    assert sum(line.startswith("- ") for line in text.splitlines()) == len(TITLES)


def test_a_message_of_many_lines_stays_one_item() -> None:
    assert "- Acme: payments (pull): answers 503 <html>\n" in FULL.to_markdown()


def test_what_leaves_a_run_green_is_a_note_and_the_rest_is_not() -> None:
    assert [note.partition(":")[0] for note in FULL.notes()] == [
        "recovered", "known", "lasting", "optional", "missed", "may exit",
    ]  # fmt: skip
    assert FULL.is_red
    assert not OpsDigest(AS_OF, known=FULL.known, lasting=FULL.lasting).is_red


def test_a_run_with_nothing_to_say_says_so() -> None:
    assert OpsDigest(AS_OF).to_markdown() == (
        "# Hypercare run of 2026-03-09 14:30 UTC is healthy\n\nNothing is open, and nobody may leave hypercare yet.\n"
    )
