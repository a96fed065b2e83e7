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

if _typing.TYPE_CHECKING:
    from alcore import adapting, bench, plot, stopping
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
    from alcore.ledger import Ledger, LedgerError, Query, Update
    from alcore.loop.active_learning import ActiveLearning, Step
    from alcore.loop.curves import Curves
    from alcore.loop.wait import Wait
    from alcore.posterior.posterior import Posterior
    from alcore.posterior.updated_draws import UpdatedDraws
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

__version__ = "0.2.0"

# Imported when first named: whoever only scores then imports 46 of the 110 modules.
_LATER = {
    name: module
    for module, names in {
        "alcore.adapting": "adapting",
        "alcore.batches.batch": "Batch",
        "alcore.batches.batch_epig": "batch_epig",
        "alcore.batches.batchbald": "batchbald",
        "alcore.batches.filling": "SaturationWarning",
        "alcore.batches.ical": "ical",
        "alcore.batches.information": "batch_information joint_entropy",
        "alcore.batches.log_det": "log_det",
        "alcore.batches.select": "power softmax softrank top",
        "alcore.batches.two_bald": "two_bald",
        "alcore.bench": "bench",
        "alcore.heuristics": (
            "BALD BatchBALD BatchEPIG Combine EPIG Entropy ExpectedEntropy Heuristic ICAL LeastConfidence LogDet "
            "Margin MeanStd PairwiseKL Power PowerBALD Precomputed Random Reduce RowWise SoftRank SoftRankBALD "
            "Softmax SoftmaxBALD Sum TwoBALD Variance VariationRatio VoteEntropy heuristic"
        ),
        "alcore.ledger": "Ledger LedgerError Query Update",
        "alcore.loop.active_learning": "ActiveLearning Step",
        "alcore.loop.curves": "Curves",
        "alcore.loop.wait": "Wait",
        "alcore.plot": "plot",
        "alcore.posterior.posterior": "Posterior",
        "alcore.posterior.updated_draws": "UpdatedDraws",
        "alcore.risk.estimators": "lure lure_weights pure pure_weights",
        "alcore.risk.expected_loss": "expected_loss",
        "alcore.scores.boxes": "match_boxes",
        "alcore.scores.epig": "epig",
        "alcore.scores.estimate": "Estimate",
        "alcore.scores.gaussian": "variance",
        "alcore.scores.measures": (
            "bald entropy expected_entropy least_confidence margin mean_std pairwise_kl variation_ratio vote_entropy"
        ),
        "alcore.scores.reductions": "reduce",
        "alcore.scores.score_error": "score_error",
        "alcore.sources.chunks": "ChunkWarning",
        "alcore.sources.files": "open_predictions",
        "alcore.sources.ragged": "Ragged",
        "alcore.sources.shared": "SharedStore",
        "alcore.sources.threads": "get_threads set_threads",
        "alcore.sources.writing": "concatenate_draws save_predictions",
        "alcore.stopping": "stopping",
    }.items()
    for name in names.split()
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
