"""Action items proposed for technical issues, and what of each stands in the engagement's tracker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hypercare.canonical import plain
from hypercare.errors import ContractError
from hypercare.ledger.tables import proposals
from hypercare.model import Severity
from hypercare.technical_issues import Failure, Proposal, ProposalState
from hypercare.weeks import Week

FAILURES = TypeAdapter(tuple[Failure, ...])


@dataclass(frozen=True)
class KeptProposal:
    """A proposal, and where it is written."""

    proposal: Proposal
    tracker: str = ""
    """`jira:acme/HC`; empty: nowhere."""
    external_id: str = ""
    external_key: str = ""
    intended: bool = False
    """Whether an issue was about to be created: it may be there although its id is not known."""
    told: str = ""
    """The mark of what the tracker was told last."""


def read_proposals(engine: Engine, engagement: str) -> dict[str, KeptProposal]:
    """Return an engagement's proposals, open and cleared, by identity."""
    query = select(proposals).where(proposals.c.engagement == engagement).order_by(proposals.c.identity)
    with engine.connect() as connection:
        return {row.identity: _read(dict(row._mapping)) for row in connection.execute(query)}


def proposed_as_of(engine: Engine, engagement: str) -> datetime | None:
    """Return the run that changed an engagement's proposals last; None where there are none."""
    query = select(func.max(proposals.c.as_of)).where(proposals.c.engagement == engagement)
    with engine.connect() as connection:
        changed: datetime | None = connection.execute(query).scalar_one()
    return changed


def record_proposals(connection: Connection, changed: Iterable[Proposal], as_of: datetime) -> None:
    """Keep proposals as a run found them; what is known of the tracker stays."""
    for proposal in changed:
        values = {
            "engagement": proposal.engagement,
            "identity": proposal.identity,
            "state": proposal.state.value,
            "first_week": str(proposal.first_week),
            "last_week": str(proposal.last_week),
            "cleared_week": str(proposal.cleared_week) if proposal.cleared_week else None,
            "as_of": as_of,
            "proposal": plain(proposal),
        }
        key = (proposals.c.engagement, proposals.c.identity)
        statement = insert(proposals).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def note_intent(connection: Connection, proposal: Proposal, tracker: str) -> None:
    """Keep that an issue is about to be created in a tracker."""
    _note(connection, proposal, tracker=tracker, external_id="", external_key="", intended=True, told="")


def note_issue(connection: Connection, proposal: Proposal, tracker: str, external_id: str, external_key: str) -> None:
    """Keep the issue that stands for a proposal; nothing is known to be told to it yet."""
    note = {"tracker": tracker, "external_id": external_id, "external_key": external_key}
    _note(connection, proposal, **note, intended=False, told="")


def note_told(connection: Connection, proposal: Proposal) -> None:
    """Keep that the tracker knows of a proposal what there is to know."""
    _note(connection, proposal, told=proposal.mark)


def _note(connection: Connection, proposal: Proposal, **values: str | bool) -> None:
    same = (proposals.c.engagement == proposal.engagement) & (proposals.c.identity == proposal.identity)
    if connection.execute(update(proposals).where(same).values(**values)).rowcount != 1:
        msg = f"{proposal.engagement}: the proposal {proposal.identity!r} is not in the ledger"
        raise ContractError(msg)


def _read(row: Mapping[str, Any]) -> KeptProposal:
    facts = dict(row["proposal"])
    weeks = {name: Week.parse(facts[name]) for name in ("first_week", "last_week")}
    proposal = Proposal(
        **{
            **facts,
            **weeks,
            "cleared_week": Week.parse(facts["cleared_week"]) if facts["cleared_week"] else None,
            "severity": Severity(facts["severity"]),
            "state": ProposalState(facts["state"]),
            "failures": FAILURES.validate_python(facts["failures"]),
        }
    )
    return KeptProposal(proposal, row["tracker"], row["external_id"], row["external_key"], row["intended"], row["told"])
