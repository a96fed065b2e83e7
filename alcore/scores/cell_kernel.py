"""Measures as kernels: cells (R, C, T) in, scores (R,) and validity (R,) out. A kernel is imported at its first call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alcore import door
from alcore.door import Array, Bools, Float64s
from alcore.sources.cells import outcomes_of

# Below this many nats a float32 BALD is computed again in the relatively accurate form: the difference of entropies is off by
# 1e-6 at 10 classes and up to 4e-6 at 1000 classes or a million draws, so above it the relative error stays under 1e-3.
ACCURATE_BELOW = 4e-3

OF_YES = {"entropy", "expected_entropy", "expected_entropy32", "bald", "bald32"}  # with kernels of their own
OF_MEANS = {"entropy", "margin", "least_confidence"}  # functions of the mean prediction: the measure of a single draw
OF_VOTES = {"variation_ratio", "vote_entropy"}  # the class of the largest logit is that of the largest probability
OF_LOGITS = {"expected_entropy", "bald", "mean_std", "pairwise_kl"}  # with float32 kernels for equal weights


@dataclass(frozen=True)
class CellKernel:
    """The kernel of that name, of `alcore.kernels`: the float32 one where there is one and the draws have equal weights."""

    name: str
    arguments: tuple[float, ...] = ()
    has_narrow: bool = False  # whether there is a float32 kernel

    def __call__(self, cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        """The measure of probabilities of classes, or of yes (R, 1, T)."""
        if self.has_narrow and weights is None and cells.dtype == np.float32:
            found, cells = _found(f"{self.name}32", cells)
            found(cells, *self.arguments, tolerance, out, valid)
        else:
            each = door.as_shares(weights, cells.shape[-1])
            found, cells = _found(self.name, cells)
            found(cells, each, *self.arguments, tolerance, out, valid)

    def of_logits(self, cells: Array, weights: Float64s | None, out: Float64s, valid: Bools) -> bool:
        """The measure of logits of classes. False where it needs probabilities first."""
        from alcore.kernels import logits

        if self.name in OF_VOTES:
            each = door.as_shares(weights, cells.shape[-1])
            getattr(logits, self.name)(cells, each, out, valid)
            return True
        if weights is not None or cells.dtype != np.float32:
            return False
        if self.name in OF_MEANS:
            means = np.empty((*cells.shape[:2], 1))
            logits.means32(cells, means[:, :, 0])
            self(means, None, door.tolerance(cells.shape[1]), out, valid)
            return True
        if self.name in OF_LOGITS:
            limit = (ACCURATE_BELOW,) if self.name == "expected_entropy" else ()
            getattr(logits, f"{self.name}32")(cells, *self.arguments, *limit, out, valid)
        return self.name in OF_LOGITS


def _found(name: str, cells: Array) -> tuple[Callable[..., None], Array]:
    """The kernel for classes, or for probabilities of yes (R, 1, T), and the cells as it takes them."""
    from alcore.kernels import bernoulli, measures, pairwise_kl

    if cells.shape[1] == 1 and name in OF_YES:
        return getattr(bernoulli, name), cells.reshape(len(cells), -1)
    module = pairwise_kl if name.startswith("pairwise_kl") else measures
    return getattr(module, name), cells if cells.shape[1] > 1 else outcomes_of(cells)
