"""The ledger: an SQLite file that records which ids are labelled, asked, set aside or free, and why.

``ledger`` changes a ledger, ``view`` only reads it, ``asking`` records a query. ``reading``, ``writing`` and ``picks`` hold SQL,
``schema`` the tables, ``database`` the file, ``readonly`` a file that is only read. ``exporting``, ``importing`` and ``formats``
exchange files. Imports heuristics and the folders below. A new method joins ``view`` if it only reads, else ``ledger``. Its SQL
joins ``reading`` or ``writing``.
"""

from __future__ import annotations

from alcore.ledger.errors import LedgerError
from alcore.ledger.importing import Imported
from alcore.ledger.ledger import Ledger
from alcore.ledger.query import Query

__all__ = ["Imported", "Ledger", "LedgerError", "Query"]
