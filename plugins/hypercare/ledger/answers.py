"""What people answered to the criteria that data can't decide (rules R10, R14), with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from hypercare.canonical import plain
from hypercare.ledger.workbook_tables import answer_files, readiness_answers
from hypercare.model import ReadinessAnswer
from hypercare.weeks import Week

WORKBOOK, FORM = "workbook", "form"
ANSWERS = TypeAdapter(list[ReadinessAnswer])


def record_answers(
    connection: Connection,
    engagement: str,
    criterion: str,
    as_of: datetime,
    answers: Sequence[ReadinessAnswer],
    source: str = FORM,
) -> bool:
    """Keep what stands as answered to a criterion, unless it stood so before; return whether it is new.

    No answers: what was told before is withdrawn.
    """
    table = readiness_answers
    of_source = (table.c.engagement == engagement) & (table.c.criterion == criterion) & (table.c.source == source)
    last = connection.execute(
        select(table.c.answers).where(of_source).order_by(table.c.recorded_as_of.desc()).limit(1)
    ).scalar_one_or_none()
    told = plain(list(answers))
    if told == (last or []):
        return False
    row = {"engagement": engagement, "criterion": criterion, "source": source, "recorded_as_of": as_of, "answers": told}
    statement = insert(table).values(row)
    keys = [table.c.engagement, table.c.criterion, table.c.source, table.c.recorded_as_of]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"answers": told}))
    return True


def read_answers(engine: Engine, engagement: str) -> list[ReadinessAnswer]:
    """Return the answers that stand, of workbook and forms, by criterion."""
    table = readiness_answers
    query = (
        select(table.c.answers)
        .ext(distinct_on(table.c.criterion, table.c.source))
        .where(table.c.engagement == engagement)
        .order_by(table.c.criterion, table.c.source, table.c.recorded_as_of.desc())
    )
    with engine.connect() as connection:
        return [
            answer for told in connection.execute(query).scalars() for answer in ANSWERS.validate_python(_weeks(told))
        ]


def answered_as_of(engine: Engine, engagement: str) -> datetime | None:
    """Return the run that brought the newest answer, or the newest withdrawal; None where nothing was ever answered."""
    query = select(func.max(readiness_answers.c.recorded_as_of)).where(readiness_answers.c.engagement == engagement)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none()


def read_answer_file(engine: Engine, engagement: str) -> tuple[str, str] | None:
    """Return the file that we wrote beside a workbook, and the digest of what it says; None where we never did."""
    table = answer_files
    query = select(table.c.file, table.c.contents_digest).where(table.c.engagement == engagement)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.file, row.contents_digest)


def record_answer_file(
    connection: Connection, engagement: str, file: str, version: int, contents_digest: str, as_of: datetime
) -> None:
    """Keep what we wrote, in the place of what we wrote before."""
    values = {"file": file, "version": version, "contents_digest": contents_digest, "written_as_of": as_of}
    statement = insert(answer_files).values(engagement=engagement, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[answer_files.c.engagement], set_=values))


def _weeks(told: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    return [{**answer, "weeks": [Week.parse(str(week)) for week in _list(answer["weeks"])]} for answer in told]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
