"""What is written into a file, beside its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layout:
    """Which columns are written, whether ids are names, and what Label Studio shows: templates, and the data of each id."""

    columns: Collection[str]
    named: bool
    data: Mapping[str, str]
    items: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)
