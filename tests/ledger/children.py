"""Processes that end as they are told to."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

Say = Callable[[Any], None]


class Child:
    """A fork that does its work and ends; what it says can be read when it is dead."""

    def __init__(self, work: Callable[[Say], None]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            self._live(work, writing)
        os.close(writing)
        self._file = os.fdopen(reading)

    def _live(self, work: Callable[[Say], None], pipe: int) -> None:
        code = 1
        try:
            work(lambda said: os.write(pipe, (json.dumps(said) + "\n").encode()))  # type: ignore[func-returns-value]
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def hear(self) -> Any:
        """The next that it says; None where it ended."""
        return json.loads(self._file.readline() or "null")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[bool, list[Any]]:
        """Waits for it: whether it was killed, and what else it said. A line that was cut off was not said."""
        status = os.waitpid(self.pid, 0)[1]
        lines = [json.loads(line) for line in self._file if line.endswith("\n")]
        self._file.close()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError("a child failed")
        return os.WIFSIGNALED(status), lines
