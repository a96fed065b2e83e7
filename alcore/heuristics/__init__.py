"""Heuristics as frozen objects: score predictions, select a batch, combine.

Row-wise heuristics give each row a score of its own and combine: weighted sums, reductions over event axes, and the stochastic
selections that wrap them. A folder, because objects of batch heuristics join with files of their own.
"""

from __future__ import annotations

from alcore.heuristics.base import Heuristic, RowWise, Sum
from alcore.heuristics.epig import EPIG, BatchEPIG
from alcore.heuristics.ical import ICAL
from alcore.heuristics.joint import BatchBALD, TwoBALD
from alcore.heuristics.measures import (
    BALD,
    Entropy,
    ExpectedEntropy,
    LeastConfidence,
    Margin,
    MeanStd,
    PairwiseKL,
    VariationRatio,
    VoteEntropy,
)
from alcore.heuristics.names import heuristic
from alcore.heuristics.reduce import Precomputed, Reduce
from alcore.heuristics.stochastic import Power, PowerBALD, Random, Softmax, SoftmaxBALD, SoftRank, SoftRankBALD

__all__ = [
    "BALD",
    "EPIG",
    "ICAL",
    "BatchBALD",
    "BatchEPIG",
    "Entropy",
    "ExpectedEntropy",
    "Heuristic",
    "LeastConfidence",
    "Margin",
    "MeanStd",
    "PairwiseKL",
    "Power",
    "PowerBALD",
    "Precomputed",
    "Random",
    "Reduce",
    "RowWise",
    "SoftRank",
    "SoftRankBALD",
    "Softmax",
    "SoftmaxBALD",
    "Sum",
    "TwoBALD",
    "VariationRatio",
    "VoteEntropy",
    "heuristic",
]
