"""What a JQL query finds on a site, page by page."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.jira.errors import ApiError
from sandbox.jira.jql import (
    Comparison,
    Condition,
    Conjunction,
    Disjunction,
    Emptiness,
    Membership,
    Negation,
    Query,
    parse_jql,
)
from sandbox.jira.site import CATEGORIES, PRIORITIES, Issue, Site

MOST_SORTS = 7
MOST_RECONCILED = 50
LARGEST_PAGE = 5000
DATE_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
ALIASES = {"type": "issuetype", "issue": "key", "issuekey": "key", "createddate": "created", "updateddate": "updated"}
EXACT = frozenset({"project", "key", "id", "issuetype", "labels", "status", "statuscategory", "priority"})
DATES = frozenset({"created", "updated"})
TEXTS = frozenset({"text", "summary", "description"})
CLOSED_SETS = frozenset({"project", "issuetype", "status", "statuscategory"})
"""Fields whose values must exist."""


@dataclass(frozen=True)
class Page:
    """One page of issues; `token` leads to the next one and is None on the last."""

    issues: Sequence[Issue]
    token: str | None


class Searches:
    """Answers queries; hands out page tokens that belong to their query."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tokens: dict[str, tuple[str, int]] = {}

    def find_page(self, jql: str, size: int, token: str | None, reconciled: Sequence[int]) -> Page:
        """Return a page; raise ApiError 400 for JQL that is wrong or unbounded, and for a token of another query."""
        start = 0
        if token is not None:
            belongs_to, start = self._tokens.get(token, ("", 0))
            if belongs_to != jql:
                raise ApiError(400, "The provided next page token is invalid or expired.")
        found = self.find_all(jql, reconciled)
        following = start + size
        return Page(found[start:following], self.hand_out(jql, following) if following < len(found) else None)

    def hand_out(self, jql: str, start: int) -> str:
        """Return a new token for the rows of a query from a place on."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (jql, start)
        return token

    def find_all(self, jql: str, reconciled: Sequence[int] = ()) -> list[Issue]:
        """Return every issue that the index knows and the query finds, in its order."""
        query = parse_jql(jql)
        if query.condition is None:
            text = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            raise ApiError(400, text)
        matches = _Compiler(self._site).compile(query.condition)
        known = [issue for issue in self._site.issues.values() if self._is_indexed(issue, reconciled)]
        return _sort([issue for issue in known if matches(issue)], query)

    def _is_indexed(self, issue: Issue, reconciled: Sequence[int]) -> bool:
        if issue.hidden_for and issue.id not in reconciled:
            issue.hidden_for -= 1
            return False
        return True


def _sort(found: list[Issue], query: Query) -> list[Issue]:
    if len(query.order) > MOST_SORTS:
        raise ApiError(400, f"The maximum number of fields in ORDER BY is {MOST_SORTS}.")
    keys: dict[str, Callable[[Issue], Any]] = {
        "created": lambda issue: issue.created,
        "updated": lambda issue: issue.updated,
        "key": lambda issue: (issue.project, int(issue.key.rpartition("-")[2])),
        "id": lambda issue: issue.id,
        "priority": lambda issue: PRIORITIES.index((issue.values.get("priority") or {"name": "Medium"})["name"]),
    }
    # Jira's own order where none is asked for: the newest first.
    found.sort(key=keys["id"], reverse=True)
    for sort in reversed(query.order):
        name = ALIASES.get(sort.field, sort.field)
        if name not in keys:
            raise _no_field(sort.field)
        found.sort(key=keys[name], reverse=sort.descending)
    return found


def _no_field(name: str) -> ApiError:
    return ApiError(400, f"Field '{name}' does not exist or you do not have permission to view it.")


class _Compiler:
    """Turns a condition into a question that an issue answers; raises ApiError 400 for what makes no sense."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def compile(self, condition: Condition) -> Callable[[Issue], bool]:
        match condition:
            case Conjunction(conditions):
                parts = [self.compile(each) for each in conditions]
                return lambda issue: all(part(issue) for part in parts)
            case Disjunction(conditions):
                parts = [self.compile(each) for each in conditions]
                return lambda issue: any(part(issue) for part in parts)
            case Negation(inner):
                part = self.compile(inner)
                return lambda issue: not part(issue)
            case Emptiness(field, negated):
                name = self._find_name(field, EXACT)
                return lambda issue: bool(self._values(issue, name)) is negated
            case Membership(field, values, negated):
                return self._compile_exact(field, values, negated)
            case Comparison(field, operator, value):
                return self._compile_comparison(field, operator, value)

    def _compile_comparison(self, field: str, operator: str, value: str) -> Callable[[Issue], bool]:
        name = self._find_name(field, EXACT | DATES | TEXTS)
        if operator in ("=", "!=") and name in EXACT:
            return self._compile_exact(field, (value,), operator == "!=")
        if operator in ("~", "!~") and name in TEXTS:
            return lambda issue: self._contains(issue, name, value) is (operator == "~")
        if operator in ("<", "<=", ">", ">=") and name in DATES:
            instant = self._read_date(value, name)
            return lambda issue: _compare(getattr(issue, name), operator, instant)
        raise ApiError(400, f"The operator '{operator}' is not supported by the '{field}' field.")

    def _compile_exact(self, field: str, values: Sequence[str], negated: bool) -> Callable[[Issue], bool]:
        name = self._find_name(field, EXACT)
        wanted = {value.casefold() for value in values}
        known = self._known_values(name)
        for value in values if name in CLOSED_SETS else ():
            if value.casefold() not in known:
                raise ApiError(400, f"The value '{value}' does not exist for the field '{field}'.")

        def matches(issue: Issue) -> bool:
            # As in Jira, what is empty is unequal to nothing.
            standing = {value.casefold() for value in self._values(issue, name)}
            return bool(standing) and wanted.isdisjoint(standing) is negated

        return matches

    def _find_name(self, field: str, allowed: frozenset[str]) -> str:
        name = ALIASES.get(field, field)
        if name not in EXACT | DATES | TEXTS:
            raise _no_field(field)
        if name not in allowed:
            raise ApiError(400, f"The field '{field}' does not support this operator.")
        return name

    def _known_values(self, name: str) -> set[str]:
        types = {each for project in self._site.projects.values() for each in project.issue_types}
        known = {
            "project": {*self._site.projects, *(project.name for project in self._site.projects.values())},
            "issuetype": types,
            "status": {each for status in self._site.statuses for each in (status.name, status.id)},
            "statuscategory": {each for key, (_, text, _) in CATEGORIES.items() for each in (key, text)},
        }
        return {value.casefold() for value in known.get(name, ())}

    def _values(self, issue: Issue, name: str) -> Sequence[str]:
        priority = issue.values.get("priority")
        values: dict[str, Sequence[str]] = {
            "project": (issue.project, self._site.projects[issue.project].name),
            "key": (issue.key,),
            "id": (str(issue.id),),
            "issuetype": (issue.issue_type,),
            "labels": issue.values.get("labels", ()),
            "status": (issue.status.name, issue.status.id),
            "statuscategory": (issue.status.category, CATEGORIES[issue.status.category][1]),
            "priority": (priority["name"],) if priority else (),
        }
        return values[name]

    def _contains(self, issue: Issue, name: str, wanted: str) -> bool:
        """Whether all words stand in the field, side by side where they are quoted once more."""
        fields = ("summary", "description") if name == "text" else (name,)
        text = " ".join(str(issue.values.get(each) or "") for each in fields).casefold()
        if wanted.startswith('"') and wanted.endswith('"'):
            return wanted.strip('"').casefold() in text
        return all(word in text for word in wanted.casefold().split())

    def _read_date(self, text: str, name: str) -> datetime:
        """Read a date in the calling user's time zone, to the minute."""
        for form in DATE_FORMATS:
            try:
                return datetime.strptime(text, form).replace(tzinfo=ZoneInfo(self._site.user.time_zone))
            except ValueError:
                continue
        forms = "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd'"
        raise ApiError(400, f"Date value '{text}' for field '{name}' is invalid. Valid formats include: {forms}.")


def _compare(found: datetime, operator: str, wanted: datetime) -> bool:
    match operator:
        case "<":
            return found < wanted
        case "<=":
            return found <= wanted
        case ">":
            return found > wanted
        case _:
            return found >= wanted
