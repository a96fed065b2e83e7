"""What is asked of a model: how many draws, of which kind, from which seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door

DTYPES = ("float16", "float32", "float64")
DRAWS_FIRST, ROWS_FIRST = "draws-first", "rows-first"  # how draws of one pass are folded into the axis of rows
_MASK_64 = (1 << 64) - 1


@dataclass(frozen=True)
class Request:
    """What is asked of a model, as every ``predict`` takes it.

    Args:
        draws: of each member, forward passes; T where a pass makes one draw.
        consistent: draw t is one network for every row: one mask for all rows of all blocks.
        seed: an integer; the same seed, data and block size give the same bits.
        dtype: of what is kept: "float16", "float32" or "float64".
        kind: what the model returns, "probs" or "logits"; of logits the softmax is taken.
        class_axis: the axis of what the model returns, without that of draws, that holds the classes; None where it is found.
        draw_axis: the axis of what the model returns that holds draws of one pass, "draws-first" or "rows-first" where they are
            folded into the axis of rows; None for one draw a pass.
        members: networks of an ensemble, whose draws stand one after the other.
        first: the number of the first draw, where others are made elsewhere.
    """

    draws: int
    consistent: bool = True
    seed: int = 0
    dtype: npt.DTypeLike = "float32"
    kind: str = "probs"
    class_axis: int | None = 1
    members: int = 1
    first: int = 0
    draw_axis: int | str | None = None

    def __post_init__(self) -> None:
        door.as_size(self.draws, "draws")
        door.as_flag(self.consistent, "consistent")
        door.as_kind(self.kind)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise TypeError(f"seed: expected an integer, got {type(self.seed).__name__}.")
        if isinstance(self.class_axis, bool) or not isinstance(self.class_axis, int | None):
            raise TypeError(f"class_axis: expected an integer, got {type(self.class_axis).__name__}.")
        if isinstance(self.draw_axis, bool) or not isinstance(self.draw_axis, int | str | None):
            raise TypeError(f"draw_axis: expected an integer or a string, got {type(self.draw_axis).__name__}.")
        if isinstance(self.draw_axis, str) and self.draw_axis not in (DRAWS_FIRST, ROWS_FIRST):
            raise ValueError(f"draw_axis: expected an integer, 'draws-first' or 'rows-first', got {self.draw_axis!r}.")
        if np.dtype(self.dtype).name not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {np.dtype(self.dtype).name!r}.")

    @property
    def passes(self) -> int:
        """Of all members together; T where each makes one draw."""
        return self.draws * self.members

    def seed_of(self, draw: int, block: int, *place: int) -> int:
        """A seed for a place in the network: of this draw, and of this block where draws need not be consistent."""
        return mix(self.seed, self.first + draw, *(() if self.consistent else (1 + block,)), *place)

    @property
    def said(self) -> dict[str, Any]:
        """What a file keeps of the request: a run that goes on has to ask for the same again."""
        return {
            "draws": self.draws,
            "members": self.members,
            "first": self.first,
            "consistent": self.consistent,
            "seed": int(self.seed),
            "dtype": np.dtype(self.dtype).name,
            "kind": self.kind,
            "draw_axis": self.draw_axis,
        }


def mix(*numbers: int) -> int:
    """A seed of 63 bits that each of the numbers changes (SplitMix64, Steele et al. 2014)."""
    state = 0
    for number in numbers:
        state = (state + (number & _MASK_64) + 0x9E3779B97F4A7C15) & _MASK_64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
        state ^= state >> 31
    return state >> 1
