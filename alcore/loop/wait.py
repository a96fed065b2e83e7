"""``Wait``: the oracle of a loop whose labels come from people, by any way that reaches the ledger."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alcore import door
from alcore.door.wording import word
from alcore.ledger import Ledger, LedgerError, Query, formats
from alcore.ledger.label_type import LabelType, as_label_type

QUIET = 10.0  # seconds from one line of progress to the next


@dataclass(frozen=True, kw_only=True)
class Wait:
    """The oracle of a loop with people: it waits until all ids of the query have labels in the ledger.

    The labels may come from ``alcore ledger tell`` in another process, from a program that shares the file, or from another
    thread. Ids that are set aside or withdrawn are not waited for. Nobody else has to wait meanwhile: no lock is held. A loop
    that was killed waits for the same query when it is started again.

    Args:
        poll: seconds from one look into the ledger to the next.
        export: a file for annotators, such as ``"todo.csv"``. Each query is written into a file of its own, with the number of
            the query in its name: ``todo-3.csv``. A file that exists stays as it is, because somebody may have typed into it.
        data: what Label Studio shows for each id, as in `Query.export`.
        data_from: a file with a column id and what Label Studio shows for it, as in `Query.export`.
        timeout: seconds to wait for a query. Then the iteration ends, and a new one waits again. None waits without an end.

    Raises:
        TypeError: for numbers of another type.
        ValueError: for numbers out of range, an ``export`` with another ending, and one in a folder that does not exist.

    >>> import alcore
    >>> alcore.Wait(poll=1.0, export="todo.csv").poll
    1.0
    """

    poll: float = 5.0
    export: str | os.PathLike[str] | None = None
    data: Mapping[str, str] | None = None
    data_from: str | os.PathLike[str] | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not door.as_finite(self.poll, "poll") > 0:
            raise ValueError(f"poll: expected seconds above 0, got {self.poll}.")
        if self.timeout is not None and door.as_finite(self.timeout, "timeout") < 0:
            raise ValueError(f"timeout: expected seconds of at least 0, or None, got {self.timeout}.")
        if self.export is not None:
            formats.format_of(self.export)
            if not (folder := Path(self.export).parent).is_dir():
                raise ValueError(f"export: the folder {folder} does not exist. Create it: mkdir -p {word(folder)}.")
        elif self.data is not None or self.data_from is not None:
            name = "data" if self.data is not None else "data_from"
            raise ValueError(f"{name}: it is for the file of export. Name one: export='tasks.json'.")


def wait_for_labels(wait: Wait, ledger: Ledger, query: Query, progress: bool) -> bool:
    """Wait until no id of the query waits for a label. False after the timeout."""
    file = None if wait.export is None else _hand_out(wait, Path(wait.export), ledger, query)
    end = None if wait.timeout is None else time.monotonic() + wait.timeout
    lines = _Lines(query, len(ledger.asked_by(query)), file) if progress and _wanted() else None
    while missing := _missing(ledger, query):
        if lines is not None:
            lines.show(missing)
        left = wait.poll if end is None else min(wait.poll, end - time.monotonic())
        if left <= 0:
            return False
        time.sleep(left)
    return True


def _missing(ledger: Ledger, query: Query) -> int:
    """How many ids of the query wait for a label now."""
    return sum(len(one) for one in ledger.open_queries(query.asker) if one.number == query.number)


# --- the file of annotators -------------------------------------------------------------------------------------------


def _hand_out(wait: Wait, export: Path, ledger: Ledger, query: Query) -> Path:
    """Write the query into its file, unless the file is there: somebody may have typed into it."""
    file = export.with_name(f"{export.stem}-{query.number}{export.suffix}")
    if not file.exists():
        query.export(file, data=wait.data, data_from=wait.data_from)
    elif _is_of_others(file, ledger, query):
        raise LedgerError(
            f"{file}: expected the file of query {query.number} of this ledger, but the file is another one. Nothing was written. "
            f"Move it away: mv {word(file)} {word(f'{file}.old')}."
        )
    return file


def _is_of_others(file: Path, ledger: Ledger, query: Query) -> bool:
    asked = {str(one) for one in ledger.asked_by(query).tolist()}
    try:
        rows = formats.read(file, as_label_type(ledger.label_type) or LabelType()).rows
        return any(str(row.get("id")) not in asked or row.get("ledger") not in (None, query.ledger) for _, row in rows)
    except LedgerError:
        return False  # somebody edits it, or saved it in a form that `tell_file` will refuse


# --- progress ---------------------------------------------------------------------------------------------------------


def _wanted() -> bool:
    return os.environ.get("ALCORE_PROGRESS") != "0" and sys.stderr is not None and not sys.stderr.closed


class _Lines:
    """Lines that say how many labels are missing: the first at once, the next when that has changed, some seconds apart."""

    def __init__(self, query: Query, size: int, file: Path | None) -> None:
        self._query, self._size = query, size
        self._file = "" if file is None else f" The file: {file}."
        self._missing, self._next = -1, 0.0

    def show(self, missing: int) -> None:
        if missing != self._missing and time.monotonic() >= self._next:
            self._missing, self._next = missing, time.monotonic() + QUIET
            name = f"query {self._query.number} ({self._query.asker})"
            line = f"{name}: {missing:,} of {self._size:,} labels are missing.{self._file}"
            print(line, file=sys.stderr, flush=True)
