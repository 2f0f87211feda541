"""Whether the roles of an engagement are filled, as its delivery needs them (rule R2). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypercare.model import Delivery, Engagement
from hypercare.policy import Policy

ALWAYS = {
    "EM": "previews reports and confirms what goes out",
    "SA": "answers technical questions",
    "CVM": "takes the customer over",
    "Support manager": "takes the customer's issues over",
}
"""Roles that every delivery has, and what nobody would do without them."""
WITH_PARTNER = {"partner PM": "fills the exit checklist"}
"""The same where a partner delivers, alone or together with us."""


@dataclass(frozen=True)
class MissingPeople:
    """Roles of which at least one must be somebody's, and none is."""

    roles: tuple[str, ...]
    why: str
    blocks: bool
    """Whether the exit gate waits for them."""


def find_missing_people(engagement: Engagement, policy: Policy) -> Iterator[MissingPeople]:
    """Yield what is missing: first for the gate's criteria, then for the work; no role twice."""
    told: set[str] = set()
    for criterion in policy.criteria.values():
        if not criterion.enabled or (criterion.only_with_coupa_pay and not engagement.has_coupa_pay):
            continue
        answering = tuple(criterion.parameters.get("roles", {}).get(engagement.delivery.value, ()))
        signing = tuple(criterion.parameters.get("sign_off_roles", ()))
        for roles, blocks in ((answering, not criterion.advisory), (signing, False)):
            if roles and not any(engagement.roles.get(role) for role in roles):
                told.update(roles)
                does = "answers" if blocks else "can sign off"
                yield MissingPeople(roles, f'who {does} the exit gate\'s "{criterion.title}"?', blocks)
    wanted = ALWAYS if engagement.delivery is Delivery.VENDOR else ALWAYS | WITH_PARTNER
    for role, does in wanted.items():
        if not engagement.roles.get(role) and role not in told:
            yield MissingPeople((role,), f"who {does}?", blocks=False)
