"""The table of kinds: what `cases.py` is for classes, for one yes or no, several labels, and means. A new kind joins here, and a
new measure of classes joins by `cases.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
import pytest

import alcore
from tests import gaussians
from tests.cases import CASES, Case
from tests.soak import definitions

LABELS, DRAWS, TARGETS = 3, 6, 4
Change = Callable[[np.ndarray], np.ndarray]
FLOATS = [np.float16, np.float32, np.float64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Predictions of one kind, their targets, and the variances of both where they are means."""

    kind: str
    array: np.ndarray  # (N, C, ..., T)
    targets: np.ndarray  # (J, C, T)
    variance: np.ndarray | None = None
    target_variance: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array)

    def changed(self, change: Change) -> Pool:
        """Every array changed alike: its type, its layout, its draws."""
        return replace(
            self.rows_changed(change),
            targets=change(self.targets),
            target_variance=_maybe(change, self.target_variance),
        )

    def rows_changed(self, change: Change) -> Pool:
        """The rows changed, the targets left."""
        return replace(self, array=change(self.array), variance=_maybe(change, self.variance))

    @property
    def arrays(self) -> list[np.ndarray]:
        given = (self.array, self.targets, self.variance, self.target_variance)
        return [one for one in given if one is not None]

    @property
    def options(self) -> dict[str, Any]:
        return {"kind": self.kind} if self.variance is None else {"kind": self.kind, "variance": self.variance}

    def blocks(self, edges: list[int]) -> tuple[list[Any], dict[str, Any]]:
        """The pool as a list of blocks, and the options of a call; blocks of means are pairs."""
        parts = [slice(start, stop) for start, stop in itertools.pairwise(edges)]
        if self.variance is None:
            return [self.array[part] for part in parts], self.options
        return [(self.array[part], self.variance[part]) for part in parts], {"kind": self.kind}


def _maybe(change: Change, array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else change(array)


@dataclass(frozen=True)
class KindCase:
    """A kind of predictions.

    Attributes:
        labels: the length of axis 1.
        numbers: random predictions of a shape, float64.
        invalid: numbers that are refused, and what the refusal says of each.
        yes: the probability of yes that a number is, at 50 digits.
    """

    name: str
    labels: int
    numbers: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    invalid: dict[float, str]
    yes: Callable[[mpmath.mpf], mpmath.mpf] | None = None

    def pool(self, rows: int, events: tuple[int, ...] = (), *, draws: int = DRAWS, seed: int = 0) -> Pool:
        rng = np.random.default_rng(seed)
        shape, of_targets = (rows, self.labels, *events, draws), (TARGETS, self.labels, draws)
        pool = Pool(self.name, self.numbers(rng, shape), self.numbers(rng, of_targets))
        if self.yes is not None:
            return pool
        noise = [rng.gamma(2, 0.5, one) + 0.05 for one in (shape, of_targets)]
        return replace(pool, variance=noise[0], target_variance=noise[1])


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.beta(0.7, 0.9, shape)


def _logits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(scale=3, size=shape)


def _means(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(10, 2, shape)


NO_YES = {np.nan: "is nan", np.inf: "is inf", -np.inf: "is -inf", -0.25: "is -0.25", 1.5: "is 1.5"}
KINDS = [
    KindCase("binary", 1, _probabilities, NO_YES, lambda p: p),
    KindCase("binary_logits", 1, _logits, {np.nan: "is nan"}, lambda z: 1 / (1 + mpmath.exp(-z))),
    KindCase("multilabel", LABELS, _probabilities, NO_YES, lambda p: p),
    KindCase("multilabel_logits", LABELS, _logits, {np.nan: "is nan"}, lambda z: 1 / (1 + mpmath.exp(-z))),
    KindCase("mean", LABELS, _means, {np.nan: "is nan", np.inf: "is inf", -np.inf: "is -inf"}),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@dataclass(frozen=True)
class Scored:
    """A row-wise measure of one kind.

    Attributes:
        function: of predictions and options. None where the object alone takes its arguments.
        make: the object, of a pool, whose targets it may need.
        oracle: (N,) scores of a pool (N, C, T) and weights by definition.
        upper: the largest score for so many draws.
    """

    kind: KindCase
    name: str
    function: Callable[..., Any]
    make: Callable[[Pool], alcore.Heuristic]
    oracle: Callable[[Pool, np.ndarray | None], np.ndarray]
    upper: Callable[[int], float]
    lower: float = 0.0

    def score(self, pool: Pool, **options: Any) -> np.ndarray:
        return np.asarray(self.make(pool).score(pool.array, **{**pool.options, **options}))


def of_labels(case: Case, kind: KindCase) -> Scored:
    """A measure of classes for labels that are yes or no each: the sum of those of the labels as two classes."""

    def oracle(pool: Pool, weights: np.ndarray | None) -> np.ndarray:
        shares = [mpmath.mpf(float(one)) for one in gaussians.shares(weights, pool.array.shape[-1])]
        shares = [one / mpmath.fsum(shares) for one in shares]
        return np.array([sum(float(case.oracle(_two(kind, label), shares)) for label in row) for row in pool.array])

    def upper(draws: int) -> float:
        return kind.labels * case.upper(2, draws)

    return Scored(kind, case.name, case.function, lambda pool: case.object, oracle, upper)


def _two(kind: KindCase, label: np.ndarray) -> list[list[mpmath.mpf]]:
    assert kind.yes is not None
    each = [kind.yes(mpmath.mpf(float(number))) for number in label]
    return [[1 - yes, yes] for yes in each]


def of_means(name: str, function: Callable[..., Any], object: alcore.RowWise, *, lower: float) -> Scored:
    def oracle(pool: Pool, weights: np.ndarray | None) -> np.ndarray:
        assert pool.variance is not None
        each = gaussians.measure(name, pool.array, pool.variance, weights)
        return each.mean(axis=1) if name == "mean-std" else each.sum(axis=1)

    return Scored(KINDS[-1], name, function, lambda pool: object, oracle, lambda draws: np.inf, lower)


def of_targets(kind: KindCase) -> Scored:
    """EPIG, whose targets are those of the pool."""

    def oracle(pool: Pool, weights: np.ndarray | None) -> np.ndarray:
        if kind.yes is None:
            return gaussians.epig(pool.array, pool.variance, pool.targets, pool.target_variance, weights)
        vectors = [label_vectors(as_yes(one, kind.name)) for one in (pool.array, pool.targets)]
        w = gaussians.shares(weights, pool.array.shape[-1])
        return definitions.epig(*vectors, w, np.full(len(pool.targets), 1 / len(pool.targets)))

    def upper(draws: int) -> float:
        return np.inf if kind.yes is None else min(kind.labels * np.log(2), np.log(draws))

    return Scored(kind, "epig", alcore.epig, epig_of, oracle, upper)


def epig_of(pool: Pool) -> alcore.EPIG:
    return alcore.EPIG(pool.targets, target_variance=pool.target_variance)


def as_yes(array: np.ndarray, kind: str) -> np.ndarray:
    """Probabilities of yes in float64."""
    wide = array.astype(np.float64)
    return 1 / (1 + np.exp(-wide)) if kind.endswith("logits") else wide


def label_vectors(labels: np.ndarray) -> np.ndarray:
    """(N, 2^L, T): the probability of each label vector, each written out. Bit l of the vector's number is label l."""
    each = []
    for number in range(1 << labels.shape[1]):
        bits = [bool(number >> place & 1) for place in range(labels.shape[1])]
        each.append(np.prod([labels[:, i] if bit else 1 - labels[:, i] for i, bit in enumerate(bits)], axis=0))
    return np.ascontiguousarray(np.stack(each, axis=1))


def _part(part: str) -> Callable[..., Any]:
    return lambda means, **options: alcore.variance(means, part, **options)


SCORED = [
    *(of_labels(case, kind) for kind in KINDS[:-1] for case in CASES),
    of_means("bald", alcore.bald, alcore.BALD(), lower=0.0),
    of_means("entropy", alcore.entropy, alcore.Entropy(), lower=-np.inf),
    of_means("expected-entropy", alcore.expected_entropy, alcore.ExpectedEntropy(), lower=-np.inf),
    of_means("mean-std", alcore.mean_std, alcore.MeanStd(), lower=0.0),
    *(of_means(part, _part(part), alcore.Variance(part), lower=0.0) for part in ("total", "epistemic", "aleatoric")),
    *(of_targets(kind) for kind in KINDS),
]
each_scored = pytest.mark.parametrize("case", SCORED, ids=lambda case: f"{case.kind.name}-{case.name}")


# --- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """A joint batch of one kind. ``first``: the score of a row on its own that the first pick has the most of."""

    kind: KindCase
    name: str
    make: Callable[[Pool], alcore.Heuristic]
    first: Callable[[Pool], alcore.Heuristic] | None = None

    def select(self, pool: Pool, k: int = 4, **options: Any) -> alcore.Batch:
        return self.make(pool).select(pool.array, k, rng=3, **{**pool.options, **options})

    def as_stream(self, blocks: list[Any]) -> Any:
        """Blocks that are read once, where the batch needs no more."""
        return blocks if self.name == "batch-epig" else iter(blocks)


def information_of(pool: Pool) -> alcore.Heuristic:
    """BALD of label vectors, by the gain of a pool that has one row."""

    def score(row: np.ndarray) -> float:
        return alcore.batch_information(row[None], [0], kind=pool.kind).value

    return alcore.Precomputed([score(row) for row in pool.array])


CHOSEN = [
    *(
        Chosen(kind, name, make, first)
        for kind in KINDS[:-1]
        for name, make, first in (
            ("batchbald", lambda pool: alcore.BatchBALD(exact=10_000, fill="stop"), information_of),
            ("two-bald", lambda pool: alcore.TwoBALD(fill="stop"), information_of),
            ("ical", lambda pool: alcore.ICAL(), None),
            ("batch-epig", lambda pool: alcore.BatchEPIG(pool.targets, exact=10_000), epig_of),
        )
    ),
    Chosen(KINDS[-1], "log-det", lambda pool: alcore.LogDet(fill="stop"), None),
]
each_chosen = pytest.mark.parametrize("case", CHOSEN, ids=lambda case: f"{case.kind.name}-{case.name}")


# --- the same numbers in other orders ---------------------------------------------------------------------------------


def _backwards(array: np.ndarray) -> np.ndarray:
    turned = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[turned])[turned]


def _strided(array: np.ndarray) -> np.ndarray:
    wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    part = wide[(slice(None, None, 2),) * array.ndim]
    part[...] = array
    return part


def _shifted(array: np.ndarray) -> np.ndarray:
    shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def read_only(array: np.ndarray) -> np.ndarray:
    copied = array.copy()
    copied.flags.writeable = False
    return copied


LAYOUTS: dict[str, Change] = {
    "fortran": np.asfortranarray,
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "strided": _strided,
    "backwards": _backwards,
    "shifted": _shifted,
    "read-only": read_only,
}
ORDERS = ("NTC", "TNC", "TCN", "CNT", "CTN")


def in_order(axes: str, plain: str = "NCT") -> Change:
    """The array, whose axes are ``plain``, in another order, contiguous as a file of that order is."""
    return lambda array: np.ascontiguousarray(array.transpose([plain.index(letter) for letter in axes]))
