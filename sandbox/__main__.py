"""Serves a sandbox: `python -m sandbox --world demo --trackers DIR` or `python -m sandbox --data DIR --weeks A..B`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from sandbox.scenario import Scenario

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@app.command()
def main(
    world: Annotated[str, typer.Option(help="The made-up world to show; there is one: demo.")] = "demo",
    data: Annotated[Path | None, typer.Option(help="Folder of event logs to show instead.")] = None,
    weeks: Annotated[str, typer.Option(help="Which weeks of the logs.")] = "2018-W10..2018-W14",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    trackers: Annotated[Path | None, typer.Option(help="Where the tracker workbooks are written.")] = None,
) -> None:
    """Serve until interrupted; the first line of stdout is JSON: the base URL, the port, the trackers' folder."""
    from sandbox.server import LOOPBACK, serve  # noqa: PLC0415 - `--help` and refusals need no server

    # Files of banks and of instances without an API lie beside it.
    folder = (trackers or Path(tempfile.mkdtemp(prefix="sandbox-")) / "trackers").resolve()
    scenario = _load(world, data, weeks)

    def announce(chosen: int) -> None:
        line = {"base_url": f"http://{LOOPBACK}:{chosen}", "port": chosen, "trackers": str(folder)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    serve(scenario, folder, port, announce)


def _load(world: str, data: Path | None, weeks: str) -> Scenario:
    if data is not None:
        from sandbox.event_log import load_event_logs  # noqa: PLC0415

        try:
            return load_event_logs(data, weeks)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    if world != "demo":
        message = f"there is no world {world!r}; there is demo, or --data with a folder of event logs"
        raise typer.BadParameter(message)
    from sandbox.demo import build_demo  # noqa: PLC0415

    return build_demo()


if __name__ == "__main__":
    app()
