"""The rows that fill a batch when no more rows can be chosen jointly: the rule, the rows, and the warning where draws are the
reason.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.batches.search.candidates import Pool
from alcore.batches.search.greedy import Chosen, Ints
from alcore.door import Float64s

FILL = "power-bald"
# Effective draws under which a batch has told nearly all that its draws can: one draw explains most of the label configurations.
EXHAUSTED = 2.0


class SaturationWarning(UserWarning):
    """The draws were exhausted before the batch was full.

    `batchbald` and `two_bald` give this warning when one draw explains most of the label configurations, on average fewer than 2
    draws. `log_det` gives it when the best row gains under 1 % of the first pick. Predict with more draws, ask for a smaller
    batch, or draw the whole batch with `PowerBALD`. Paper: Kirsch et al. 2019 (arXiv:1906.08158).

    >>> import alcore, numpy, warnings
    >>> same = numpy.array([[[1.0, 0.0], [0.0, 1.0]]] * 3)  # one label tells the two draws apart
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     batch = alcore.batchbald(same, k=3, rng=0)
    >>> caught[0].category is alcore.SaturationWarning, batch.saturated_at
    (True, 1)
    """


def describe(rule: str | None) -> str:
    """How the rows that fill a batch were chosen."""
    if rule == "power-bald":
        return "drawn by power sampling of BALD"
    return "drawn at random" if rule == "random" else "taken in BALD order"


def fill_up(
    name: str, chosen: Chosen, pool: Pool, k: int, rule: str, rng: np.random.Generator, effective_draws: list[float]
) -> Batch:
    """The rows that were chosen jointly, with their gains, then the rows that fill the batch of k, with gain 0.

    The function warns where the draws were exhausted. ``effective_draws``: before the first pick, and after each joint pick.
    """
    size, joint = min(k, len(pool.scores)), len(chosen.indices)
    rest = rest_of(chosen.indices, pool.scores, 0 if rule == "stop" else size - joint, rule, rng)
    exhausted = chosen.ended_early and effective_draws[-1] < EXHAUSTED
    if exhausted:
        done = (
            f"the rest of the batch, {len(rest)} of {size}, was {describe(rule)}"
            if len(rest)
            else "the batch ends there"
        )
        warnings.warn(
            f"{name}: the {pool.cell_shape[-1]} draws were exhausted after {joint} of {size} picks: on average "
            f"{effective_draws[-1]:.1f} of them still explain the labels, and no row gains more than noise. So {done} "
            f"(fill={rule!r}). Predict with more draws, ask for a smaller batch, or draw the whole batch: "
            f"PowerBALD().select(probs, {size}).",
            SaturationWarning,
            stacklevel=3,
        )
    return Batch(
        np.concatenate([chosen.indices, rest.indices]),
        np.concatenate([chosen.gains, np.zeros(len(rest))]),
        np.concatenate([np.ones(joint), rest.q]),
        np.concatenate([np.ones(joint, np.int64), rest.support]),
        effective_draws=np.array(effective_draws[1:] + effective_draws[-1:] * len(rest), np.float64),
        saturated_at=joint if exhausted else None,
        fill=rule if len(rest) or chosen.ended_early else None,
        certified_until=chosen.certified_until,
    )


def rest_of(chosen: Ints, scores_n: Float64s, count: int, rule: str, rng: np.random.Generator) -> Batch:
    """``count`` of the rows that were not chosen, by the rule; ``scores_n``: BALD of all rows."""
    left = np.delete(np.arange(len(scores_n)), chosen)
    if rule == "power-bald":
        drawn = select.power(scores_n[left], count, rng=rng)
    elif rule == "random":
        drawn = select.softmax(np.zeros(len(left)), count, rng=rng)
    else:
        drawn = select.top(scores_n[left], count)
    return replace(drawn, indices=left[drawn.indices])
