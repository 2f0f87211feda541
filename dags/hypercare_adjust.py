"""### Adjust an engagement

Reality by hand: pause, resume, go-live moved, extended, cancelled, owner changed, routing decided, waiver asked, approved
or rejected, exit by exception. Trigger it, fill in the form, and confirm what is shown under *Required actions*.

1. `check_adjustment` refuses what the rules do not allow: the run is red, its message names the rule and what to do, and
   nothing is recorded.
2. `show_effect` judges the engagement before and after, and says what changes for weeks, cycle and gate.
3. `confirm_adjustment` waits for a person. There is no default answer. Waivers and an exit by exception are confirmed by
   somebody else than who triggered the run.
4. `record_adjustment` appends it to the engagement's chain, with who decided, who asked and who confirmed.
5. `judge_engagement` judges again at once; the weekly run goes on from there.

**Who decided has no login?** Put their name into *Who decided*, and the mail, ticket or minutes into *Evidence*.

**Runbook.**

| what you see | what to do |
|---|---|
| `check_adjustment` red | read its message: the form is wrong, or a rule refuses it; trigger again with what it says |
| `show_effect` red, "must be able to confirm" | name more Airflow user ids in `HYPERCARE_APPROVERS` and trigger again |
| nobody answers | after 14 days the run fails and nothing is recorded |
| `confirm_adjustment` red although somebody answered | it was answered in the very second it asked, which Airflow takes amiss: trigger again |
| rejected | the rest is skipped and nothing is recorded |
| `record_adjustment` red, "nobody has confirmed" | somebody marked the question as success: that is no answer, trigger again |
| `record_adjustment` red, "has changed since" | a run judged the engagement meanwhile: trigger again and look at the new effect |
| `judge_engagement` red | clear it; the next weekly run would judge as well |
| a mistake was recorded | record the opposite (resume, another go-live, reject); nothing is ever taken out |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_current_context, task

from hypercare.adjustments import Kind
from hypercare.confirming import ConfirmOperator, name_run
from hypercare.form_params import ask, offer

if TYPE_CHECKING:
    from hypercare.runtime import Runtime
    from hypercare.weekly.adjust import AdjustmentRequest


with DAG(
    dag_id="hypercare_adjust",
    dag_display_name="Hypercare: adjust an engagement",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 4, tzinfo=UTC),
    catchup=False,
    # Runs that wait for a person count.
    max_active_runs=64,
    tags=["hypercare", "by hand"],
    default_args={"owner": "hypercare-ops", "retries": 0},
    params={
        "engagement": ask("Engagement", "Name or ICM id."),
        "kind": Param(type="string", enum=[kind.value for kind in Kind], title="What is to be recorded"),
        "reason": ask("Reason"),
        "decided_by": ask("Who decided", "For `waiver_asked` who asks, for `waiver_approved` who approves."),
        "decided_on": offer("Decided on", "Empty: today.", format="date"),
        "evidence": offer("Evidence", "Mail, ticket or minutes; needed where who decided is not who triggers."),
        "starts_on": offer("Pause: first day", "`pause`", format="date"),
        "ends_on": offer("Pause: last day", "`pause`; empty: until resumed.", format="date"),
        "resumes_on": offer("Resume on", "`resume`: the first day that no longer rests.", format="date"),
        "go_live": offer("Go-live", "`go_live_moved`: the new day, or the one to confirm.", format="date"),
        "until": offer("Extended until", "`extended`: the last day.", format="date"),
        "role": offer("Role", "`owner_changed`: such as `EM` or `CVM`."),
        "person": offer("Person", "`owner_changed`"),
        "transition": offer(
            "Handover", "`routing_decided`", enum=[None, "customer_calls", "support_session_and_cvm_mail"]
        ),
        "criterion": offer("Criterion", "`waiver_…`: its name in the policy, such as `action_items`."),
        "week": offer(
            "Week", "`waiver_…` of one week: `2026-W46`; criterion `reconciliation_cycle`.", pattern=r"^\d{4}-W\d{2}$"
        ),
        "expires_on": offer("Waived until", "`waiver_asked`: the last day on which it counts.", format="date"),
        "criteria": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Failing criteria",
            description_md="`exit_by_exception`: all that fail, one a line.",
        ),
        "executive": offer("Executive", "`exit_by_exception`: who decided it."),
        "risks": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Open risks",
            description_md="`exit_by_exception`, one a line: `risk | owner | 2026-12-31`.",
        ),
        "accepted_by_cvm": offer("Accepted by CVM", "`exit_by_exception`"),
        "accepted_by_support": offer("Accepted by Support", "`exit_by_exception`"),
        "as_of": offer("As of", "Judge as of this instant. Empty: now.", format="date-time"),
    },
) as dag:

    def read_request(runtime: Runtime) -> AdjustmentRequest:
        """Return what this run's form asks for."""
        from hypercare.weekly import adjust

        context = get_current_context()
        run = context["dag_run"]
        return adjust.read_request(runtime, context["params"], run.run_after, run.triggering_user_name)

    @task
    def check_adjustment() -> str:
        """Fail with the reason where a rule refuses the adjustment; return what it would do."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.adjust import find_effect

        with open_runtime() as runtime:
            return find_effect(runtime, read_request(runtime)).summary

    @task(multiple_outputs=True)
    def show_effect() -> dict[str, Any]:
        """Return the question: what changes, and who may confirm it."""
        from hypercare.adjustment_effects import tell_effect
        from hypercare.runtime import open_runtime
        from hypercare.weekly.adjust import find_effect, list_confirmers

        with open_runtime() as runtime:
            request = read_request(runtime)
            users = [{"id": each.id, "name": each.name} for each in list_confirmers(runtime, request)]
            effect = find_effect(runtime, request)
            subject = f"{request.adjustment.kind.replace('_', ' ')}: {request.engagement.name}"
            return {"subject": subject, "body": tell_effect(request.adjustment, effect), "users": users}

    @task
    def record_adjustment() -> bool:
        """Record what a person has confirmed; return whether it was new."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.adjust import record_confirmed

        with open_runtime() as runtime:
            return record_confirmed(runtime, read_request(runtime), name_run(get_current_context()))

    @task
    def judge_engagement() -> int:
        """Judge the engagement again; return how many decisions were recorded."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.adjust import judge_adjusted

        with open_runtime() as runtime:
            return judge_adjusted(runtime, read_request(runtime))

    shown = show_effect()
    confirmed = ConfirmOperator(
        task_id="confirm_adjustment",
        subject=shown["subject"],
        body=shown["body"],
        assigned_users=shown["users"],
        response_timeout=timedelta(days=14),
    )
    check_adjustment() >> shown >> confirmed >> record_adjustment() >> judge_engagement()
