"""An engagement with its adjustments, ready to be judged with one more. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from hypercare.adjustment_terms import Terms, adjust_engagement, find_state, read_terms
from hypercare.adjustments import Adjustment
from hypercare.model import Engagement, ExitState, Judgement
from hypercare.policy import Policy

Judge = Callable[[Engagement, Terms], Judgement]
"""The gate on the engagement's frozen evidence, under the terms handed over; writes nothing."""


@dataclass(frozen=True)
class EngagementStanding:
    """One engagement with the adjustments that it has, in their order."""

    engagement: Engagement
    """As the ledger holds it."""
    adjustments: tuple[Adjustment, ...]
    policy: Policy
    today: date
    """The local day on which is asked."""
    judge: Judge
    handed_over: bool = False

    @cached_property
    def terms(self) -> Terms:
        """What the adjustments come to."""
        return read_terms(self.adjustments)

    @cached_property
    def judgement(self) -> Judgement:
        """The gate's answer now."""
        return self.judge(self.engagement, self.terms)

    @cached_property
    def state(self) -> ExitState:
        """Where the engagement stands: one of the gate's states, or HANDED OVER, PAUSED, CANCELLED."""
        judged = ExitState.HANDED_OVER if self.handed_over else self.judgement.state
        return find_state(judged, self.terms, self.today)

    def add(self, adjustment: Adjustment) -> EngagementStanding:
        """Return the standing with one more adjustment."""
        adjustments = (*self.adjustments, adjustment)
        engagement = adjust_engagement(self.engagement, read_terms(adjustments))
        return replace(self, engagement=engagement, adjustments=adjustments)
