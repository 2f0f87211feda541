"""The rows behind a week's checks are frozen with its revision, and read back as they were written."""

from __future__ import annotations

import pytest
from ledger_records import (
    CHECKS,
    DETAILS,
    EXCEPTIONS,
    FACTS,
    ROWS,
    WEEK,
    make_week_judgement,
    opening_row,
    record_roster,
    seal_week,
)
from sqlalchemy import Engine

from hypercare.errors import PermanentError
from hypercare.ledger.evidence import RevisionKey, begin_revision, seal_revision, write_reconciliation
from hypercare.ledger.reconciled_rows import read_rows
from hypercare.reconciled_rows import NO_ROWS


def test_what_was_frozen_is_read_back(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    assert read_rows(ledger_engine, seal_week(ledger_engine)) == ROWS
    assert read_rows(ledger_engine, seal_week(ledger_engine, revision=2, rows=NO_ROWS)) == NO_ROWS


def test_a_repeated_try_replaces_them_until_the_seal(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    key = RevisionKey("a0X000000000001", WEEK, 1)
    with ledger_engine.begin() as connection:
        assert begin_revision(connection, key, opening_row())
        for rows in (ROWS, NO_ROWS, ROWS):
            write_reconciliation(connection, key, CHECKS, EXCEPTIONS, rows)
        seal_revision(connection, key, make_week_judgement(), FACTS, DETAILS)
    with pytest.raises(PermanentError, match="sealed"), ledger_engine.begin() as connection:
        write_reconciliation(connection, key, CHECKS, EXCEPTIONS, NO_ROWS)
    assert read_rows(ledger_engine, key) == ROWS
