"""EPIG of means: what the noisy label of a row tells about the noisy labels of targets, from their correlation over draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Float64s, Reading
from alcore.scores.gaussian import score, score_cells
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.names import check_names_of_weights
from alcore.sources.reading import open_source
from alcore.sources.variances import is_constant


@dataclass(frozen=True, eq=False)
class MeanTargets:
    """Targets, checked: their deviations over draws, divided by the standard deviation of their noisy label."""

    deviations_dtj: Float64s
    shares_j: Float64s

    @property
    def cost(self) -> int:
        """How many times the work of a row-wise measure a row takes."""
        return int(np.clip(len(self.shares_j), 1, 64))

    def score_block(self, block: Block) -> Float64s:
        """EPIG of the cells of a block."""
        outputs, draws = self.deviations_dtj.shape[:2]
        if (outputs, draws) != (block.array.shape[1], block.array.shape[-1]):
            door.refuse_other_cells(
                "targets", (outputs, draws), (block.array.shape[1], block.array.shape[-1]), "outputs"
            )
        return score(block, self._measure, "epig")

    def _measure(self, means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
        from alcore.kernels.gaussian import epig as kernel

        kernel(means, moments, weights, self.deviations_dtj, self.shares_j, factors, out)


def prepare_means(
    targets: Any, reading: Reading, target_weights: npt.ArrayLike | None, target_variance: Any
) -> MeanTargets:
    """Read and check the means of targets once for any number of passes."""
    reading.check_targets(targets)
    check_names_of_weights(targets, reading, target_weights)
    own = replace(reading.of_targets, weights=reading.weights, variance=target_variance)
    source = open_source(targets, own, "targets")
    if source.events:
        door.refuse_event_axes("targets", source.cell_shape)
    if target_variance is None and source.variances is None:
        outputs = source.cell_shape[0]
        if not is_constant(reading.variance, source.axes) or np.size(reading.variance) not in (1, outputs):
            door.refuse_no_target_variance()
        own = replace(own, variance=reading.variance)
    parts = [part for parts in map_blocks(source, _deviations, own, name="targets") for part in parts]
    if not parts:
        raise ValueError(f"targets: expected at least one target, got shape {(0, *source.cell_shape)}.")
    deviations_jdt = np.concatenate(parts)
    shares = door.as_weights(target_weights, len(deviations_jdt), "target_weights", "a target")
    deviations_dtj = np.ascontiguousarray(deviations_jdt.transpose(1, 2, 0))
    return MeanTargets(deviations_dtj, door.as_shares(shares, len(deviations_jdt)))


def _deviations(block: Block) -> list[Float64s]:
    """(j, D, T) of the targets of a block."""
    parts: list[Float64s] = []

    def keep(means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
        scale = 1 / np.sqrt(moments[..., 1] + moments[..., 2])
        parts.append((means.astype(np.float64) - moments[..., :1]) * scale[..., None])
        out[:] = 0.0

    if len(block):
        score_cells(block, keep)
    return parts
