"""The ledger: who is labelled, asked, set aside or free, and why; a record that outlives the process that keeps it.

``ledger`` has what changes a ledger, ``view`` what only looks at it; ``asking`` goes from a heuristic to a recorded query. Below
them ``reading``, ``writing`` and ``picks`` are the SQL, ``schema`` the tables, ``database`` their SQLite file; ``exporting``,
``importing``, ``columns`` and ``formats`` are the files that people exchange. Imports heuristics and what lies below. A new method
joins ``view`` if it only reads, else ``ledger``; its SQL joins ``reading`` or ``writing``, a new kind of file ``formats``.
"""

from __future__ import annotations

from alcore.ledger.errors import LedgerError
from alcore.ledger.importing import Imported
from alcore.ledger.ledger import Ledger
from alcore.ledger.query import Query

__all__ = ["Imported", "Ledger", "LedgerError", "Query"]
