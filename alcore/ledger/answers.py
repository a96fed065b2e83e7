"""Labels that a caller passes, brought to their ids: by key, or in the order of a query. What has no order is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from alcore.ledger.errors import LedgerError
from alcore.ledger.query import Query


def by_id(labels: Any) -> Mapping[Any, Any] | None:
    """Labels that come with their ids: a mapping, or a pandas Series, whose index has the ids. None for anything else."""
    if isinstance(labels, Mapping):
        return labels
    if not _is_series(labels):
        return None
    ids, values = labels.index.tolist(), labels.tolist()
    found = dict(zip(ids, values, strict=True))
    if len(found) < len(ids):
        twice = next(one for place, one in enumerate(ids) if one in ids[:place])
        raise LedgerError(
            f"labels: expected each id once in the index of the Series, got {twice!r} twice. Remove one row."
        )
    return found


def as_mapping(query: Query | int, labels: Any) -> Mapping[Any, Any]:
    """Labels as {id: label}: those that come with their ids, or a sequence in the order of the query."""
    if (found := by_id(labels)) is not None:
        return found
    if not isinstance(query, Query):
        refuse_without_ids(labels, "A sequence needs the Query that ledger.ask(...) returned, not its number.")
    given = _in_order(labels)
    if given is None:
        refuse_without_ids(labels, "Write dict(zip(ids, labels)), with the ids in the order of the labels.")
    if len(given) != len(query):
        raise LedgerError(
            f"labels: expected {len(query)} labels, one for each of query.ids, got {len(given)}. "
            "To label only some of them: {id: label}."
        )
    return dict(zip(query.ids.tolist(), given, strict=True))


def refuse_without_ids(labels: Any, remedy: str) -> NoReturn:
    kind = type(labels)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    raise LedgerError(
        f"labels: expected {{id: label}}, a pandas Series whose index has the ids, or a list or an array with one label for each "
        f"of query.ids, got {name}, which does not say which label belongs to which id. {remedy}"
    )


def _is_series(labels: Any) -> bool:
    """A pandas Series, or what is made like one, without an import of pandas."""
    return hasattr(labels, "iloc") and hasattr(labels, "index") and not hasattr(labels, "columns")


def _in_order(labels: Any) -> list[Any] | None:
    """The labels of a sequence in its order. None for sets, frames, masked and labelled arrays, texts, and single values."""
    if isinstance(labels, str | bytes | bytearray | np.ma.MaskedArray):
        return None
    if isinstance(labels, Sequence | Iterator):
        return list(labels)
    if not hasattr(labels, "__array__") or any(hasattr(labels, name) for name in ("columns", "coords", "iloc")):
        return None
    array = np.asarray(labels)
    return list(array.tolist()) if array.ndim else None
