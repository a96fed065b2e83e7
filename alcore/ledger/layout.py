"""What is written into a file, beside its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from alcore.ledger.label_type import LabelType

ANY = LabelType()


@dataclass(frozen=True)
class Layout:
    """Which columns are written, whether ids are names, what labels are, and what Label Studio shows: templates and items."""

    columns: Collection[str]
    named: bool
    data: Mapping[str, str]
    labels: LabelType = ANY
    items: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)
