"""Rows that hold the same numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # of Fowler, Noll and Vo's hash


@kernel()
def hash_rows(probs_nct: Floats, rows_n: Ints, out_n: npt.NDArray[np.uint64]) -> None:
    """A number for the content of each row, in 53 bits a value."""
    for n in range(rows_n.size):
        digest = _OFFSET
        for c in range(probs_nct.shape[1]):
            for t in range(probs_nct.shape[2]):
                bits = np.float64(probs_nct[rows_n[n], c, t]).view(np.uint64)
                digest = np.uint64((digest ^ bits ^ (bits >> np.uint64(32))) * _PRIME)
        out_n[n] = digest


@kernel()
def repeats(probs_nct: Floats, rows_n: Ints, out_n: npt.NDArray[np.bool_]) -> None:
    """Whether each of the rows holds what the one before it holds."""
    for n in range(1, rows_n.size):
        differing = False
        for c in range(probs_nct.shape[1]):
            for t in range(probs_nct.shape[2]):
                differing |= probs_nct[rows_n[n], c, t] != probs_nct[rows_n[n - 1], c, t]
            if differing:
                break
        out_n[n] = not differing
