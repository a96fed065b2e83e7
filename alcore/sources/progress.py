"""A progress bar for passes that take over two seconds, on a terminal, if rich is installed. Otherwise nothing is printed."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
PATIENCE = 2.0  # seconds
_drawing = threading.Lock()


def track(items: Iterable[tuple[int, T]], total: int | None, what: str) -> Generator[tuple[int, T], None, None]:
    """Pass on each (how many are done by then, item). One bar is shown at a time, the outermost one that has waited long enough.

    ``ALCORE_PROGRESS=0`` in the environment turns bars off.
    """
    started = time.monotonic()
    bar: Progress | None = None
    wanted = _can_draw()
    try:
        for done, item in items:
            yield done, item
            late = wanted and bar is None and time.monotonic() - started > PATIENCE
            if late and _drawing.acquire(blocking=False):
                bar = _start_bar(total, what)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
    finally:
        if bar is not None:
            bar.stop()
            _drawing.release()


def _can_draw() -> bool:
    if os.environ.get("ALCORE_PROGRESS") == "0" or sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return False
    return importlib.util.find_spec("rich") is not None


def _start_bar(total: int | None, what: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(what, total=total)
    bar.start()
    return bar
