"""``Sending``: a call in a thread of its own. An interrupt of the program does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Sending:
    def __init__(self, call: Callable[[], object]) -> None:
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def ended(self, seconds: float | None = None) -> bool:
        """Whether it ends within these seconds. Without seconds it waits for the end."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def failed(self) -> bool:
        return self._failed is not None

    def check(self) -> None:
        """Raise what the call raised."""
        if self._failed is not None:
            raise self._failed

    def _run(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            self._failed = error
