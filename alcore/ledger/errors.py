"""``LedgerError``: what a ledger and its files refuse."""

from __future__ import annotations


class LedgerError(ValueError):
    """What a ledger refuses, and what its file refuses."""
