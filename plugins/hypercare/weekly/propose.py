"""Proposed action items from the ledger into Jira, where the engagement allows it.

What fails to be written is a fault of no required evidence: it turns no run red, and the next run writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from hypercare.errors import HypercareError, LeaseLostError, TransientError
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import Lease, take_lease
from hypercare.ledger.proposals import (
    KeptProposal,
    note_intent,
    note_issue,
    note_told,
    read_proposals,
)
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement
from hypercare.runtime import Runtime
from hypercare.systems.jira_issues import IssueDraft, IssueReference, JiraIssues
from hypercare.technical_issues import Proposal, ProposalState
from hypercare.tracker_address import JiraAddress, parse_tracker_address
from hypercare.weekly.steps import find_fault
from hypercare.weekly.trackers import Trackers, open_trackers

CAUSE = "propose"
log = logging.getLogger(__name__)


def propose_issues(runtime: Runtime, as_of: datetime) -> int:
    """Write what the ledger proposes for each engagement into its tracker, where it may; return how many are open.

    What went wrong for whom is recorded as a fault. Raises LeaseLostError when another try has taken over.
    """
    everyone = read_engagements(runtime.engine)
    trackers = open_trackers(runtime.settings)
    faults: list[Fault] = []
    try:
        for engagement in everyone:

            def act(member: Engagement = engagement) -> None:
                _propose(runtime, member, trackers)

            fault = find_fault(engagement, CAUSE, act)
            faults += [replace(fault, required=False)] if fault else []
    finally:
        trackers.close()
    record_faults(runtime.engine, as_of, faults, checked=[e.id for e in everyone], causes=[CAUSE])
    kept = (each for engagement in everyone for each in read_proposals(runtime.engine, engagement.id).values())
    return sum(each.proposal.state is ProposalState.OPEN for each in kept)


def _propose(runtime: Runtime, engagement: Engagement, trackers: Trackers) -> None:
    address = parse_tracker_address(engagement.tracker) if engagement.tracker_writable else None
    if isinstance(address, JiraAddress):
        _write_all(runtime, engagement, address, trackers, take_lease(runtime.engine, f"propose:{engagement.id}"))


def _write_all(
    runtime: Runtime, engagement: Engagement, address: JiraAddress, trackers: Trackers, lease: Lease
) -> None:
    """Bring the tracker up to date; one proposal that fails does not stop the others, but a site that is down does."""
    pending = _list_pending(read_proposals(runtime.engine, engagement.id).values(), str(address))
    if not pending:
        return
    writer = _Writer(runtime, trackers.open_issues(address), str(address), lease)
    failed = []
    for kept in pending:
        try:
            writer.write(kept)
        except (LeaseLostError, TransientError):
            raise
        except HypercareError as error:
            log.warning("%s: %s: %s", engagement.name, kept.proposal.identity, error)
            failed.append(str(error))
    if failed:
        msg = f"{len(failed)} of {len(pending)} technical issues could not be written: {'; '.join(failed[:3])}"
        raise HypercareError(msg)


def _list_pending(kept: Iterable[KeptProposal], tracker: str) -> list[KeptProposal]:
    """Return what the tracker does not know yet; what cleared before it was ever written is not written."""
    return [
        each
        for each in kept
        if (each.tracker == tracker and each.external_id and each.told != each.proposal.mark)
        or (each.proposal.state is ProposalState.OPEN and not (each.tracker == tracker and each.external_id))
    ]


class _Writer:
    """Writes proposals into one project, each act recorded before the next."""

    def __init__(self, runtime: Runtime, issues: JiraIssues, tracker: str, lease: Lease) -> None:
        self._engine = runtime.engine
        self._issues = issues
        self._tracker = tracker
        self._lease = lease

    def write(self, kept: KeptProposal) -> None:
        """Tell the tracker what is new; what an earlier try has told already is found, not told again."""
        proposal = kept.proposal
        is_there = kept.tracker == self._tracker and bool(kept.external_id)
        issue = IssueReference(kept.external_id, kept.external_key) if is_there else self._find_or_create(kept)
        self._lease.check()
        self._issues.tell(issue, proposal.mark, proposal.describe())
        if proposal.state is ProposalState.CLEARED:
            self._issues.close(issue)
        else:
            self._issues.reopen(issue)
        with self._engine.begin() as connection:
            self._lease.hold(connection)
            note_told(connection, proposal)

    def _find_or_create(self, kept: KeptProposal) -> IssueReference:
        proposal = kept.proposal
        may_be_there = kept.intended and kept.tracker == self._tracker
        issue = self._issues.find(proposal.label, patient=may_be_there)
        if issue is None:
            with self._engine.begin() as connection:
                self._lease.hold(connection)
                note_intent(connection, proposal, self._tracker)
            issue = self._create(proposal)
        with self._engine.begin() as connection:
            self._lease.hold(connection)
            note_issue(connection, proposal, self._tracker, issue.id, issue.key)
        return issue

    def _create(self, proposal: Proposal) -> IssueReference:
        draft = IssueDraft(proposal.label, proposal.title, proposal.describe(), proposal.severity, proposal.mark)
        try:
            return self._issues.create(draft)
        except TransientError:
            # Nobody knows whether it was created.
            issue = self._issues.find(proposal.label, patient=True)
            if issue is None:
                raise
            return issue
