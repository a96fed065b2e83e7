"""What a user asks of a model: how many draws, from which seed, of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door

DTYPES = ("float16", "float32", "float64")
DRAWS_FIRST, ROWS_FIRST = "draws-first", "rows-first"  # the order of rows and draws that share one axis
_MASK_64 = (1 << 64) - 1


@dataclass(frozen=True)
class Request:
    """What a user asks of a model: the options that every ``predict`` takes.

    Args:
        draws: forward passes of each member. This is T for one member that makes one draw in a pass.
        consistent: True makes draw t one network, so all rows of all blocks share its masks. False gives every row its own noise.
        seed: an integer. The same seed, data and block size give the same bits.
        dtype: the type of the predictions: "float16", "float32" or "float64".
        kind: what the model returns: "probs", or "logits", of which the adapter takes the softmax. "binary" and
            "binary_logits" for one number a row, "multilabel" and "multilabel_logits" for several labels, each of them yes or no.
            "mean" for the means of numbers.
        class_axis: the axis of the output that holds the classes, counted without the axis of draws. None looks for it.
        members: how many members an ensemble has. The draws of one member follow those of the other.
        first: the number of the first draw, where the draws before it are made elsewhere.
        draw_axis: the axis of the output that holds the draws of one pass. "draws-first" or "rows-first" where draws and rows
            share axis 0. None for one draw in a pass.
        variance: whether the model returns the variances of the noise behind the means (`with_variance`).

    Raises:
        TypeError: for an option of another type.
        ValueError: for another value: ``draws`` below 1, an unknown ``kind``, ``dtype`` or ``draw_axis``.

    Examples:
        >>> from alcore.adapting import Request
        >>> request = Request(draws=20, members=5)
        >>> request.passes
        100
        >>> request.seed_of(draw=3, block=0) == request.seed_of(draw=3, block=1)
        True
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
    variance: bool = False

    def __post_init__(self) -> None:
        door.as_size(self.draws, "draws")
        door.as_flag(self.consistent, "consistent")
        door.as_kind(self.kind)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise TypeError(f"seed: expected an integer, got {type(self.seed).__name__}. The default is seed=0.")
        if isinstance(self.class_axis, bool) or not isinstance(self.class_axis, int | None):
            raise TypeError(
                f"class_axis: expected an integer, got {type(self.class_axis).__name__}. For the last axis, pass class_axis=-1."
            )
        if isinstance(self.draw_axis, bool) or not isinstance(self.draw_axis, int | str | None):
            raise TypeError(
                f"draw_axis: expected an integer, 'draws-first' or 'rows-first', got {type(self.draw_axis).__name__}. For "
                "(draws, rows, classes), pass draw_axis=0."
            )
        if isinstance(self.draw_axis, str) and self.draw_axis not in (DRAWS_FIRST, ROWS_FIRST):
            raise ValueError(f"draw_axis: expected an integer, 'draws-first' or 'rows-first', got {self.draw_axis!r}.")
        if np.dtype(self.dtype).name not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {np.dtype(self.dtype).name!r}.")

    @property
    def passes(self) -> int:
        """Forward passes of all members together. This is T where each pass makes one draw."""
        return self.draws * self.members

    def seed_of(self, draw: int, block: int, *place: int) -> int:
        """A seed for a place in the network. It depends on the draw, and without ``consistent`` also on the block."""
        return mix(self.seed, self.first + draw, *(() if self.consistent else (1 + block,)), *place)

    @property
    def said(self) -> dict[str, Any]:
        """What a file records about the request. A run that goes on has to ask for the same."""
        return {
            "draws": self.draws,
            "members": self.members,
            "first": self.first,
            "consistent": self.consistent,
            "seed": int(self.seed),
            "dtype": np.dtype(self.dtype).name,
            "kind": self.kind,
            "draw_axis": self.draw_axis,
            **({"variance": True} if self.variance else {}),
        }


def mix(*numbers: int) -> int:
    """A seed of 63 bits. Each of the numbers changes it (SplitMix64, Steele et al. 2014, doi.org/10.1145/2714064.2660195)."""
    state = 0
    for number in numbers:
        state = (state + (number & _MASK_64) + 0x9E3779B97F4A7C15) & _MASK_64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
        state ^= state >> 31
    return state >> 1
