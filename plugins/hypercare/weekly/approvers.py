"""Who may confirm what somebody else asks for, and whether one of them did (rules R15, R20)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hypercare.adjustment_rules import is_same_person
from hypercare.errors import ConfigurationError, PermanentError
from hypercare.ledger.adjustments import Confirmation, read_confirmation
from hypercare.runtime import Runtime

APPROVE = "Approve"
"""The answer that confirms, as Airflow's approval operator calls it."""


@dataclass(frozen=True)
class Approver:
    """Somebody who may confirm."""

    id: str
    """As the auth manager knows it."""
    name: str

    def is_called(self, name: str) -> bool:
        """Return whether a name or id means this person."""
        return is_same_person(name, self.id) or is_same_person(name, self.name)


def list_approvers(runtime: Runtime, what: str, asking: Collection[str] = (), needed: int = 1) -> list[Approver]:
    """Return who may confirm `what`: those of HYPERCARE_APPROVERS without the ones that ask for it.

    Raises ConfigurationError where fewer than `needed` are left.
    """
    named = [_read_approver(entry) for entry in runtime.settings.approvers.split(",") if entry.strip()]
    approvers = [each for each in named if not any(each.is_called(name) for name in asking)]
    if len(approvers) < needed:
        without = f" beside {' and '.join(dict.fromkeys(asking))}" if asking else ""
        msg = (
            f"{needed} people{without} must be able to confirm {what}, and there are {len(approvers)}; "
            "name Airflow user ids in HYPERCARE_APPROVERS"
        )
        raise ConfigurationError(msg)
    return approvers


def _read_approver(entry: str) -> Approver:
    id_, _, name = (part.strip() for part in entry.partition("="))
    return Approver(id_, name or id_)


def require_answer(runtime: Runtime, run: str, whose: str, what: str) -> Confirmation:
    """Return what a person answered in a run; `whose` is the engagement, `what` the thing: `this pause`.

    Only the ledger's own row of the answer counts. Raises PermanentError where there is none.
    """
    answer = read_confirmation(runtime.engine, run)
    if answer is None:
        msg = f"{whose}: nobody has confirmed {what}; nothing is recorded"
        raise PermanentError(msg)
    return answer


def find_approver(answer: Confirmation, approvers: Collection[Approver], whose: str, what: str) -> Approver:
    """Return which of the approvers has confirmed; raise PermanentError for a rejection, or anybody else's answer."""
    if answer.option != APPROVE:
        msg = f"{whose}: {answer.responded_by} has rejected {what}; nothing is recorded"
        raise PermanentError(msg)
    for approver in approvers:
        if approver.id == answer.responded_by:
            return approver
    msg = f"{whose}: {answer.responded_by} may not confirm {what}; nothing is recorded"
    raise PermanentError(msg)
