"""Rows as JSON or XML, and errors in the form that was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import orjson

if TYPE_CHECKING:
    from sandbox.coupa.schema import Entity, Resource

JSON_TYPE = "application/json; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
NO_MATCH = "No results match your search criteria."
_XML_START = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def wants_json(accept: str, asked_format: str | None) -> bool:
    """Decide the format: JSON when `format=json` or the Accept header says so; else XML, the historic default."""
    if asked_format in {"json", "xml"}:
        return asked_format == "json"
    return "json" in accept


def render_list(rows: list[dict[str, Any]], resource: Resource, *, as_json: bool) -> bytes:
    """Write a bare JSON array, or the rows inside the resource's XML wrapper."""
    if as_json:
        return orjson.dumps(rows)
    inner = "".join(_element(resource.element, row, resource.entity, None) for row in rows)
    return f'{_XML_START}<{resource.wrapper} type="array">{inner}</{resource.wrapper}>'.encode()


def render_record(row: dict[str, Any], resource: Resource, *, as_json: bool) -> bytes:
    """Write one bare object."""
    if as_json:
        return orjson.dumps(row)
    return (_XML_START + _element(resource.element, row, resource.entity, None)).encode()


def render_errors(errors: dict[str, list[str]], *, as_json: bool) -> bytes:
    """Write `{"errors": {...}}`, or `<errors><error>…</error></errors>`."""
    if as_json:
        return orjson.dumps({"errors": errors})
    inner = "".join(f"<error>{escape(text)}</error>" for texts in errors.values() for text in texts)
    return f"{_XML_START}<errors>{inner}</errors>".encode()


def _element(name: str, value: object, entity: Entity | None, kind: str | None) -> str:
    name = _NOT_A_NAME.sub("-", name)
    if value is None:
        return f'<{name} nil="true"/>'
    if isinstance(value, dict):
        return f"<{name}>{_children(value, entity)}</{name}>"
    if isinstance(value, list):
        inner = "".join(_element(_singular(name), item, entity, None) for item in value)
        return f'<{name} type="array">{inner}</{name}>'
    attribute = _type_attribute(value, kind)
    text = ("true" if value else "false") if isinstance(value, bool) else escape(str(value))
    return f"<{name}{attribute}>{text}</{name}>"


def _children(value: dict[str, Any], entity: Entity | None) -> str:
    return "".join(
        _element(key, item, entity.related(key) if entity else None, entity.kinds.get(key) if entity else None)
        for key, item in value.items()
    )


def _type_attribute(value: object, kind: str | None) -> str:
    if isinstance(value, bool):
        return ' type="boolean"'
    if isinstance(value, int):
        return ' type="integer"'
    if isinstance(value, float) or kind == "decimal":
        return ' type="decimal"'
    return f' type="{kind}"' if kind in {"datetime", "date"} else ""


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return name.removesuffix("ies") + "y"
    return name.removesuffix("s") if name.endswith("s") else "item"
