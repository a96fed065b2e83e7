"""Several answers for one id: a rule says which of them is the label, and what stays disputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.ledger.columns import FileRows
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import AT_ONCE, ids_at
from alcore.ledger.label_text import decode

RULES = ("all", "majority", "ground-truth")
ONE = "one="
SEVERAL = (
    "SELECT position, rowid, label, annotator FROM incoming WHERE position IN "
    "(SELECT position FROM incoming GROUP BY position HAVING count(*) > 1) ORDER BY position, rowid"
)


@dataclass(frozen=True)
class Rule:
    """``all``: the answers are equal. ``majority``: more than half of the annotators. ``one``: only this annotator counts.

    ``ground-truth``: an answer marked as the ground truth counts alone. Ids without one need answers that are equal.
    """

    name: str
    one: str | None = None

    @classmethod
    def of(cls, agree: Any) -> Rule:
        if isinstance(agree, str) and agree.startswith(ONE) and len(agree) > len(ONE):
            return cls("all", agree.removeprefix(ONE))
        if agree not in RULES:
            raise LedgerError(
                f"agree: expected 'all', 'majority', 'ground-truth' or 'one=NAME', got {agree!r}. Write agree='majority' "
                "(--agree majority)."
            )
        return cls(agree)


def settle(
    connection: Connection, file: FileRows, rule: Rule, annotator: str | None
) -> dict[Any, list[tuple[Any, str | None]]]:
    """Leave one answer for each id in the table ``incoming``. Returns the ids without, with their labels and annotators."""
    if annotator is not None:
        connection.execute("UPDATE incoming SET annotator = ? WHERE annotator IS NULL", (annotator,))
    if rule.one is not None:
        _keep_one(connection, file, rule.one)
    if rule.name == "ground-truth":
        connection.execute(
            "DELETE FROM incoming WHERE NOT truth AND position IN (SELECT position FROM incoming WHERE truth)"
        )
    disputed: dict[int, list[tuple[Any, str | None]]] = {}
    removed: list[tuple[int]] = []
    for position, answers in _several(connection):
        kept = _winner([answer[1:] for answer in answers], rule)
        removed += [(answer[0],) for place, answer in enumerate(answers) if place != kept]
        if kept is None:
            disputed[position] = [(decode(label), who) for _, label, who in answers]
    connection.executemany("DELETE FROM incoming WHERE rowid = ?", removed)
    ids = [
        one
        for start in range(0, len(disputed), AT_ONCE)
        for one in ids_at(connection, np.array([*disputed][start : start + AT_ONCE], np.int64)).tolist()
    ]
    return dict(zip(ids, disputed.values(), strict=True))


def _several(connection: Connection) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    for position, rows in groupby(connection.execute(SEVERAL), key=lambda row: row[0]):
        yield position, [row[1:] for row in rows]


def _keep_one(connection: Connection, file: FileRows, name: str) -> None:
    names = [who for (who,) in connection.execute("SELECT DISTINCT annotator FROM incoming ORDER BY 1")]
    if names and name not in names:
        there = ", ".join("nobody named" if who is None else who for who in names[:12])
        raise LedgerError(f"{file.path}: expected labels by {name!r}, as agree (--agree) says, got labels by {there}.")
    connection.execute("DELETE FROM incoming WHERE annotator IS NOT ?", (name,))


def _winner(answers: list[tuple[str, str | None]], rule: Rule) -> int | None:
    """The place of the first answer with the label that counts, None if no label does."""
    labels = [label for label, _ in answers]
    if len(set(labels)) == 1:
        return 0
    if rule.name != "majority":
        return None
    different = {(label, who if who is not None else place) for place, (label, who) in enumerate(answers)}
    votes = Counter(label for label, _ in different)
    (label, most), *_ = votes.most_common(1)
    return labels.index(label) if 2 * most > votes.total() else None
