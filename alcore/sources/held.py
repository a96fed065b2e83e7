"""Numbers of rows that the workers of a cluster compute and keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from alcore import door
from alcore.door import Array, Reading
from alcore.sources.blocks import Block
from alcore.sources.progress import track
from alcore.sources.reading import Source
from alcore.sources.spread import Spread


def hold_rows(
    source: Source, work: Callable[[Block], Array], reading: Reading, width: int, dtype: np.dtype[Any]
) -> Spread:
    """What ``work`` gives for the blocks of a source that workers read, (n, width) each. It stays there while the caller has it."""
    assert source.spread is not None
    weights = door.as_weights(reading.weights, source.cell_shape[-1])
    plan = Block(0, np.empty(0), reading.kind, weights, None, "probs", source.axes, reading.over_labels)

    def work_on(start: int, array: Array, told: tuple[Any, ...]) -> Array:
        return work(replace(plan, start=start, array=array))

    kept = ((one[0].last, one) for one in source.spread.keep(work_on))
    with closing(track(kept, source.rows, "rows scored")) as results:
        return source.spread.holding([one for _, one in results], width, dtype)
