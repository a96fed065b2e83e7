"""Who is labelled, asked, set aside or free, and why: a record that outlives the process that keeps it."""

from __future__ import annotations

from alcore.ledger.database import LedgerError
from alcore.ledger.importing import Imported
from alcore.ledger.ledger import Ledger
from alcore.ledger.query import Query

__all__ = ["Imported", "Ledger", "LedgerError", "Query"]
