"""Documents in Atlassian's format, read and written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.systems.jira_documents import read_document, write_document


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), "attrs": attributes}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "marks": [{"type": "strong"}]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (doc(), ""),
        (doc(node("paragraph", text("one "), text("line")), node("heading", text("two"), level=2)), "one line\ntwo"),
        (doc(node("paragraph", text("a"), {"type": "hardBreak"}, text("b"))), "a\nb"),
        (doc(node("bulletList", node("listItem", node("paragraph", text("x"))))), "- x"),
        (doc(node("table", node("tableRow", node("tableCell", text("a")), node("tableCell", text("b"))))), "a b"),
        (doc(node("paragraph", node("mention", id="5b10", text="@Erin"), text(" asks"))), "@Erin asks"),
        (doc(node("paragraph", node("date", timestamp="1772409600000"))), "2026-03-02"),
        (doc(node("paragraph", node("date", timestamp="soon"))), ""),
        (doc(node("paragraph", node("inlineCard", url="https://example.com/1"))), "https://example.com/1"),
        (doc(node("unheardOf", node("paragraph", text("inside")))), "inside"),
        (doc(node("mediaSingle", node("media", id="7"))), ""),
        (doc("nonsense", None, {"type": "paragraph", "content": "nonsense"}), ""),
    ],
)
def test_a_document_reads_as_plain_text(document: dict[str, Any], words: str) -> None:
    assert read_document(document) == words


def test_endless_nesting_ends() -> None:
    inner: dict[str, Any] = text("deep")
    for _ in range(800):
        inner = node("blockquote", inner)
    assert read_document(doc(text("shallow"), inner)) == "shallow"


LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), max_size=5)


@given(LINES)
def test_what_is_written_is_read_again(paragraphs: list[str]) -> None:
    kept = [line for line in paragraphs if line != "-"]
    assert read_document(write_document(kept)) == "\n".join(kept)
    assert all(part["content"][0]["text"] for part in write_document([*kept, "", " "])["content"])
