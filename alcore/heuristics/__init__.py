"""Heuristics as frozen objects: score predictions, select a batch, combine.

Here live what a heuristic is and how row-wise ones add up (`base`), an object for each function of scores and batches, and the
names of the command line (`names`). Imports batches, scores, sources and the door. A new heuristic is a class in the file of its
kind and a line in `names`. If it holds something for each row or draw, `subsets` must know how to cut that.
"""

from __future__ import annotations

from alcore.heuristics.base import Heuristic, RowWise, Sum
from alcore.heuristics.combine import Combine
from alcore.heuristics.epig import EPIG, BatchEPIG
from alcore.heuristics.ical import ICAL
from alcore.heuristics.joint import BatchBALD, LogDet, TwoBALD
from alcore.heuristics.measures import (
    BALD,
    Entropy,
    ExpectedEntropy,
    LeastConfidence,
    Margin,
    MeanStd,
    PairwiseKL,
    Variance,
    VariationRatio,
    VoteEntropy,
)
from alcore.heuristics.names import heuristic
from alcore.heuristics.precomputed import Precomputed
from alcore.heuristics.reduce import Reduce
from alcore.heuristics.stochastic import Power, PowerBALD, Random, Softmax, SoftmaxBALD, SoftRank, SoftRankBALD

__all__ = [
    "BALD",
    "EPIG",
    "ICAL",
    "BatchBALD",
    "BatchEPIG",
    "Combine",
    "Entropy",
    "ExpectedEntropy",
    "Heuristic",
    "LeastConfidence",
    "LogDet",
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
    "Variance",
    "VariationRatio",
    "VoteEntropy",
    "heuristic",
]
