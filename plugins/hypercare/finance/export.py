"""An engagement's finance evidence as one file, made of the ledger and put where somebody asked for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from hypercare.errors import ConfigurationError, ContractError
from hypercare.finance.bank_page import make_bank_matches
from hypercare.finance.digests import make_chain, make_files
from hypercare.finance.evidence import FinanceEvidence, read_evidence
from hypercare.finance.pages import (
    make_checks,
    make_differing,
    make_exceptions,
    make_notes,
    make_roll_forward,
    make_sign_off,
)
from hypercare.finance.summary import make_cover
from hypercare.finance.writing import write_workbook
from hypercare.model import Engagement
from hypercare.systems.workbook_files import fetch_workbook, has_file, write_own_file
from hypercare.systems.workbook_package import WorkbookLimits
from hypercare.weeks import Week

KIND = "finance evidence"
PAGES = (
    make_roll_forward,
    make_differing,
    make_checks,
    make_exceptions,
    make_bank_matches,
    make_sign_off,
    make_notes,
    make_chain,
    make_files,
)


@dataclass(frozen=True)
class Exported:
    """The file that was made."""

    address: str
    sha256: str
    weeks: tuple[Week, ...]
    is_new: bool
    """False where just this file stood there already."""


def export_evidence(engine: Engine, engagement: Engagement, to: str, week: Week | None = None) -> Exported:
    """Write the finance workbook of one week, or of the cycle, to a file's path or URL, and return what was written.

    What stands there already is never written over, unless it is this very file. Raises what `read_evidence` raises,
    ConfigurationError for an address that cannot be right or is taken, TransientError where the store fails.
    """
    folder, name = split_address(to)
    evidence = read_evidence(engine, engagement, week)
    content = make_file(evidence)
    is_new = not has_file(folder, name)
    if is_new:
        write_own_file(folder, name, content, KIND)
    elif not _holds(folder, name, content):
        msg = f"{to}: another file stands there already, and is not written over; name one that does not"
        raise ConfigurationError(msg)
    return Exported(to, hashlib.sha256(content).hexdigest(), evidence.labels, is_new)


def _holds(folder: str, name: str, content: bytes) -> bool:
    try:
        return fetch_workbook(folder, name, WorkbookLimits(compressed_bytes=len(content)), KIND) == content
    except ContractError:  # it is larger
        return False


def make_file(evidence: FinanceEvidence) -> bytes:
    """Return the workbook; the same evidence makes the same bytes."""
    title = f"Finance evidence: {evidence.engagement.name}"
    return write_workbook(make_cover(evidence), [make(evidence) for make in PAGES], title, _find_instant(evidence))


def _find_instant(evidence: FinanceEvidence) -> datetime:
    """Return the run that told the latest of what is shown."""
    decided: list[datetime] = [evidence.decision["as_of"]] if evidence.decision else []
    return max([*(week.revision.as_of for week in evidence.weeks), *decided])


def split_address(to: str) -> tuple[str, str]:
    """Return folder and name of a workbook's path or URL; raise ConfigurationError for what is none."""
    folder, separator, name = to.rpartition("/")
    if not name.lower().endswith(".xlsx") or name.lower() == ".xlsx":
        msg = f"{to!r} names no workbook: write a path or URL that ends in .xlsx, such as evidence/acme.xlsx"
        raise ConfigurationError(msg)
    return (folder or separator) if separator else ".", name
