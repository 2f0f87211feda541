"""The `hypercare` command with the settings of the local run, where there is one."""

from __future__ import annotations

import json
import os
import sys

from launch.state import ROOT, State


def main() -> None:
    """Replace this process by the library's command line."""
    file = State.default().folder / "environment.json"
    environment = json.loads(file.read_text()) if file.exists() else {}
    environment = {**environment, **os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    # The embedded server's address is the library's to find: it may have to be started.
    if "host=" in environment.get("HYPERCARE_LEDGER_URL", "") and "HYPERCARE_LEDGER_URL" not in os.environ:
        del environment["HYPERCARE_LEDGER_URL"]
    os.execve(sys.executable, [sys.executable, "-m", "hypercare", *sys.argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    main()
