"""The moments around durable writes: commits of the ledger, and objects written to the lake or removed from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypercare.lake import Lake
from hypercare.runtime import Runtime

Pass = Callable[[str], None]
"""Told each moment's name, such as `before commit` or `after write raw/users/…`, in the thread that writes."""


def watch_writes(runtime: Runtime, pass_moment: Pass) -> None:
    """Lay a moment before and one after every durable write that this process does from now on."""
    for name in ("write", "create", "put_file", "remove_folder"):
        setattr(Lake, name, _surround(getattr(Lake, name), pass_moment, lambda *args, n=name: f"{n} {_path_of(args)}"))
    dialect = runtime.engine.dialect
    dialect.do_commit = _surround(dialect.do_commit, pass_moment, lambda *_: "commit")


def _surround(original: Callable[..., Any], pass_moment: Pass, describe: Callable[..., str]) -> Callable[..., Any]:
    def surrounded(*args: Any) -> Any:
        pass_moment(f"before {describe(*args)}")
        found = original(*args)
        pass_moment(f"after {describe(*args)}")
        return found

    return surrounded


def _path_of(args: tuple[Any, ...]) -> str:
    return next(each for each in args if isinstance(each, str))
