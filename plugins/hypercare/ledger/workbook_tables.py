"""The ledger's tables of what people told in workbooks and forms, and of what we answered."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKeyConstraint, Integer, String, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from hypercare.ledger.tables import Exact, Instant, metadata

workbook_versions = Table(
    "workbook_versions",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("version", Integer, primary_key=True, comment="counts the files that differ from the one read before"),
    Column("file", Text, nullable=False),
    Column("digest", String, nullable=False, comment="sha256 of the file's bytes"),
    Column("saved_by", Text, nullable=False, comment="as the file tells"),
    Column("saved_at", Instant, comment="as the file tells"),
    Column("first_as_of", Instant, nullable=False),
    Column("last_as_of", Instant, nullable=False),
    Column("refused", Text, nullable=False, comment="why the whole file is refused; empty: it was read"),
    Column("sheets", JSONB, nullable=False, comment="entries accepted by sheet, and headers that were ignored"),
    Column("refusals", JSONB, nullable=False, comment="cells and sheets that cannot be read"),
)

workbook_entries = Table(
    "workbook_entries",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("sheet", String, primary_key=True),
    Column("key", Text, primary_key=True, comment="what tells the row from the sheet's others"),
    Column("version", Integer, primary_key=True, comment="the first file that says so"),
    Column("as_of", Instant, nullable=False),
    Column("values", JSONB, nullable=False, comment="the accepted cells by column"),
    Column("cells", JSONB, nullable=False, comment="where they stand in the file read last"),
    Column("complete", Boolean, nullable=False, comment="whether every cell was accepted"),
    Column("told_by", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False, comment="the row is gone from that file on"),
    ForeignKeyConstraint(["engagement", "version"], ["workbook_versions.engagement", "workbook_versions.version"]),
)

form_entries = Table(
    "form_entries",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("sheet", String, primary_key=True, comment="the workbook's sheet that asks the same"),
    Column("key", Text, primary_key=True, comment="as a row of that sheet bears it"),
    Column("recorded_as_of", Instant, primary_key=True),
    Column("values", JSONB, nullable=False, comment="by column of that sheet"),
    Column("told_by", Text, nullable=False),
    Column("requested_by", Text, nullable=False, comment="who filled in the form"),
    Column("confirmed_by", Text, nullable=False, comment="empty: nobody is asked to confirm"),
)

explanations = Table(
    "explanations",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("check", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("source", String, primary_key=True, comment="workbook or form"),
    Column("recorded_as_of", Instant, primary_key=True),
    Column("reason_code", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("explained_by", Text, nullable=False),
    Column("explained_on", Date),
    Column("accepted_by", Text, nullable=False, comment="without it an explanation does not count"),
    Column("accepted_on", Date),
    Column("amount", Exact, comment="of the row when it was explained"),
    Column("currency", String, nullable=False),
    Column("status", Text, nullable=False, comment="what the row said then, apart from its numbers"),
    Column("told", String, nullable=False, comment="digest of what was told: unchanged words explain no changed row"),
    Column("withdrawn", Boolean, nullable=False),
)

readiness_answers = Table(
    "readiness_answers",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("criterion", String, primary_key=True),
    Column("source", String, primary_key=True, comment="workbook or form"),
    Column("recorded_as_of", Instant, primary_key=True),
    Column(
        "answers", JSONB, nullable=False, comment="hypercare.model.ReadinessAnswer, all that stand; none: withdrawn"
    ),
)

answer_files = Table(
    "answer_files",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("file", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="the version of the people's file that it answers"),
    Column(
        "contents_digest", String, nullable=False, comment="of what it says, so that it is written on a change only"
    ),
    Column("written_as_of", Instant, nullable=False),
)
