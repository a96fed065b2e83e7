"""``LedgerError``: raised when a ledger refuses a call or a file."""

from __future__ import annotations


class LedgerError(ValueError):
    """Raised when a ledger refuses a call, and when a file is not a ledger that can be used.

    The message says what was expected, what came, and what to type instead. Nothing is recorded then.

    >>> import alcore
    >>> alcore.Ledger(size=3).label({7: "cat"})
    Traceback (most recent call last):
    ...
    alcore.ledger.errors.LedgerError: ids: expected whole numbers of at least 0 and under 3, got 7.
    """
