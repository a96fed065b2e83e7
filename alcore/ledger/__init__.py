"""The ledger: an SQLite file that records which ids are labelled, asked, set aside or free, and why.

``ledger`` changes a ledger, ``view`` reads it, ``asking`` records a query, ``update`` what predictions learn before. ``reading``,
``writing``, ``moments`` and ``picks`` hold SQL, ``schema`` the tables, ``database`` and ``readonly`` the file. ``exporting``,
``importing`` and ``formats`` exchange files. Imports heuristics, posterior and the folders below. A new method joins ``view`` if it
only reads, else ``ledger``. Its SQL joins ``reading`` or ``writing``.
"""

from __future__ import annotations

from alcore.ledger.errors import LedgerError
from alcore.ledger.importing import Imported
from alcore.ledger.ledger import Ledger
from alcore.ledger.moments import Moment
from alcore.ledger.query import Query
from alcore.ledger.update import Update

__all__ = ["Imported", "Ledger", "LedgerError", "Moment", "Query", "Update"]
