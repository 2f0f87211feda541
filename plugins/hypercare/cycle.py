"""The reconciliation cycle (rule R11): four consecutive good weeks with enough settled runs and a period end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from hypercare.gate_calendar import DAY, find_local_day, list_period_ends, list_run_days
from hypercare.model import CycleResult, Engagement, Pause, Verdict, WeekJudgement
from hypercare.policy import Policy
from hypercare.week_verdict import GOOD, may_clear
from hypercare.weeks import Week, last_judgeable_week

FORECAST_WEEKS = 106
"""How far ahead a completion is looked for: two years."""


def judge_cycle(
    weeks: Iterable[WeekJudgement],
    engagement: Engagement,
    policy: Policy,
    as_of: datetime,
    *,
    through: Week | None = None,
    pauses: Sequence[Pause] = (),
) -> CycleResult:
    """Judge where the cycle stands after the last judgeable week, or after `through` where that is earlier.

    Complete (PASS) when the latest four consecutive weeks since its start are each PASS, CLEARED, QUIET or WAIVED and
    contain the settled runs and the period end that the policy asks. UNKNOWN when it would be, were the UNKNOWN weeks
    among them good; a week without a judgement is UNKNOWN. Else FAIL. It is therefore never worsened by a week's going
    from FAIL to UNKNOWN to good, by more settled runs, or by an earlier first payment; of several judgements of a week
    the latest revision counts.

    A paused week counts only as QUIET or WAIVED and in a pause of at most `longest_quiet_pause_weeks`; otherwise it
    restarts the cycle (rule R16).

    The earliest dates are local calendar days of the engagement: the Monday after the Sunday of the completing week,
    from whose second hour that week can be judged, and never a day before `as_of` while the cycle is not complete.
    They assume that each coming week passes, that payments run by cadence and settle in the week they run.
    `earliest_if_cleared` also takes FAIL weeks that may still clear, UNKNOWN and missing weeks as good, with the
    settled runs that are known of them; `earliest_otherwise` takes them as lost. Both are None until the first payment
    (without Coupa Pay: the first exported invoice), and where nothing within two years completes the cycle.

    `as_of` must be an aware instant, else ValueError.
    """
    today = find_local_day(as_of, engagement.time_zone)
    horizon = find_horizon(as_of, engagement, through)
    return _Cycle.lay_out(weeks, engagement, policy, horizon, pauses).describe(today)


@dataclass(frozen=True)
class _Cycle:
    """The weeks of one engagement up to a horizon, ready to be asked."""

    engagement: Engagement
    policy: Policy
    horizon: Week
    judged: Mapping[Week, WeekJudgement]
    """One judgement a week, none after the horizon, pauses applied."""
    pauses: Sequence[Pause]
    first_event: date | None
    start: Week | None

    @classmethod
    def lay_out(
        cls,
        weeks: Iterable[WeekJudgement],
        engagement: Engagement,
        policy: Policy,
        horizon: Week,
        pauses: Sequence[Pause],
    ) -> _Cycle:
        judged = pick_latest_revisions(week for week in weeks if week.week <= horizon)
        first_event = _find_first_event(judged.values(), engagement)
        start = first_full_week(max(engagement.go_live, first_event)) if first_event else None
        cycle = cls(engagement, policy, horizon, judged, pauses, first_event, start)
        return replace(cycle, judged=judged | cycle.list_broken_by_pause())

    def list_broken_by_pause(self) -> dict[Week, WeekJudgement]:
        """Return the paused weeks that restart the cycle, as FAIL."""
        broken = {}
        for pause in self.pauses:
            last = min(pause.last or self.horizon, self.horizon)
            for week in (pause.first.shift(offset) for offset in range(last.weeks_since(pause.first) + 1)):
                judgement = self.judged.get(week) or _not_judged(week)
                if self.is_long(pause) or judgement.verdict not in (Verdict.QUIET, Verdict.WAIVED):
                    reasons = (f"paused{': ' if pause.reason else ''}{pause.reason}", *judgement.reasons)
                    broken[week] = replace(judgement, verdict=Verdict.FAIL, reasons=reasons, open_until=None)
        return broken

    def is_long(self, pause: Pause) -> bool:
        last = pause.last or max(self.horizon, pause.first)
        return last.weeks_since(pause.first) + 1 > self.policy.cycle.longest_quiet_pause_weeks

    def find_pause(self, week: Week) -> Pause | None:
        """Return the pause that a coming week is known to lie in."""
        return next((pause for pause in self.pauses if pause.last and pause.first <= week <= pause.last), None)

    def judgement(self, week: Week) -> WeekJudgement:
        return self.judged.get(week) or _not_judged(week)

    def count_runs(self, week: Week) -> int:
        """Return the settled runs of a week, or those expected of a coming one."""
        if week <= self.horizon:
            return self.judgement(week).facts.settled_runs
        run_days = self.policy.cycle.payment_run_days[self.engagement.payment_cadence]
        return 0 if self.find_pause(week) else len(list_run_days(run_days, week.monday, week.sunday))

    def count_period_ends(self, weeks: Sequence[Week]) -> int:
        calendar = self.policy.cycle.fiscal_calendars[self.engagement.fiscal_calendar]
        return sum(len(list_period_ends(calendar, week.monday, week.sunday)) for week in weeks)

    @property
    def runs_needed(self) -> int:
        return self.policy.cycle.min_settled_runs[self.engagement.payment_cadence]

    def is_complete_at(self, week: Week, is_good: Callable[[Week], bool]) -> bool:
        """Return whether the cycle is complete with this week as its latest."""
        four = list_latest(week, self.policy.cycle.weeks)
        return (
            self.start is not None
            and four[0] >= self.start
            and all(is_good(one) for one in four)
            and sum(self.count_runs(one) for one in four) >= self.runs_needed
            and self.count_period_ends(four) >= self.policy.cycle.min_period_ends
        )

    def is_good(self, week: Week) -> bool:
        return self._comes_good(week) if week > self.horizon else self.judgement(week).verdict in GOOD

    def is_good_if_known(self, week: Week) -> bool:
        return self.is_good(week) or (week <= self.horizon and self.judgement(week).verdict is Verdict.UNKNOWN)

    def is_good_if_cleared(self, week: Week, today: date) -> bool:
        return self.is_good_if_known(week) or may_clear(self.judgement(week), today)

    def _comes_good(self, week: Week) -> bool:
        pause = self.find_pause(week)
        return pause is None or not self.is_long(pause)

    def find_completion(self, is_good: Callable[[Week], bool]) -> Week | None:
        """Return the first week from the horizon on at which the cycle is or comes to be complete."""
        if self.start is None:
            return None
        first = max(self.horizon, self.start.shift(self.policy.cycle.weeks - 1))
        coming = (first.shift(offset) for offset in range(FORECAST_WEEKS))
        return next((week for week in coming if self.is_complete_at(week, is_good)), None)

    def find_completed_on(self) -> date | None:
        """Return the Monday after the week that completed the cycle, or None where it is not complete now.

        That is the first completing week since which all weeks were good. In between, the latest four may for a week
        have held no period end or too few runs: months are longer than four weeks.
        """
        if not self.is_complete_at(self.horizon, self.is_good):
            return None
        first = week = self.horizon
        while self.is_good(week) and self.start is not None and week >= self.start:
            first = week if self.is_complete_at(week, self.is_good) else first
            week = week.shift(-1)
        return first.sunday + DAY

    def list_window(self) -> list[Week]:
        """Return the latest weeks since the cycle (re)started, at most as many as it needs."""
        window: list[Week] = []
        for week in reversed(list_latest(self.horizon, self.policy.cycle.weeks)):
            if self.start is None or week < self.start or self.judgement(week).verdict is Verdict.FAIL:
                break
            window.insert(0, week)
        return window

    def describe(self, today: date) -> CycleResult:
        completed_on = self.find_completed_on()
        verdict, cleared, otherwise = Verdict.PASS, completed_on, completed_on
        if completed_on is None:
            unknown = self.is_complete_at(self.horizon, self.is_good_if_known)
            verdict = Verdict.UNKNOWN if unknown else Verdict.FAIL
            cleared = _find_day(self.find_completion(lambda week: self.is_good_if_cleared(week, today)), today)
            otherwise = _find_day(self.find_completion(self.is_good), today)
        window = self.list_window()
        good = [week for week in window if self.is_good(week)]
        started = self.start is not None and self.start <= self.horizon
        result = CycleResult(
            verdict=verdict,
            started=started,
            first_week=self._find_first_week(),
            weeks_counted=len(good),
            weeks_needed=self.policy.cycle.weeks,
            settled_runs=sum(self.count_runs(week) for week in good),
            settled_runs_needed=self.runs_needed,
            period_ends=self.count_period_ends(window),
            period_ends_needed=self.policy.cycle.min_period_ends,
            reason="",
            earliest_if_cleared=cleared,
            earliest_otherwise=otherwise,
            weeks=tuple(window),
            next_run_on=self._find_next_run(),
            completed_on=completed_on,
        )
        words = self._tell_progress(result, today) if started else self._tell_not_started(result, today)
        return replace(result, reason=words)

    def _find_first_week(self) -> Week | None:
        """Return the week in which the present cycle (re)started or will start."""
        if self.start is None or self.start > self.horizon:
            return self.start
        week = self.horizon
        while week >= self.start and self.judgement(week).verdict is not Verdict.FAIL:
            week = week.shift(-1)
        return week.shift(1)

    def _find_next_run(self) -> date | None:
        run_days = self.policy.cycle.payment_run_days[self.engagement.payment_cadence]
        after = self.horizon.sunday + DAY
        return next(iter(list_run_days(run_days, after, after + timedelta(days=31))), None)

    def _find_next_period_end(self) -> date | None:
        calendar = self.policy.cycle.fiscal_calendars[self.engagement.fiscal_calendar]
        after = self.horizon.sunday + DAY
        return next(iter(list_period_ends(calendar, after, after + timedelta(weeks=FORECAST_WEEKS))), None)

    def _tell_not_started(self, result: CycleResult, today: date) -> str:
        event = "payment released" if self.engagement.has_coupa_pay else "approved invoice exported"
        if not self.judged:
            return "cycle not started: no week judged yet"
        if self.first_event is None:
            return f"cycle not started: no {event} yet"
        starts = f"it starts with {self.start}, the first full week after go-live and the first {event}"
        return "; ".join([f"cycle not started: {starts}", *_tell_earliest(result, today)])

    def _tell_progress(self, result: CycleResult, today: date) -> str:
        progress = [f"week {len(result.weeks)} of {result.weeks_needed}"]
        counted = min(result.settled_runs, result.settled_runs_needed)
        progress.append(f"run {counted} of {result.settled_runs_needed}")
        if result.settled_runs < result.settled_runs_needed and result.next_run_on:
            progress.append(f"next run {say_day(result.next_run_on, today)}")
        if result.period_ends < result.period_ends_needed:
            progress.append(f"period end {result.period_ends} of {result.period_ends_needed}")
            coming = self._find_next_period_end()
            calendar = self.engagement.fiscal_calendar
            progress.append(
                f"next period end {say_day(coming, today)}" if coming else f"the calendar {calendar} names no later one"
            )
        if result.completed_on:
            progress.append(f"complete since {say_day(result.completed_on, today)}")
        latest = [week for week in list_latest(self.horizon, result.weeks_needed) if self.start and week >= self.start]
        troubled = [_tell_trouble(self.judgement(week), today) for week in latest if not self.is_good(week)]
        return "; ".join([", ".join(progress), *troubled, *_tell_earliest(result, today)])


def find_horizon(as_of: datetime, engagement: Engagement, through: Week | None) -> Week:
    """Return the last week that is judged: the last judgeable as of an aware instant, or `through` if earlier."""
    last = last_judgeable_week(as_of, engagement.time_zone)
    return last if through is None else min(through, last)


def pick_latest_revisions(weeks: Iterable[WeekJudgement]) -> dict[Week, WeekJudgement]:
    """Return one judgement a week: of the latest revision, and of two with the same the one that is not good."""
    in_order = sorted(weeks, key=lambda week: (week.revision, week.verdict not in GOOD, week.verdict == Verdict.FAIL))
    return {week.week: week for week in in_order}


def list_latest(week: Week, count: int) -> list[Week]:
    """Return that many consecutive weeks, the last of which is `week`."""
    return [week.shift(-offset) for offset in reversed(range(count))]


def first_full_week(day: date) -> Week:
    """Return the first week that begins on or after a day."""
    week = Week.containing(day)
    return week if week.monday == day else week.shift(1)


def say_day(day: date, today: date) -> str:
    """Return a day as people say it, `31 March`, with the year where it is not today's."""
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B} {day.year}"


def _find_first_event(weeks: Iterable[WeekJudgement], engagement: Engagement) -> date | None:
    """Return when the first production payment was released; without Coupa Pay, the first invoice exported."""
    days = (
        week.facts.first_payment_released if engagement.has_coupa_pay else week.facts.first_invoice_exported
        for week in weeks
    )
    return min((day for day in days if day), default=None)


def _not_judged(week: Week) -> WeekJudgement:
    return WeekJudgement(week, Verdict.UNKNOWN, ("not judged",))


def _find_day(week: Week | None, today: date) -> date | None:
    """Return the Monday after a completing week, or today where that is past."""
    return max(week.sunday + DAY, today) if week else None


def _tell_trouble(judgement: WeekJudgement, today: date) -> str:
    why = f": {judgement.reasons[0]}" if judgement.reasons else ""
    until = f" (open until {say_day(judgement.open_until, today)})" if judgement.open_until else ""
    return f"{judgement.week} {judgement.verdict}{why}{until}"


def _tell_earliest(result: CycleResult, today: date) -> list[str]:
    if result.completed_on or result.earliest_if_cleared is None:
        return []
    cleared, otherwise = result.earliest_if_cleared, result.earliest_otherwise
    if cleared == otherwise:
        return [f"earliest {say_day(cleared, today)}"]
    late = say_day(otherwise, today) if otherwise else "not within two years"
    return [f"earliest {say_day(cleared, today)} if the open weeks are cleared or repaired, else {late}"]
