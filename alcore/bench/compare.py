"""What each heuristic picks from the same predictions, how long it takes, and how much the picks overlap."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batch import Batch
from alcore.door import Float64s, Rng
from alcore.heuristics import Heuristic, Power, RowWise, Softmax, SoftRank, heuristic
from alcore.progress import track
from alcore.stream import open_source

DEFAULT = (
    "bald",
    "entropy",
    "expected-entropy",
    "margin",
    "least-confidence",
    "variation-ratio",
    "mean-std",
    "pairwise-kl",
    "vote-entropy",
    "power-bald",
    "softmax-bald",
    "softrank-bald",
    "random",
)
REPEATS = 5
WARM_UP_ROWS = 4


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`, plain arrays in the order of ``names``.

    Attributes:
        names: the heuristics; the second of one name ends in " (2)".
        shape: (N, C, ..., T) of the predictions.
        seconds: (H,) median time of selecting k rows, scoring included.
        batches: what each selected.
        overlap: (H, H) Jaccard index of the batches: shared rows over all rows of the two.
        scores: the scores (N,) of each row-wise heuristic, by name.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    seconds: Float64s
    batches: tuple[Batch, ...]
    overlap: Float64s
    scores: dict[str, Float64s]

    @property
    def throughput(self) -> Float64s:
        """(H,) probabilities read a second."""
        return float(np.prod(self.shape, dtype=np.float64)) / self.seconds


def compare(
    predictions: Any,
    *,
    k: int = 100,
    heuristics: Sequence[str | Heuristic] = DEFAULT,
    rng: Rng = None,
    kind: str = "probs",
    weights: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
) -> Comparison:
    """Time heuristics on the same predictions and compare what they pick.

    Args:
        predictions: (N, C, ..., T) from any source that can be read more than once.
        k: query size.
        heuristics: names or objects; with event axes wrap each in `alcore.Reduce`.
        rng: None, a seed or a generator; each heuristic draws from its own child of it.
        kind, weights, mask: as `alcore.Heuristic.score`.

    Returns: a `Comparison`. Times are medians of five after a warm-up, of fewer where one takes over a second.
    Raises: TypeError for an iterable of blocks (it can be read once), and what the heuristics raise.

    >>> import alcore.bench, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> result = alcore.bench.compare(probs, k=5, heuristics=["bald", "entropy"], rng=0)
    >>> result.names, result.overlap.shape
    (('bald', 'entropy'), (2, 2))
    """
    objects = [heuristic(h) if isinstance(h, str) else h for h in heuristics]
    if not objects:
        raise ValueError("heuristics: expected at least one, got none.")
    for one in objects:
        if not isinstance(one, Heuristic):
            raise TypeError(f"heuristics: expected names or objects such as BALD(), got {one!r}.")
    count = door.as_count(k)
    source = open_source(predictions)
    if source.rows is None:
        raise TypeError(
            "predictions: expected a source that can be read more than once, got an iterable. Save it first."
        )
    if source.rows == 0:
        raise ValueError(f"predictions: expected at least one row, got shape {(0, *source.cell_shape)}.")
    padding = door.as_mask(mask, source.events, source.rows)
    said: dict[str, Any] = {"kind": kind, "weights": weights, "mask": padding}
    few = next(source.blocks)[:WARM_UP_ROWS]
    few_said = {**said, "mask": None if padding is None else padding[:WARM_UP_ROWS]}
    names = _distinct([one.name for one in objects])
    jobs = zip(objects, names, door.as_rng(rng).spawn(len(objects)), strict=True)
    seconds, batches, scores = [], [], {}
    for _, (one, name, generator) in track(enumerate(jobs, 1), len(objects), "heuristics compared"):
        _compile(one, few, few_said)
        elapsed, batch = _time_select(one, predictions, count, generator, said)
        seconds.append(elapsed)
        batches.append(batch)
        if isinstance(one, RowWise):
            scores[name] = one.score(predictions, **said)
    picks = [set(batch.indices.tolist()) for batch in batches]
    overlap = np.array([[_jaccard(a, b) for b in picks] for a in picks])
    return Comparison(names, (source.rows, *source.cell_shape), np.array(seconds), tuple(batches), overlap, scores)


def _distinct(names: list[str]) -> tuple[str, ...]:
    counts = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return tuple(name if count == 1 else f"{name} ({count})" for name, count in zip(names, counts, strict=True))


def _compile(one: Heuristic, few_rows: Any, said: dict[str, Any]) -> None:
    scored = one.heuristic if isinstance(one, Power | Softmax | SoftRank) else one
    if not (isinstance(scored, RowWise) and scored.rows is not None):
        one.select(few_rows, 1, rng=0, **said)


def _time_select(
    one: Heuristic, predictions: Any, k: int, rng: np.random.Generator, said: dict[str, Any]
) -> tuple[float, Batch]:
    times: list[float] = []
    batch: Batch | None = None
    while len(times) < REPEATS and sum(times) <= 1.0:
        started = time.perf_counter()
        drawn = one.select(predictions, k, rng=rng, **said)
        times.append(time.perf_counter() - started)
        batch = drawn if batch is None else batch
    assert batch is not None
    return float(np.median(times)), batch


def _jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
