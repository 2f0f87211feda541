"""Entries of the forms that Airflow shows before it triggers a DAG."""

from __future__ import annotations

from airflow.sdk import Param


def ask(title: str, description: str = "", **schema: object) -> Param:
    """Return an entry that must be filled in."""
    return Param("", **{"type": "string", "minLength": 1, **schema}, title=title, description_md=description)


def offer(title: str, description: str = "", **schema: object) -> Param:
    """Return an entry that may stay empty."""
    return Param(None, **{"type": ["null", "string"], **schema}, title=title, description_md=description)
