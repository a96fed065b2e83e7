"""A heuristic for a model of several heads: the scores of each head, put on one scale and added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from alcore import door
from alcore.door import Float64s, Reading, ReadingOptions, Rng
from alcore.heuristics.base import Joint, Scored
from alcore.sources.names import RowNames, check_same_rows, is_labelled, names_of_rows

CONSTANT = 1e-12  # of the largest score: rounding alone spreads equal scores so far


@final
@dataclass(frozen=True)
class Combine(Scored):
    """A heuristic for each head of a model. Their scores are put on one scale and added: Σ_h w_h · scale(s_h).

    Predictions are a mapping with the names of the heads, such as ``{"class": probs, "box": ragged}``. All heads have the same N
    rows. Scores of two heads have different units, so a plain sum would follow the head of larger numbers. Two scales are there:

    - "rank": the share of other rows with a lower score, where a row with an equal score counts half: 0 … 1.
    - "standard": (s − mean) / standard deviation over the rows that are scored, no unit, mean 0.

    A head whose scores are all equal adds w_h · 0.5 to every row by "rank" and 0 by "standard". Scores count as equal by "standard"
    where their standard deviation is at most 1e-12 of the largest. The score of a row depends on the other rows that are scored
    with it. So `Combine` has no part in a sum or in `Reduce`. `SoftRank` and `Softmax` can draw from it, and `Power` from ranks.

    Heads that name their rows, as arrays of xarray and tables of pandas do, must have the same names in the same order. Heads
    without names lie in that order too. The scores are an array of xarray, and a batch has ids, where a head of xarray has them.

    The cost is that of the heads, and O(N log N) for ranks. Memory is O(N) beyond theirs.

    Args:
        heuristics: a row-wise heuristic for each head, by its name. Each gives one score a row, as `Reduce` does for maps and
            boxes.
        weights: a finite number w_h for each head, not 0 for all. The default is 1 for all.
        scale: "rank" or "standard".
        options: options of reading for heads that need their own, such as ``{"class": {"kind": "logits"}}``. They go before those
            of the call. A mask belongs to the call: ``mask={"text": padding}``. So does the label that makes a mask of labels:
            ``mask={"map": labels}, ignore_index={"map": 255}``. One ``ignore_index=255`` is for all masks.

    Raises:
        TypeError: an argument is not a mapping, or a heuristic has no score of each row.
        ValueError: there is no head, a name is unknown or missing, `scale` is unknown, a weight is not finite, or all are 0. A call
            refuses predictions without a head or with an unknown one, heads with different N or other names of rows, NaN, and
            infinite scores by "standard".

    >>> import alcore, numpy
    >>> rng = numpy.random.default_rng(0)
    >>> heads = {name: rng.dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1) for name in ("colour", "shape")}
    >>> both = alcore.Combine({"colour": alcore.BALD(), "shape": alcore.BALD()}, weights={"colour": 1, "shape": 2})
    >>> both.name
    'rank(1*colour:bald + 2*shape:bald)'
    >>> len(both.select(heads, k=3))
    3
    """

    heuristics: Mapping[str, Scored]
    weights: Mapping[str, float] | None = None
    scale: str = "rank"
    options: Mapping[str, ReadingOptions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        heads = door.as_heads(self.heuristics, "heuristics", "a heuristic")
        for head, heuristic in heads.items():
            _check_scored(heuristic, head)
        weights = dict.fromkeys(heads, 1.0)
        if self.weights is not None:
            given = door.as_heads(self.weights, "weights", "a number", among=heads, all_needed=True)
            weights = {head: door.as_finite(given[head], f"weights[{head!r}]") for head in heads}
            if not any(weights.values()):
                raise ValueError("weights: expected a weight other than 0 for at least one head, got only zeros.")
        options = door.as_heads(self.options, "options", "options of reading", among=heads)
        for head, own in options.items():
            Reading.of(door.as_heads(own, f"options[{head!r}]", "a value"), ReadingOptions)
        if not isinstance(self.scale, str) or self.scale not in _SCALES:
            raise ValueError(f"scale: expected 'rank' or 'standard', got {door.shown(self.scale)}.")
        for name, value in (("heuristics", heads), ("weights", weights), ("options", options)):
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def name(self) -> str:
        assert self.weights is not None
        terms = (f"{self.weights[head]:g}*{head}:{heuristic.name}" for head, heuristic in self.heuristics.items())
        return f"{self.scale}({' + '.join(terms)})"

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        assert self.weights is not None
        heads = self._heads(predictions, reading)
        _check_rows(heads)
        total: Float64s | None = None
        for head in heads:
            with head.named_in_errors():
                scores = door.as_scores(head.heuristic._score(head.predictions, head.reading, rng))
            if total is not None and len(scores) != len(total):
                door.refuse_unequal_rows(head.where, len(total), len(scores), f"head {heads[0].name!r}")
            part = self.weights[head.name] * _SCALES[self.scale](scores, head.name)
            total = part if total is None else total + part
        assert total is not None
        return total

    def _namer(self, predictions: Any, reading: Reading) -> tuple[Any, Reading]:
        """The first head of xarray with names of its rows, or else the first of xarray, or else the first table, or the first."""
        heads = self._heads(predictions, replace(reading, mask=None, ignore_index=None))
        found = list(map(_names_of, heads))
        labelled = [(one, names) for one, names in found if is_labelled(one[0])]
        with_values = [(one, names) for one, names in labelled if names is not None and names.values is not None]
        tables = [(one, names) for one, names in found if names is not None]
        return [*with_values, *labelled, *tables, *found][0][0]

    def _heads(self, predictions: Any, reading: Reading) -> list[_Head]:
        """The heads in the order of the heuristics, with the predictions and the options of each."""
        heads = door.as_heads(predictions, "predictions", "predictions", among=self.heuristics, all_needed=True)
        masks: dict[str, Any] = {}
        if reading.mask is not None:
            masks = door.as_heads(reading.mask, "mask", "a mask", among=self.heuristics)
        indices = _by_head(reading.ignore_index, masks)
        found = []
        for name, heuristic in self.heuristics.items():
            own: dict[str, Any] = {**reading.options, **self.options.get(name, {}), "mask": masks.get(name)}
            own["ignore_index"] = indices.get(name)
            with _named_in_errors(name):
                found.append(_Head(name, heuristic, heads[name], Reading.of(own)))
        return found


@dataclass(frozen=True)
class _Head:
    """One head of a call."""

    name: str
    heuristic: Scored
    predictions: Any
    reading: Reading

    @property
    def where(self) -> str:
        return f"predictions[{self.name!r}]"

    def named_in_errors(self) -> AbstractContextManager[None]:
        return _named_in_errors(self.name)


@contextmanager
def _named_in_errors(head: str) -> Iterator[None]:
    """What is refused names the head."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"predictions[{head!r}]: {error}") from error


def _check_scored(heuristic: object, head: str) -> None:
    if isinstance(heuristic, Joint):
        door.refuse_joint(heuristic.name)
    if not isinstance(heuristic, Scored):
        raise TypeError(
            f"heuristics[{head!r}]: expected a row-wise heuristic such as BALD(), got {door.shown(heuristic)}. Only heuristics "
            "that score each row can be combined. Apply Power, Softmax or SoftRank last: SoftRank(Combine({...}))."
        )


def _by_head(ignore_index: Any, masks: Mapping[str, Any]) -> dict[str, Any]:
    """The label that makes a mask of labels, for each head that has one."""
    if isinstance(ignore_index, Mapping):
        return door.as_heads(ignore_index, "ignore_index", "a label", among=masks)
    return dict.fromkeys(masks, ignore_index)


def _names_of(head: _Head) -> tuple[tuple[Any, Reading], RowNames | None]:
    """What names the rows of a head, and the names."""
    with head.named_in_errors():
        namer = head.heuristic._namer(head.predictions, head.reading)
        return namer, names_of_rows(*namer)


def _check_rows(heads: list[_Head]) -> None:
    """Refuse heads whose rows have other names, or the same in another order."""
    found = {head.where: _names_of(head)[1] for head in heads}
    check_same_rows({where: names for where, names in found.items() if names is not None})


def _ranks(scores: Float64s, head: str) -> Float64s:
    """The share of other rows with a lower score, ties by half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    if len(scores) == 1:
        return np.array([0.5])
    lower = np.cumsum(counts) - counts
    return np.asarray(((lower + (counts - 1) / 2) / max(1, len(scores) - 1))[place])


def _standard(scores: Float64s, head: str) -> Float64s:
    """(s − mean) / standard deviation, 0 where the scores are equal."""
    if np.isinf(scores).any():
        raise ValueError(
            f"predictions[{head!r}]: expected finite scores, but the score of row {int(np.isinf(scores).argmax())} is infinite and "
            "has no mean. Combine by scale='rank', or take PairwiseKL(floor=1e-6)."
        )
    largest = float(np.abs(scores).max(initial=0.0))
    if largest == 0:
        return np.zeros(len(scores))
    shares = scores / largest  # sums of huge scores would overflow
    deviation = float(shares.std())
    if deviation <= CONSTANT:
        return np.zeros(len(scores))
    return np.asarray((shares - shares.mean()) / deviation)


_SCALES = {"rank": _ranks, "standard": _standard}
