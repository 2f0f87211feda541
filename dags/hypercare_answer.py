"""### Answer the exit checklist

One item of the Coupa Pay exit checklist, or the customer's readiness: what the workbook's sheet *Exit checklist* takes,
without the workbook. The partner answers, vendor-led the EM; somebody else may record it for them, with evidence.

1. `check_answer` refuses what does not stand: the run is red, its message says why and what to do, and nothing is
   recorded. An answer from before the reconciliation cycle is complete is refused.
2. `record_answer` keeps it, with who answered and who filled in the form. Of an item that the workbook answers too, what
   was told last counts.
3. `judge_engagement` judges at once. A criterion is answered when all its items are, in the workbook or by form.

**Runbook.**

| what you see | what to do |
|---|---|
| `check_answer` red, "before the reconciliation cycle is complete" | wait: the answers file names the day from which answers count |
| `check_answer` red, otherwise | read its message: no such item, another role, without evidence …; trigger again with what it says |
| green, but the criterion stays FAIL | `check_answer` returned which items are still to be answered |
| `judge_engagement` red | clear it; the next weekly run would judge as well |
| a mistake was recorded | answer the item again; what is recorded last counts |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, get_current_context, task

from hypercare.form_params import ask, offer

if TYPE_CHECKING:
    from hypercare.runtime import Runtime
    from hypercare.weekly.answer_item import AnswerRequest


with DAG(
    dag_id="hypercare_answer",
    dag_display_name="Hypercare: answer the exit checklist",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 4, tzinfo=UTC),
    catchup=False,
    tags=["hypercare", "by hand"],
    default_args={"owner": "hypercare-ops", "retries": 0},
    params={
        "engagement": ask("Engagement", "Name or ICM id."),
        "item": ask(
            "Item",
            "Of the exit checklist, as the answers file lists them with their evidence.",
            examples=["CP-1", "CP-2", "CP-3", "CP-4", "CP-5", "CP-6", "CP-7", "CR-1"],
        ),
        "answer": Param(type="string", enum=["Yes", "No", "Not applicable"], title="Answer"),
        "role": ask("In the role of", "The exit policy says who may answer.", examples=["EM", "partner PM"]),
        "answered_by": offer("Answered by", "Empty: you."),
        "answered_on": offer("Answered on", "Empty: today.", format="date"),
        "customer_contact": offer("Customer contact", "`CR-1`: who of the customer said so."),
        "evidence": offer("Evidence", "What shows it; needed where you record on behalf of somebody."),
        "as_of": offer("As of", "Record and judge as of this instant. Empty: now.", format="date-time"),
    },
) as dag:

    def read_request(runtime: Runtime) -> AnswerRequest:
        """Return what this run's form asks for."""
        from hypercare.weekly import answer_item

        context = get_current_context()
        run = context["dag_run"]
        return answer_item.read_request(runtime, context["params"], run.run_after, run.triggering_user_name)

    @task
    def check_answer() -> str:
        """Fail with the reason where the answer does not stand; return what it comes to with the others."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly import answer_item

        with open_runtime() as runtime:
            return answer_item.check_answer(runtime, read_request(runtime))

    @task
    def record_answer() -> bool:
        """Record the answer; return whether it was new."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly import answer_item

        with open_runtime() as runtime:
            return answer_item.record_answer(runtime, read_request(runtime))

    @task
    def judge_engagement() -> int:
        """Judge the engagement again; return how many decisions were recorded."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.answer_item import judge_answered

        with open_runtime() as runtime:
            return judge_answered(runtime, read_request(runtime))

    check_answer() >> record_answer() >> judge_engagement()
