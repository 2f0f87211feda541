"""The question to a person, in Airflow: the one way in which an answer comes into the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator


class ConfirmOperator(ApprovalOperator):  # type: ignore[misc]
    """Asks people to approve, and writes who answered what into the ledger.

    `assigned_users` is a template field, so that an upstream task names them. The answer is written where Airflow hands
    it over and nowhere else: a task that is marked as success, skipped, or given an XCom by hand leaves no answer.
    """

    template_fields = (*ApprovalOperator.template_fields, "assigned_users")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:  # noqa: ANN401 - Airflow's own
        """Keep the answer, then go on as an approval does: downstream tasks run, or are skipped after a rejection."""
        from hypercare.ledger.adjustments import Confirmation, record_confirmation
        from hypercare.runtime import open_runtime

        answer = super().execute_complete(context, event)
        responded_at = answer["responded_at"]
        confirmation = Confirmation(
            option=answer["chosen_options"][0],
            responded_by=answer["responded_by_user"]["id"],
            responded_at=responded_at if isinstance(responded_at, datetime) else datetime.fromisoformat(responded_at),
            shown=str(self.body),
        )
        with open_runtime() as runtime:
            record_confirmation(runtime.engine, name_run(context), confirmation)
        return answer


def name_run(context: Any) -> str:  # noqa: ANN401 - Airflow's context
    """Return the name under which a run's answer stands in the ledger."""
    run = context["dag_run"]
    return f"{run.dag_id} {run.run_id}"
