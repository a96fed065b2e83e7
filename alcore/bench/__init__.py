"""Comparing heuristics on saved predictions."""

from __future__ import annotations

from alcore.bench.compare import Comparison, compare

__all__ = ["Comparison", "compare"]
