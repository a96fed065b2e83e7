"""``Shown``: what Label Studio shows of ids. Files of tasks and the sync take it from here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alcore.ledger import formats, label_studio
from alcore.ledger.columns import QUERY_COLUMNS
from alcore.ledger.layout import Layout


class Shown:
    """Templates, and a file of items with what to show for each id.

    Args:
        data: templates, such as {"image": "https://host/{id}.png"}. In braces stand the id and the columns of the file.
        data_from: a file with a column id. It is read when ids are asked for that were not there before.
    """

    def __init__(self, data: Mapping[str, str] | None = None, data_from: str | os.PathLike[str] | None = None) -> None:
        self._file = None if data_from is None else Path(data_from)
        self._items: dict[Any, dict[str, Any]] = {}
        self._data = data
        self._templates = label_studio.as_data(data) if self._file is None else None

    def layout(self, ids: Sequence[Any], named: bool) -> Layout:
        """What a file of a query has. Refuse ids that the file of items does not have, and unknown {names} in templates."""
        if self._file is not None and (self._templates is None or not self._items.keys() >= set(ids)):
            self._items, names = label_studio.read_items(formats.items_of(self._file), self._file, ids)
            self._templates = label_studio.as_data(self._data, names)
        return Layout(QUERY_COLUMNS, named, self._templates or {}, items=self._items)
