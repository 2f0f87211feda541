"""Where a test has a try of an Airflow task stop, and what the try and the test tell each other through files.

A try is named by run, task, batch and number. The test orders a stop before the run; the try writes down its process
when it gets there and waits to be killed or let go; how it ended is written down too, since a try whose worker was
killed has nobody left to tell.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05
WAIT_SECONDS = 300
DONE = "done"


@dataclass(frozen=True)
class Try:
    """One try of one batch's task."""

    folder: Path
    run: str
    task: str
    batch: int
    number: int

    def order(self, moment: str, nth: int = 1) -> None:
        """Have it stop the nth time that it passes a moment whose name starts so."""
        self._write("order", json.dumps([moment, nth]))

    def wait_until_stopped(self) -> int:
        """Return the number of its process, once it has stopped."""
        return int(self._wait_for("stopped", unless="ended"))

    def let_go(self) -> None:
        """Let it go on from where it stopped."""
        self._write("go", "")

    def wait_until_ended(self) -> str:
        """Return `done`, or the name of the error with which its work ended."""
        return self._wait_for("ended")

    @contextmanager
    def obeying(self, watch: Callable[[Callable[[str], None]], None]) -> Iterator[None]:
        """In the try itself: stop where ordered, and write down how it ended."""
        if (order := self._read("order")) is None:
            yield
            return
        moment, nth = json.loads(order)
        watch(self._stopping_at(moment, nth))
        try:
            yield
        except BaseException as error:
            self._write("ended", type(error).__name__)
            raise
        self._write("ended", DONE)

    def _stopping_at(self, moment: str, nth: int) -> Callable[[str], None]:
        lock = threading.Lock()
        passed = 0

        def pass_moment(name: str) -> None:
            nonlocal passed
            with lock:
                passed += name.startswith(moment)
                if passed == nth and name.startswith(moment):
                    self._write("stopped", str(os.getpid()))
                    self._wait_for("go")

        return pass_moment

    def _path(self, word: str) -> Path:
        return self.folder / f"{self.run}.{self.task}.{self.batch}.{self.number}.{word}"

    def _write(self, word: str, text: str) -> None:
        unfinished = self._path(f"{word}.new")
        unfinished.write_text(text)
        unfinished.replace(self._path(word))

    def _read(self, word: str) -> str | None:
        return self._path(word).read_text() if self._path(word).exists() else None

    def _wait_for(self, word: str, unless: str = "") -> str:
        deadline = time.monotonic() + WAIT_SECONDS
        while (text := self._read(word)) is None:
            if time.monotonic() > deadline or (unless and self._read(unless)):
                msg = f"{self._path(word).name} is not there after {WAIT_SECONDS} s, or {unless} came first"
                raise TimeoutError(msg)
            time.sleep(POLL_SECONDS)
        return text
