"""``LedgerStates``: the methods of a ledger that change the state of ids, and notes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from typing import Any

from alcore import door
from alcore.ledger import checks, writing
from alcore.ledger.ids import positions_of
from alcore.ledger.label_text import encode
from alcore.ledger.query import Query
from alcore.ledger.view import LedgerView


class LedgerStates(LedgerView, ABC):
    """The methods of a `Ledger` that change the state of ids, beside asking and telling."""

    def withdraw(self, query: Query | int) -> None:
        """Take back the ids of a query, or of its number, that have no label yet. They are free again.

        Later labels for this query are refused, and the ledger's picks no longer represent the whole pool (`picked`).

        Raises:
            LedgerError: if no id of the query waits for a label.
        """
        number = checks.as_number(query, self.identity, self._database.name)
        with self._database.writing() as connection:
            writing.withdraw(connection, number)

    def unlabel(self, ids: Any) -> None:
        """Remove the labels of ids, which are free again. The labels stay in the `history`.

        Raises:
            LedgerError: if one of the ids has no label.
        """
        self._free(ids, "labelled", "unlabelled")

    def set_aside(self, ids: Any) -> None:
        """Take ids out of the pool that cannot or need not be labelled. They may be unlabelled or asked.

        Raises:
            LedgerError: if one of the ids has a label or was set aside already.
        """
        with self._database.writing() as connection:
            positions = positions_of(connection, ids)
            checks.check_states(connection, positions, ("unlabelled", "asked"))
            writing.set_state(connection, positions, "aside")

    def restore(self, ids: Any) -> None:
        """Make ids free again that were set aside.

        Raises:
            LedgerError: if one of the ids was not set aside.
        """
        self._free(ids, "aside", "restored")

    def add(self, ids: int | Iterable[Any]) -> None:
        """Add new ids to the pool.

        Args:
            ids: how many, or the numbers that follow in order. If the ledger has names: new names.

        Raises:
            LedgerError: for other numbers, and for names that the ledger has already.
        """
        with self._database.writing() as connection:
            writing.add_ids(connection, ids)

    def write_note(self, note: Any, *, step: int, asker: str = "default") -> None:
        """Record a note, any JSON value, for a step of an asker. It replaces an earlier note of that step. See `notes`.

        `ask` with ``note=`` records the note together with the query: both are on disk, or neither is.
        """
        text = encode(note, "note")
        with self._database.writing() as connection:
            writing.write_note(connection, checks.as_name(asker, "asker"), door.as_count(step, "step"), text)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _free(self, ids: Any, state: str, action: str) -> None:
        with self._database.writing() as connection:
            positions = positions_of(connection, ids)
            checks.check_states(connection, positions, (state,))
            writing.free(connection, positions, action)
