"""Forks of a test's process that send what they did, and that can be killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

Send = Callable[[Any], None]  # any JSON value, to the parent


def interruptible() -> None:
    """Ctrl-C raises KeyboardInterrupt in this process, also where it was started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Child:
    """A fork that does its work and ends; what it sent can be read when it is dead.

    Coverage takes a lock when it meets a function in a new file. A thread of the parent may hold it when the fork is made, and an
    interrupt may leave it taken: the child would wait for it without end. So the lines of a child are not measured.
    """

    def __init__(self, work: Callable[[Send], None]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            os.close(reading)
            self._run(work, writing)
        os.close(writing)
        self._file = os.fdopen(reading)

    def _run(self, work: Callable[[Send], None], pipe: int) -> None:
        code = 1
        try:
            work(lambda message: os.write(pipe, (json.dumps(message) + "\n").encode()))  # type: ignore[func-returns-value]
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def receive(self) -> Any:
        """Its next message; None where it ended."""
        return json.loads(self._file.readline() or "null")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> tuple[bool, list[Any]]:
        """Until it ends: whether it was killed, and its other messages. A line that was cut off is no message."""
        status = os.waitpid(self.pid, 0)[1]
        lines = [json.loads(line) for line in self._file if line.endswith("\n")]
        self._file.close()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError("a child failed")
        return os.WIFSIGNALED(status), lines
