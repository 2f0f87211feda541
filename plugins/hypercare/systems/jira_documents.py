"""Documents in Atlassian's format (ADF), in which Jira's REST v3 writes multi-line texts: read to plain text, written.

Node names and attributes: the JSON schema of the package @atlaskit/adf-schema. Texts in them are untrusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

DEEPEST = 50
"""Levels of nesting that are read; what lies deeper is left out."""
BLOCKS = frozenset(
    {"paragraph", "heading", "codeBlock", "blockquote", "panel", "listItem", "taskItem", "decisionItem", "tableRow"}
)
"""Nodes after which a line ends."""
BULLETED = frozenset({"listItem", "taskItem", "decisionItem"})
CELLS = frozenset({"tableCell", "tableHeader"})


def is_document(value: object) -> bool:
    """Whether a field's value is a document."""
    return isinstance(value, Mapping) and value.get("type") == "doc"


def read_document(document: Mapping[str, Any]) -> str:
    """Return a document's words as plain text, a line for each block; unknown nodes give the text inside them."""
    text = "".join(_read_node(document, 0))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line and line != "-")


def write_document(paragraphs: Sequence[str]) -> dict[str, Any]:
    """Return a document of paragraphs, the blank ones left out: a text node must hold something."""
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in paragraphs if text.strip()
    ]
    return {"type": "doc", "version": 1, "content": content}


def _read_node(node: object, depth: int) -> Iterator[str]:
    if not isinstance(node, Mapping) or depth > DEEPEST:
        return
    kind = node.get("type")
    if kind in BULLETED:
        yield "- "
    yield _read_own_text(node)
    children = node.get("content")
    for child in children if isinstance(children, list) else ():
        yield from _read_node(child, depth + 1)
    if kind in CELLS:
        yield " "
    if kind in BLOCKS:
        yield "\n"


def _read_own_text(node: Mapping[str, Any]) -> str:
    found = node.get("attrs")
    attributes: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    match node.get("type"):
        case "text":
            return str(node.get("text") or "")
        case "hardBreak" | "rule":
            return "\n"
        case "mention" | "status" | "placeholder":
            return str(attributes.get("text") or "")
        case "emoji":
            return str(attributes.get("text") or attributes.get("shortName") or "")
        case "inlineCard" | "blockCard" | "embedCard":
            return str(attributes.get("url") or "")
        case "date":
            return _read_date(attributes.get("timestamp"))
    return ""


def _read_date(milliseconds: object) -> str:
    try:
        return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
