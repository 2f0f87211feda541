"""Great Expectations, held to its word: a suite loads whole or not at all, a check that broke is no failed check.

Left alone, Great Expectations drops expectations whose type it does not know and calls the rest a success, and it
reports a crash inside a check as a failure of the data. It is imported when it is needed: the package costs seconds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypercare.errors import ContractError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations says of one expectation."""

    success: bool
    evaluated: int = 0
    """Rows looked at: within the row condition and, unless missing values are judged, with a value."""
    unexpected: int = 0
    fault: str = ""
    """Why the check itself broke; empty: it did not."""


class Validator:
    """A fresh Great Expectations context that keeps nothing on disk; validates any number of frames."""

    def __init__(self) -> None:
        gx = _great_expectations()
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)  # else a folder in /tmp for each context
        config = DataContextConfig(store_backend_defaults=in_memory, progress_bars=ProgressBarsConfig(globally=False))
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._whole_frame = asset.add_batch_definition_whole_dataframe("whole")

    def run(self, frame: pandas.DataFrame, document: Mapping[str, Any]) -> dict[str, Outcome]:
        """Validate a frame by a suite given as JSON document; return each expectation's outcome by its `meta.rule`.

        The frame should have Arrow types: decimals as floats would be judged after rounding. Raises ContractError when
        an expectation is unknown or badly put. What breaks on the way is the outcome of every rule that it took along.
        """
        suite = load_suite(document)
        rules = [expectation["meta"]["rule"] for expectation in document["expectations"]]
        try:
            batch = self._whole_frame.get_batch({"dataframe": frame})
            report = batch.validate(suite, result_format="BASIC")
            outcomes = {result.expectation_config.meta["rule"]: _outcome(result) for result in report.results}
        except Exception as error:  # noqa: BLE001 - whatever breaks in there is a broken check, never a failed one
            return dict.fromkeys(rules, Outcome(False, fault=f"{type(error).__name__}: {error}"))
        lost = Outcome(False, fault="Great Expectations returned no result")
        return {rule: outcomes.get(rule, lost) for rule in rules}


def load_suite(document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - great_expectations.ExpectationSuite
    """Return the suite of a JSON document; raise ContractError unless each of its expectations is in it."""
    gx = _great_expectations()
    asked = [expectation["meta"]["rule"] for expectation in document["expectations"]]
    if not asked or len(set(asked)) != len(asked):
        msg = f"suite {document['name']}: needs at least one rule, and each but once; it has {asked}"
        raise ContractError(msg)
    try:
        suite = gx.ExpectationSuite(**document)
    except (ValueError, TypeError) as error:
        msg = f"suite {document['name']}: {_blame(document)}{error}"
        raise ContractError(msg) from error
    loaded = [expectation.meta["rule"] for expectation in suite.expectations]
    if loaded != asked:
        types = {e["meta"]["rule"]: e["type"] for e in document["expectations"]}
        dropped = ", ".join(f"{rule} ({types[rule]})" for rule in asked if rule not in loaded)
        msg = f"suite {document['name']}: Great Expectations does not take these rules: {dropped}"
        raise ContractError(msg)
    return suite


def _blame(document: Mapping[str, Any]) -> str:
    """Name the expectation that cannot be loaded; a suite says only what is wrong, not where."""
    gx = _great_expectations()
    for expectation in document["expectations"]:
        try:
            gx.ExpectationSuite(name="one", expectations=[expectation])
        except (ValueError, TypeError):
            return f"rule {expectation['meta']['rule']}: "
    return ""


def _outcome(result: Any) -> Outcome:  # noqa: ANN401 - great_expectations.ExpectationValidationResult
    fault = _fault(result.exception_info)
    count = result.result.get("element_count")
    if not fault and count is None:
        fault = "Great Expectations did not say how many rows it looked at"
    if fault:
        return Outcome(False, fault=fault)
    missing = result.result.get("missing_count") or 0
    return Outcome(bool(result.success), int(count - missing), int(result.result.get("unexpected_count") or 0))


def _fault(info: Mapping[str, Any]) -> str:
    """Return the message of an exception; its information stands at the top or below ids of metrics."""
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
    return "; ".join(dict.fromkeys(messages))


def _great_expectations() -> Any:  # noqa: ANN401 - the module
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # 214 lines at import otherwise
    import great_expectations

    return great_expectations
