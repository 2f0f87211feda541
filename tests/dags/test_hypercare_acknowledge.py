"""The DAG by which somebody says that a fault is known: its form, and a run of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from hypercare.ledger.acknowledgements import known_faults
from hypercare.ledger.database import open_engine
from hypercare.ledger.faults import record_faults
from tests.dags.conftest import run_python
from tests.hypercare.ledger.test_ledger_faults import PULL, REFUSED

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().dags["hypercare_acknowledge"]
states = []
for conf in json.loads(sys.argv[1]):
    run = dag.test(run_conf=conf, use_executor=False)
    states.append(str(run.state))
schemas = {name: dag.params.get_param(name).schema for name in dag.params}
print(json.dumps({"states": states, "params": schemas, "timetable": type(dag.timetable).__name__, "doc": dag.doc_md}))
"""


@pytest.mark.airflow
def test_what_the_form_says_is_kept_and_what_no_fault_fits_fails(
    migrated_airflow: dict[str, str], ledger_url: str
) -> None:
    now = datetime.now(UTC)
    until = (now + timedelta(days=5)).date()
    engine = open_engine(ledger_url)
    record_faults(engine, now, [PULL, REFUSED], checked=["acme"], causes=["pull", "refused"])
    answers = {"subject": "acme", "cause": "pull", "until": until.isoformat(), "reason": "they move", "who": "Ada"}
    elsewhere = {**answers, "subject": "nowhere"}
    environment = migrated_airflow | {"HYPERCARE_LEDGER_URL": ledger_url}
    ran = json.loads(run_python(RUN, environment, json.dumps([answers, elsewhere])))

    assert ran["states"] == ["success", "failed"]
    assert [(known.fault, known.until, known.who) for known in known_faults(engine, now)] == [(PULL, until, "Ada")]
    assert sorted(ran["params"]) == ["cause", "feed", "reason", "subject", "until", "who"]
    assert ran["params"]["until"]["format"] == "date"
    assert ran["timetable"] == "NullTimetable"
    assert "Acknowledge" in ran["doc"]
