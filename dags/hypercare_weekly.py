"""### Weekly hypercare run

After each region's week it finds every engagement in hypercare whose week has closed and has no evidence yet, pulls its
production transactions, validates, measures and reconciles them, and judges whether the customer may leave hypercare.
Tuesday to Friday it repairs weeks that are UNKNOWN and clears exceptions that later evidence shows repaired.

**Reading a run.** One mapped batch is a group of customers; its label names them. A customer's fault (an API that is
down, a feed that breaks its contract) never fails a batch: it is recorded, the customer's week becomes UNKNOWN, and the
others go on. The last task, `check_health`, turns the run red for a *new* fault and names engagement, feed and cause.

**Runbook.**

| what you see | what to do |
|---|---|
| `check_health` red, *pull* fault | nothing, if the customer's API comes back: the next run repairs the week by itself |
| `check_health` red, *refused* | ask the customer's admin for the scope that the message names |
| `check_health` red, *invalid* | open the failing rows that `validate_feeds` links; the customer mends the records |
| `check_health` red, *go-live* | somebody changed it in Salesforce: confirm by `hypercare_adjust`, go_live_moved, or correct it there |
| `check_health` red, and it can't be mended soon | acknowledge it until a day: the DAG *Hypercare: acknowledge a fault* |
| a batch task red | the database or the lake was out of reach: clear the task once it is back |
| `check_health` red, *workbook* | the message says why the file is refused as a whole; cells are answered to its people |
| a week must be computed again | trigger with `week`, `engagements` and `restate` (your reason, shown to the customer) |
| "weeks in which no run took place" | nothing, if they are judged now; else look whether the scheduler was down |

Trigger by hand with no Params to judge what is due now; `as_of` plays an earlier instant.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    DAG,
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    MultipleCronTriggerTimetable,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    get_current_context,
    task,
    task_group,
)

from hypercare.alerts import announce_late_run
from hypercare.errors import LeaseLostError, PermanentError, RateLimitedError, TransientError
from hypercare.weekly.request import RunRequest, parse_request

# Sunday midnight + 2 h in every zone from UTC+14 to UTC-12, and the working days after it.
SCHEDULE = MultipleCronTriggerTimetable(
    "0 21 * * SUN", "0 4 * * MON", "30 14 * * MON", "30 14 * * TUE-FRI", timezone="UTC"
)
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=LeaseLostError, action=RetryAction.FAIL, reason="another try has taken over"),
        RetryRule(exception=RateLimitedError, action=RetryAction.RETRY, retry_delay=timedelta(minutes=5)),
        RetryRule(exception=TransientError, action=RetryAction.RETRY, retry_delay=timedelta(seconds=30)),
        RetryRule(exception=PermanentError, action=RetryAction.FAIL, reason="no repetition mends this"),
    ]
)


def read_request() -> RunRequest:
    """Return what this run was asked to do."""
    context = get_current_context()
    return parse_request(context["params"], context["dag_run"].run_after)


with DAG(
    dag_id="hypercare_weekly",
    dag_display_name="Hypercare: weekly run",
    doc_md=__doc__,
    # A local play triggers its runs itself, at instants of the past.
    schedule=None if os.environ.get("HYPERCARE_SCHEDULED", "true").lower() == "false" else SCHEDULE,
    start_date=datetime(2026, 1, 4, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["hypercare", "weekly"],
    default_args={
        "owner": "hypercare-ops",
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": RETRY_POLICY,
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=3),
        callback=AsyncCallback(announce_late_run, {"dag": "hypercare_weekly"}),
        name="weekly run not finished in time",
    ),
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="As of",
            description_md="Judge what is due at this instant. Empty: when the run was due.",
        ),
        "week": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{4}-W\d{2}$",
            title="Week",
            description_md="Only this ISO week, such as `2026-W46`. Empty: every week that is due.",
        ),
        "engagements": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Engagements",
            description_md="Names or ICM ids, one a line. Empty: every engagement in hypercare.",
        ),
        "restate": Param(
            "",
            type=["null", "string"],
            title="Restate, because",
            description_md="Compute the week's evidence again although it stands. Your reason is shown with it.",
        ),
    },
) as dag:

    @task(pool="salesforce", execution_timeout=timedelta(minutes=30))
    def discover_engagements() -> list[dict[str, object]]:
        """Return the batches of this run: ids, weeks and labels only."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.discover import discover_work

        with open_runtime() as runtime:
            return [batch.to_json() for batch in discover_work(runtime, read_request())]

    @task(execution_timeout=timedelta(hours=1))
    def read_workbooks() -> int:
        """Read every engagement's hypercare workbook into the ledger; return how many faults were recorded."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.workbooks import read_workbooks as read_all

        with open_runtime() as runtime:
            return len(read_all(runtime, read_request().as_of))

    @task_group
    def process_batch(batch: dict[str, object]) -> None:
        """One batch of customers, from pull to frozen evidence."""

        @task(pool="coupa", map_index_template="{{ label }}", execution_timeout=timedelta(hours=2))
        def pull_feeds(batch: dict[str, object]) -> int:
            """Pull every feed of the batch's instances and engagements; return how many faults were recorded."""
            from hypercare.runtime import open_runtime
            from hypercare.weekly.pull import pull_batch
            from hypercare.weekly.work import Batch

            get_current_context()["label"] = batch["label"]
            with open_runtime() as runtime:
                return len(pull_batch(runtime, Batch.from_json(batch), read_request().as_of))

        @task(map_index_template="{{ label }}", execution_timeout=timedelta(hours=1))
        def validate_feeds(batch: dict[str, object]) -> list[str]:
            """Validate what was pulled; return the files of failing rows."""
            from hypercare.runtime import open_runtime
            from hypercare.weekly.validate import validate_feeds_of_batch
            from hypercare.weekly.work import Batch

            get_current_context()["label"] = batch["label"]
            with open_runtime() as runtime:
                return validate_feeds_of_batch(runtime, Batch.from_json(batch), read_request().as_of)

        @task(map_index_template="{{ label }}", execution_timeout=timedelta(hours=1))
        def measure_adoption(batch: dict[str, object]) -> int:
            """Compute the adoption metrics of every due week; return how many faults were recorded."""
            from hypercare.runtime import open_runtime
            from hypercare.weekly.measure import measure_batch
            from hypercare.weekly.work import Batch

            get_current_context()["label"] = batch["label"]
            request = read_request()
            with open_runtime() as runtime:
                return len(measure_batch(runtime, Batch.from_json(batch), request.as_of, request.restate))

        @task(map_index_template="{{ label }}", execution_timeout=timedelta(hours=1))
        def reconcile_weeks(batch: dict[str, object]) -> int:
            """Reconcile every due week and freeze its evidence; return how many faults were recorded."""
            from hypercare.runtime import open_runtime
            from hypercare.weekly.reconcile import reconcile_batch
            from hypercare.weekly.work import Batch

            get_current_context()["label"] = batch["label"]
            request = read_request()
            with open_runtime() as runtime:
                return len(reconcile_batch(runtime, Batch.from_json(batch), request.as_of, request.restate))

        measured = measure_adoption(batch)
        pull_feeds(batch) >> validate_feeds(batch) >> measured >> reconcile_weeks(batch)
        # Which suppliers are targeted must be known before they are counted, and what people explained before a week's
        # exceptions are weighed.
        workbooks >> measured

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def judge_engagements() -> int:
        """Judge every engagement whose evidence changed; return how many decisions were recorded."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.judge import judge_all

        with open_runtime() as runtime:
            return judge_all(runtime, read_request().as_of)

    @task(trigger_rule=TriggerRule.ALL_DONE, execution_timeout=timedelta(hours=1))
    def answer_workbooks() -> int:
        """Write what was not taken, and what people can copy, beside their workbooks; return how many faults."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.answering import answer_workbooks as answer_all

        with open_runtime() as runtime:
            return len(answer_all(runtime, read_request().as_of))

    @task(trigger_rule=TriggerRule.ALL_DONE, execution_timeout=timedelta(hours=1))
    def propose_issues() -> int:
        """Propose an action item for each technical failure; return how many are open."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.propose import propose_issues as propose_all

        with open_runtime() as runtime:
            return propose_all(runtime, read_request().as_of)

    @task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
    def check_health() -> list[str]:
        """Fail on a new fault or a broken task, naming it; return what is known and what was missed."""
        from hypercare.runtime import open_runtime
        from hypercare.weekly.health import check_run

        context = get_current_context()
        states = context["ti"].get_task_states(dag_id=context["dag"].dag_id, run_ids=[context["run_id"]])
        with open_runtime() as runtime:
            return check_run(runtime, read_request().as_of, states.get(context["run_id"], {}))

    discovered = discover_engagements()
    workbooks = read_workbooks()
    judged = judge_engagements()
    discovered >> workbooks >> judged
    process_batch.expand(batch=discovered) >> judged >> [answer_workbooks(), propose_issues()] >> check_health()
