"""Read workbooks: what people told, what was made of it, and what we answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "workbook_versions",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="counts the files that differ from the one read before"
        ),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False, comment="sha256 of the file's bytes"),
        sa.Column("saved_by", sa.Text(), nullable=False, comment="as the file tells"),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True, comment="as the file tells"),
        sa.Column("first_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False, comment="why the whole file is refused; empty: it was read"),
        sa.Column(
            "sheets",
            postgresql.JSONB(),
            nullable=False,
            comment="entries accepted by sheet, and headers that were ignored",
        ),
        sa.Column(
            "refusals",
            postgresql.JSONB(),
            nullable=False,
            comment="cells and sheets that cannot be read",
        ),
        sa.PrimaryKeyConstraint("engagement", "version", name=op.f("pk_workbook_versions")),
    )
    op.create_table(
        "answer_files",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="the version of the people's file that it answers"),
        sa.Column(
            "contents_digest",
            sa.String(),
            nullable=False,
            comment="of what it says, so that it is written on a change only",
        ),
        sa.Column("written_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("engagement", name=op.f("pk_answer_files")),
    )
    op.create_table(
        "explanations",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False, comment="workbook or form"),
        sa.Column("recorded_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("explained_by", sa.Text(), nullable=False),
        sa.Column("explained_on", sa.Date(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=False, comment="without it an explanation does not count"),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="of the row when it was explained"),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="what the row said then, apart from its numbers"),
        sa.Column(
            "told",
            sa.String(),
            nullable=False,
            comment="digest of what was told: unchanged words explain no changed row",
        ),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "check", "key", "source", "recorded_as_of", name=op.f("pk_explanations")),
    )
    op.create_table(
        "readiness_answers",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("criterion", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False, comment="workbook or form"),
        sa.Column("recorded_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "answers",
            postgresql.JSONB(),
            nullable=False,
            comment="hypercare.model.ReadinessAnswer, all that stand; none: withdrawn",
        ),
        sa.PrimaryKeyConstraint(
            "engagement", "criterion", "source", "recorded_as_of", name=op.f("pk_readiness_answers")
        ),
    )
    op.create_table(
        "workbook_entries",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="what tells the row from the sheet's others"),
        sa.Column("version", sa.Integer(), nullable=False, comment="the first file that says so"),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("values", postgresql.JSONB(), nullable=False, comment="the accepted cells by column"),
        sa.Column("cells", postgresql.JSONB(), nullable=False, comment="where they stand in the file read last"),
        sa.Column("complete", sa.Boolean(), nullable=False, comment="whether every cell was accepted"),
        sa.Column("told_by", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False, comment="the row is gone from that file on"),
        sa.ForeignKeyConstraint(
            ["engagement", "version"],
            ["workbook_versions.engagement", "workbook_versions.version"],
            name=op.f("fk_workbook_entries_engagement_version"),
        ),
        sa.PrimaryKeyConstraint("engagement", "sheet", "key", "version", name=op.f("pk_workbook_entries")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("workbook_entries")
    op.drop_table("readiness_answers")
    op.drop_table("explanations")
    op.drop_table("answer_files")
    op.drop_table("workbook_versions")
