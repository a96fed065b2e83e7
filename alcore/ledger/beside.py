"""``Beside``: calls in a thread of their own, in order, while the caller goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeAlias

Works: TypeAlias = SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None]


class Beside:
    """Within its block `do` hands a call on. At the end of the block all calls have ended, and what one raised is raised.

    The calls may touch nothing that must not outlast the block, such as a connection: an interrupt can come between an end of
    the block and the wait for the thread.
    """

    def __init__(self, threaded: bool) -> None:
        """Without ``threaded`` each call is made at once, as where the system gives no thread."""
        self._works: Works = SimpleQueue()
        self._failed: list[BaseException] = []
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=_work, args=(self._works, self._failed), daemon=True)

    def __enter__(self) -> Self:
        try:
            if self._thread is not None:
                self._thread.start()
        except RuntimeError:  # no more threads, or the interpreter ends
            self._thread = None
        return self

    def do(self, call: Callable[..., object], *arguments: Any) -> None:
        if self._thread is None:
            call(*arguments)
        else:
            self._works.put((call, arguments))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._works.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._failed and kind is None:
            raise self._failed[0]

    def __del__(self) -> None:
        """The thread ends also where an interrupt came before the end of the block."""
        self._works.put(None)


def _work(works: Works, failed: list[BaseException]) -> None:
    """The thread holds no reference to its `Beside`, so that `__del__` is called."""
    try:
        while (work := works.get()) is not None:
            call, arguments = work
            call(*arguments)
    except BaseException as error:
        failed.append(error)
