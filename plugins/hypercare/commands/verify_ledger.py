"""`hypercare verify-ledger`: whether the chains hold, and a finance workbook's chain is still the ledger's."""

from __future__ import annotations

from typing import Annotated

import typer

from hypercare.commands.console import console
from hypercare.errors import HypercareError
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.roster import read_engagements
from hypercare.runtime import Runtime, open_runtime


def verify_ledger(
    against: Annotated[str, typer.Option(help="A file that `hypercare finance` made, to compare with.")] = "",
) -> None:
    """Check the hash chain of every engagement; name the first broken link."""
    try:
        with open_runtime() as runtime:
            broken = verify_chain(runtime.engine)
            count = len(read_engagements(runtime.engine))
            compared = _compare(runtime, against) if against else (0, "")
    except HypercareError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    for link in broken:
        words = f"{link.engagement}: link {link.sequence} ({link.subject}): {link.reason}"
        console.print(words, style="red", markup=False, soft_wrap=True)
    links, fault = compared
    if fault:
        console.print(f"{against}: {fault}", style="red", markup=False, soft_wrap=True)
    if broken or fault:
        raise typer.Exit(1)
    console.print(f"the chains of {count} engagements hold")
    if against:
        console.print(f"the {links} links of {against} are the ledger's", markup=False, soft_wrap=True)


def _compare(runtime: Runtime, address: str) -> tuple[int, str]:
    from hypercare.finance.checking import compare_chain
    from hypercare.finance.export import KIND, split_address
    from hypercare.systems.workbook_files import fetch_workbook
    from hypercare.systems.workbook_package import WorkbookLimits

    folder, name = split_address(address)
    return compare_chain(runtime.engine, fetch_workbook(folder, name, WorkbookLimits(), KIND), address)
