"""Ctrl-C waits until a short transaction has ended.

An interrupt that comes while Python enters or leaves a ``with`` block skips the code behind it: the transaction would stay open,
and all other processes would wait, for as long as somebody holds the traceback. So it is kept, and comes when nothing is open.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class KeptInterrupts:
    """Keeps interrupts between `begin` and `end`. Only the main thread gets any."""

    def __init__(self) -> None:
        self._handler: Any = None
        self._came: tuple[int, FrameType | None] | None = None

    def begin(self) -> None:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._keep)

    def end(self) -> None:
        """Lets interrupts come again, and the one that was kept."""
        handler, self._handler = self._handler, None
        if handler is None:
            return
        signal.signal(signal.SIGINT, handler)
        came, self._came = self._came, None
        if came is not None:
            handler(*came)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        self._came = number, frame
