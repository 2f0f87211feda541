"""### Explain an exception

A payment or invoice that does not reconcile and is right all the same: say why, with a reason code, words and a ticket. A
second person, or the customer's finance contact, accepts it; then it counts, and is carried forward until the row's amount
or status changes. What the workbook's sheet *Exceptions* takes, without the workbook.

1. `check_explanation` refuses what does not stand: the run is red, its message says why and what to do, and nothing is
   recorded.
2. `show_explanation` lays exception, explanation and what it does before the people of `HYPERCARE_APPROVERS`, without who
   triggered the run and who explains.
3. `accept_explanation` waits for one of them under *Required actions*. There is no default answer.
4. `record_explanation` keeps it from the day of that answer on. The next run of `hypercare_weekly` weighs it: trigger that
   one where it can't wait.

**Who explains or accepts has no login?** Put their names into *Explained by* and *Accepted by*, and the mail, ticket or
minutes into *Evidence*. Who accepted must be of the engagement, by its ICM record or the sheet *People and access*; an
approver then confirms that it was so.

**Runbook.**

| what you see | what to do |
|---|---|
| `check_explanation` red | read its message: no such exception, cleared meanwhile, accepted by who explains …; trigger again with what it says |
| `show_explanation` red, "must be able to confirm" | name more Airflow user ids in `HYPERCARE_APPROVERS` and trigger again |
| nobody answers | after 14 days the run fails and nothing is recorded |
| rejected | the rest is skipped and nothing is recorded |
| `record_explanation` red, "nobody has confirmed" | somebody marked the question as success: that is no answer, trigger again |
| `record_explanation` red, "has changed since" | the row has another amount or status by now: trigger again and look at it |
| the week stays FAIL | it is systemic, beyond its days, or has other open exceptions: `hypercare exceptions` lists them |
| a mistake was recorded | explain the exception again; what is recorded last counts |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, get_current_context, task

from hypercare.confirming import ConfirmOperator, name_run
from hypercare.form_params import ask, offer

if TYPE_CHECKING:
    from hypercare.runtime import Runtime
    from hypercare.weekly.explain import ExplanationRequest


with DAG(
    dag_id="hypercare_explain",
    dag_display_name="Hypercare: explain an exception",
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
        "check": ask("Check", "As the answers file or `hypercare exceptions` names it: `errors_resolved`."),
        "row": ask("Row", "The exception's key there: `payment:acme/776`."),
        "reason_code": ask(
            "Reason code",
            "One of the exit policy's.",
            examples=[
                "timing",
                "outside_coupa",
                "opening_balance",
                "rounding",
                "bank_charges",
                "agreed_with_supplier",
                "known_defect",
                "test_transaction",
                "other",
            ],
        ),
        "explanation": ask("Explanation", "In words that the customer's finance understands."),
        "ticket": offer("Ticket", "Case number, or the key of a Jira issue."),
        "explained_by": offer("Explained by", "Empty: you."),
        "explained_on": offer("Explained on", "Empty: today.", format="date"),
        "accepted_by": offer(
            "Accepted by", "A second person, or the customer's finance contact. Empty: whoever confirms this run."
        ),
        "accepted_on": offer("Accepted on", "Empty: today.", format="date"),
        "evidence": offer("Evidence", "Mail, ticket or minutes; needed where you record on behalf of somebody."),
        "as_of": offer("As of", "Record as of this instant. Empty: when it is accepted.", format="date-time"),
    },
) as dag:

    def read_request(runtime: Runtime) -> ExplanationRequest:
        """Return what this run's form asks for."""
        from hypercare.weekly import explain

        context = get_current_context()
        run = context["dag_run"]
        return explain.read_request(runtime, context["params"], run.run_after, run.triggering_user_name)

    @task
    def check_explanation() -> str:
        """Fail with the reason where the explanation does not stand; return what the exception says."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly import explain

        with open_runtime() as runtime:
            return explain.check_explanation(runtime, read_request(runtime)).words

    @task(multiple_outputs=True)
    def show_explanation() -> dict[str, Any]:
        """Return the question: what is explained, how, what that does, and who may accept it."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.explain import list_acceptors, tell_request

        with open_runtime() as runtime:
            request = read_request(runtime)
            users = [{"id": each.id, "name": each.name} for each in list_acceptors(runtime, request)]
            subject = f"explain {request.form.row}: {request.asked.engagement.name}"
            return {"subject": subject, "body": tell_request(runtime, request), "users": users}

    @task
    def record_explanation() -> bool:
        """Record what a person has accepted; return whether it was new."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.explain import record_accepted

        with open_runtime() as runtime:
            return record_accepted(runtime, read_request(runtime), name_run(get_current_context()))

    shown = show_explanation()
    accepted = ConfirmOperator(
        task_id="accept_explanation",
        subject=shown["subject"],
        body=shown["body"],
        assigned_users=shown["users"],
        response_timeout=timedelta(days=14),
    )
    check_explanation() >> shown >> accepted >> record_explanation()
