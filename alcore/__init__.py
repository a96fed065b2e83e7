"""alcore: what to label next, from any model's predictions.

Predictions are arrays (N, C, ..., T): **N** rows (examples) · **C** classes · **…** event axes (pixels, tokens) · **T** posterior
draws. Further letters: **J** targets · **M** configurations. Scores of entropies and information are in nats. A higher score
means: ask first.

>>> import alcore, numpy
>>> rng = numpy.random.default_rng(0)
>>> probs = rng.dirichlet([1.0, 1.0, 1.0], size=(100, 20)).transpose(0, 2, 1)  # 100 rows, 3 classes, 20 draws
>>> alcore.BALD().select(probs, k=3).indices.tolist()
[17, 23, 60]
"""

from __future__ import annotations

import typing as _typing
from importlib import import_module as _import_module

from alcore import adapting
from alcore.batches.batch import Batch
from alcore.batches.batch_epig import batch_epig
from alcore.batches.batchbald import batchbald
from alcore.batches.filling import SaturationWarning
from alcore.batches.ical import ical
from alcore.batches.information import batch_information, joint_entropy
from alcore.batches.log_det import log_det
from alcore.batches.select import power, softmax, softrank, top
from alcore.batches.two_bald import two_bald
from alcore.heuristics import (
    BALD,
    EPIG,
    ICAL,
    BatchBALD,
    BatchEPIG,
    Combine,
    Entropy,
    ExpectedEntropy,
    Heuristic,
    LeastConfidence,
    LogDet,
    Margin,
    MeanStd,
    PairwiseKL,
    Power,
    PowerBALD,
    Precomputed,
    Random,
    Reduce,
    RowWise,
    Softmax,
    SoftmaxBALD,
    SoftRank,
    SoftRankBALD,
    Sum,
    TwoBALD,
    Variance,
    VariationRatio,
    VoteEntropy,
    heuristic,
)
from alcore.risk.estimators import lure, lure_weights, pure, pure_weights
from alcore.risk.expected_loss import expected_loss
from alcore.scores.boxes import match_boxes
from alcore.scores.epig import epig
from alcore.scores.estimate import Estimate
from alcore.scores.gaussian import variance
from alcore.scores.measures import (
    bald,
    entropy,
    expected_entropy,
    least_confidence,
    margin,
    mean_std,
    pairwise_kl,
    variation_ratio,
    vote_entropy,
)
from alcore.scores.reductions import reduce
from alcore.scores.score_error import score_error
from alcore.sources.chunks import ChunkWarning
from alcore.sources.files import open_predictions
from alcore.sources.ragged import Ragged
from alcore.sources.shared import SharedStore
from alcore.sources.threads import get_threads, set_threads
from alcore.sources.writing import concatenate_draws, save_predictions

if _typing.TYPE_CHECKING:
    from alcore import bench, plot, stopping
    from alcore.ledger import Ledger, LedgerError, Query, Update
    from alcore.loop.active_learning import ActiveLearning, Step
    from alcore.loop.curves import Curves
    from alcore.loop.wait import Wait
    from alcore.posterior.posterior import Posterior
    from alcore.posterior.updated_draws import UpdatedDraws

__version__ = "0.2.0"

# Imported when first named: a campaign's and a comparison's modules would add a third to `import alcore` for those who only score.
_LATER = {
    "bench": "alcore.bench",
    "plot": "alcore.plot",
    "stopping": "alcore.stopping",
    "Curves": "alcore.loop.curves",
    "Ledger": "alcore.ledger",
    "LedgerError": "alcore.ledger",
    "Query": "alcore.ledger",
    "Update": "alcore.ledger",
    "ActiveLearning": "alcore.loop.active_learning",
    "Step": "alcore.loop.active_learning",
    "Wait": "alcore.loop.wait",
    "Posterior": "alcore.posterior.posterior",
    "UpdatedDraws": "alcore.posterior.updated_draws",
}

__all__ = [
    "BALD",
    "EPIG",
    "ICAL",
    "ActiveLearning",
    "Batch",
    "BatchBALD",
    "BatchEPIG",
    "ChunkWarning",
    "Combine",
    "Curves",
    "Entropy",
    "Estimate",
    "ExpectedEntropy",
    "Heuristic",
    "LeastConfidence",
    "Ledger",
    "LedgerError",
    "LogDet",
    "Margin",
    "MeanStd",
    "PairwiseKL",
    "Posterior",
    "Power",
    "PowerBALD",
    "Precomputed",
    "Query",
    "Ragged",
    "Random",
    "Reduce",
    "RowWise",
    "SaturationWarning",
    "SharedStore",
    "SoftRank",
    "SoftRankBALD",
    "Softmax",
    "SoftmaxBALD",
    "Step",
    "Sum",
    "TwoBALD",
    "Update",
    "UpdatedDraws",
    "Variance",
    "VariationRatio",
    "VoteEntropy",
    "Wait",
    "adapting",
    "bald",
    "batch_epig",
    "batch_information",
    "batchbald",
    "bench",
    "concatenate_draws",
    "entropy",
    "epig",
    "expected_entropy",
    "expected_loss",
    "get_threads",
    "heuristic",
    "ical",
    "joint_entropy",
    "least_confidence",
    "log_det",
    "lure",
    "lure_weights",
    "margin",
    "match_boxes",
    "mean_std",
    "open_predictions",
    "pairwise_kl",
    "plot",
    "power",
    "pure",
    "pure_weights",
    "reduce",
    "save_predictions",
    "score_error",
    "set_threads",
    "softmax",
    "softrank",
    "stopping",
    "top",
    "two_bald",
    "variance",
    "variation_ratio",
    "vote_entropy",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(_LATER[name])
    found = globals()[name] = module if _LATER[name] == f"alcore.{name}" else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
