"""Holds the chain that a finance workbook shows against the ledger: an anchor that the ledger alone does not have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine

from hypercare.errors import ContractError
from hypercare.finance.digests import CHAIN, LINK_COLUMNS
from hypercare.ledger.chain import GENESIS, ChainLink, hash_link, read_links
from hypercare.systems.workbook import Sheet, open_workbook
from hypercare.systems.workbook_making import HEADER_ROW


def compare_chain(engine: Engine, content: bytes, file: str) -> tuple[int, str]:
    """Return how many links the workbook shows and what is wrong with the first that does not hold; empty: nothing.

    A link that the ledger holds otherwise, or no more, tells that it was changed after the file was made, also where
    its own chain holds. Raises ContractError for a file that is no finance workbook or whose chain was changed.
    """
    with open_workbook(content, file) as sheets:
        sheet = next((sheet for sheet in sheets if sheet.name == CHAIN), None)
        shown = _read_links(sheet) if sheet else []
    if not shown:
        msg = f"{file}: it has no page {CHAIN} with links; name a file that `hypercare finance` made"
        raise ContractError(msg)
    _refuse_changed(shown, file)
    standing = {link.sequence: link for link in read_links(engine, shown[0]["engagement"])}
    for row in shown:
        link = standing.get(row["sequence"])
        if link is None or asdict(link) != {name: row[name] for name in ChainLink.__dataclass_fields__}:
            fault = "is gone from the ledger" if link is None else "is another one in the ledger"
            return len(shown), f"link {row['sequence']} ({row['subject']}) {fault} since the file was made"
    return len(shown), ""


def _read_links(sheet: Sheet) -> list[dict[str, Any]]:
    header, *rows = sheet.rows(first=HEADER_ROW) or [[]]
    names = {title: name for name, (title, _) in LINK_COLUMNS.items()}
    columns = {cell.column: names[cell.value] for cell in header if cell.value in names}
    found = [{columns[cell.column]: cell.value for cell in row if cell.column in columns} for row in rows]
    return [row for row in found if row.keys() == LINK_COLUMNS.keys()]


def _refuse_changed(shown: list[dict[str, Any]], file: str) -> None:
    previous = GENESIS
    for number, row in enumerate(shown, start=1):
        if row["sequence"] != number or row["previous_hash"] != previous or row["hash"] != hash_link(row):
            msg = f"{file}: link {row['sequence']} of its page {CHAIN} does not follow: the file was changed"
            raise ContractError(msg)
        previous = row["hash"]
