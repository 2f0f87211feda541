"""Issues that this product writes into a Jira project: found by a label, told once, closed and opened again.

Jira knows no idempotency key, and its search lags behind writes: before an issue is created its label is looked for,
patiently where an earlier try may have created it; a comment carries a mark by which it is found again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypercare.errors import ConfigurationError, ContractError
from hypercare.model import Severity
from hypercare.systems.jira_documents import is_document, read_document, write_document
from hypercare.systems.jira_mapping import JiraWriting
from hypercare.systems.jira_rest import JiraClient, JiraRefusalError, quote_jql

DONE = "done"
DISPENSABLE = frozenset({"priority", "description"})
"""Fields that a create screen may lack; what a description says is then told by a comment."""
COMMENTS_A_PAGE = 100
LONGEST_SUMMARY = 250
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often a label is looked for while the index may not know it yet; the wait (seconds) doubles."""

    looks: int = 5
    first_wait: float = 2.0


@dataclass(frozen=True)
class IssueReference:
    """One issue: its id stays when it moves to another project, its key is what people know."""

    id: str
    key: str


@dataclass(frozen=True)
class IssueDraft:
    """What a new issue says."""

    label: str
    summary: str
    paragraphs: tuple[str, ...]
    severity: Severity
    mark: str


class JiraIssues:
    """Writes into one project. Each method raises what `JiraClient.send` raises."""

    def __init__(
        self, client: JiraClient, project: str, writing: JiraWriting, patience: Patience | None = None
    ) -> None:
        self._client = client
        self._project = project
        self._writing = writing
        self._patience = patience or Patience()
        self._what = f"Jira {client.connection.id}, project {project}"

    def find(self, label: str, *, patient: bool) -> IssueReference | None:
        """Return the oldest issue with a label; `patient` looks again, for one that was created just now."""
        jql = f"project = {quote_jql(self._project)} AND labels = {quote_jql(label)} ORDER BY created ASC, key ASC"
        wait = self._patience.first_wait
        for look in range(self._patience.looks if patient else 1):
            if look:
                time.sleep(wait)
                wait *= 2
            found = self._client.search(jql, ["summary"], self._what)
            if found:
                return IssueReference(str(found[0]["id"]), str(found[0]["key"]))
        return None

    def create(self, draft: IssueDraft) -> IssueReference:
        """Create an issue; never sent twice. Raises TransientError where nobody knows whether it was created.

        Fields that the create screen lacks are left out, but for the label: raises ConfigurationError without it.
        """
        fields: dict[str, Any] = {
            "project": {"key": self._project},
            "issuetype": {"name": self._writing.issue_type},
            "summary": " ".join(draft.summary.split())[:LONGEST_SUMMARY],
            "labels": [draft.label],
            "description": write_document([*draft.paragraphs, draft.mark]),
        }
        priority = self._writing.priorities.get(draft.severity.value)  # type: ignore[call-overload]
        if priority:
            fields["priority"] = {"name": priority}
        try:
            return self._post(fields)
        except JiraRefusalError as refusal:
            # Refused is not created.
            refused = set(refusal.fields)
            if not refused or not refused <= DISPENSABLE:
                msg = f"{refusal}; put Labels on the create screen and check `writing` in mappings/jira.yaml"
                raise ConfigurationError(msg) from refusal
        log.info("%s: its create screen does not take %s", self._what, ", ".join(sorted(refused)))
        return self._post({name: value for name, value in fields.items() if name not in refused})

    def tell(self, issue: IssueReference, mark: str, paragraphs: Sequence[str]) -> bool:
        """Comment on an issue, unless its description or a comment bears the mark; return whether it was written."""
        if any(mark in text for text in self._read_texts(issue)):
            return False
        body = write_document([*paragraphs, mark])
        self._client.send("POST", f"issue/{issue.id}/comment", self._about(issue), json={"body": body})
        return True

    def close(self, issue: IssueReference) -> None:
        """Move an issue to a status of the category done, if it is not there and its workflow leads there."""
        self._move(issue, to_done=True)

    def reopen(self, issue: IssueReference) -> None:
        """Move an issue that is done back to a status that is not, if its workflow leads there."""
        self._move(issue, to_done=False)

    def _post(self, fields: Mapping[str, Any]) -> IssueReference:
        created = self._client.send("POST", "issue", f"{self._what}, new issue", json={"fields": fields})
        if not isinstance(created, dict) or not created.get("id"):
            msg = f"{self._what}: a created issue came without its id"
            raise ContractError(msg)
        return IssueReference(str(created["id"]), str(created.get("key") or created["id"]))

    def _read_texts(self, issue: IssueReference) -> list[str]:
        what = self._about(issue)
        shown = self._client.send("GET", f"issue/{issue.id}", what, parameters={"fields": "description"})
        documents = [shown["fields"].get("description")]
        start, total = 0, 1
        while start < total:
            parameters = {"startAt": str(start), "maxResults": str(COMMENTS_A_PAGE)}
            page = self._client.send("GET", f"issue/{issue.id}/comment", what, parameters=parameters)
            comments = page["comments"]
            documents += [comment.get("body") for comment in comments]
            start, total = start + max(1, len(comments)), int(page.get("total", 0))
        return [read_document(document) for document in documents if is_document(document)]

    def _move(self, issue: IssueReference, *, to_done: bool) -> None:
        what = self._about(issue)
        shown = self._client.send("GET", f"issue/{issue.id}", what, parameters={"fields": "status"})
        if _is_done(shown["fields"]["status"]) is to_done:
            return
        offered = self._client.send("GET", f"issue/{issue.id}/transitions", what)["transitions"]
        leading = next((each for each in offered if _is_done(each["to"]) is to_done and _is_plain(each)), None)
        if leading is None:
            log.warning(
                "%s: its workflow offers no transition to a status that is %sdone", what, "" if to_done else "not "
            )
            return
        body = {"transition": {"id": leading["id"]}}
        self._client.send("POST", f"issue/{issue.id}/transitions", what, json=body)

    def _about(self, issue: IssueReference) -> str:
        return f"{self._what}, issue {issue.key}"


def _is_done(status: Mapping[str, Any]) -> bool:
    return bool(status["statusCategory"]["key"] == DONE)


def _is_plain(transition: Mapping[str, Any]) -> bool:
    """Whether a transition can be made without a screen's fields."""
    return transition.get("isAvailable", True) is not False and not transition.get("hasScreen")
