"""### Acknowledge a fault

Says that a fault which `check_health` of the weekly run has announced is known, until a day. Runs stay green for it
until then, with a note; on the first run after that day it turns red again, once. What recovers is announced by the
run that finds it recovered, acknowledged or not.

Name the instance or the engagement, as the red run does. Empty *feed* and *cause* mean every open fault of it. Who says
so and why is kept in the ledger and shown in the digest of every run. On the command line: `hypercare acknowledge`.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, get_current_context, task

with DAG(
    dag_id="hypercare_acknowledge",
    dag_display_name="Hypercare: acknowledge a fault",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["hypercare", "by hand"],
    default_args={"owner": "hypercare-ops", "retries": 0},
    # Without a default, the form insists on an answer.
    params={
        "subject": Param(
            type="string", minLength=1, title="Instance or engagement", description_md="As the run names it."
        ),
        "feed": Param(
            "", type=["null", "string"], title="Feed", description_md="Such as `payments`; empty: every one."
        ),
        "cause": Param(
            "",
            type=["null", "string"],
            title="Cause",
            description_md="The word in brackets in the red run's message, such as `refused`; empty: every one.",
        ),
        "until": Param(
            type="string", format="date", title="Known until", description_md="The last day on which runs stay green."
        ),
        "reason": Param(type="string", minLength=1, title="Why it may stay as it is until then"),
        "who": Param(type="string", minLength=1, title="Who says so", description_md="A name, or a name and a role."),
    },
) as dag:

    @task
    def acknowledge() -> list[str]:
        """Keep the acknowledgement; return the faults that are known now. Fails where no such fault is open."""
        from hypercare.ledger.acknowledgements import acknowledge_faults, read_acknowledgement
        from hypercare.ledger.faults import say_fault
        from hypercare.runtime import open_runtime

        context = get_current_context()
        said = read_acknowledgement(context["params"])
        with open_runtime() as runtime:
            found = acknowledge_faults(runtime.engine, said, context["dag_run"].run_after)
        return [say_fault(fault) for fault in found]

    acknowledge()
