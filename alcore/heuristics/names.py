"""Names -> heuristics, as the command line spells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import partial

import numpy.typing as npt

from alcore import door
from alcore.heuristics.base import Heuristic, RowWise
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
from alcore.heuristics.precomputed import Precomputed
from alcore.heuristics.reduce import Reduce
from alcore.heuristics.stochastic import Power, Random, Softmax, SoftRank
from alcore.scores.reductions import How, check_how

_PLAIN: dict[str, Callable[..., Heuristic]] = {
    "bald": BALD,
    "entropy": Entropy,
    "expected-entropy": ExpectedEntropy,
    "margin": Margin,
    "least-confidence": LeastConfidence,
    "variation-ratio": VariationRatio,
    "mean-std": MeanStd,
    "pairwise-kl": PairwiseKL,
    "vote-entropy": VoteEntropy,
    "variance": Variance,
    "epistemic-variance": partial(Variance, "epistemic"),
    "aleatoric-variance": partial(Variance, "aleatoric"),
    "random": Random,
    "epig": EPIG,
    "batchbald": BatchBALD,
    "two-bald": TwoBALD,
    "log-det": LogDet,
    "batch-epig": BatchEPIG,
    "ical": ICAL,
    "ical-pointwise": partial(ICAL, True),
    "precomputed": Precomputed,
}
_WRAPPERS: dict[str, Callable[..., Heuristic]] = {"power": Power, "softmax": Softmax, "softrank": SoftRank}


def heuristic(
    name: str,
    *,
    reduce: How | None = None,
    q: float = 0.1,
    empty: float | None = None,
    **options: float | npt.ArrayLike,
) -> Heuristic:
    """The heuristic with that name, as the command line spells it: lower case with hyphens.

    Args:
        name: "bald", "entropy", … You can put "power-", "softmax-" or "softrank-" in front of a row-wise name, as in "power-bald".
        reduce: how event axes become one score a row, as `how` in `Reduce`. The reduction comes before the draw. "random" needs
            none.
        q: the share of cells for "top-mean", as in `Reduce`.
        empty: the score of a row without cells, as in `Reduce`.
        **options: the arguments of its class, by name:

            - `beta` for the stochastic heuristics,
            - `floor` for "pairwise-kl",
            - `scores` for "precomputed",
            - `targets` and `target_weights` for "epig" and "batch-epig", `target_variance` for "epig",
            - `samples` and `exact` for "batchbald" and "batch-epig",
            - `memory` and `fill` for "batchbald" and "two-bald", `positions` for "batchbald", and `fill` for "log-det",
            - `labels`, `references` and `comparisons` for "ical" and "ical-pointwise".

    Returns:
        The heuristic object. Its class documents formula, shapes, units, range, cost and paper.

    Raises:
        TypeError: an option that the heuristic does not take, a missing one, or `empty` without `reduce`.
        ValueError: an unknown name, or an option out of range.

    >>> import alcore
    >>> alcore.heuristic("power-bald", beta=4)
    Power(heuristic=BALD(), beta=4)
    >>> alcore.heuristic("entropy", reduce="mean").name
    'mean(entropy)'
    """
    wrap, plain = check_name(name)
    drawn = {"beta": options.pop("beta")} if wrap and "beta" in options else {}
    taken = inspect.signature(_PLAIN[plain]).parameters
    if unknown := [option for option in options if option not in taken]:
        raise TypeError(f"heuristic: {name!r} does not take {', '.join(unknown)}. Leave {', '.join(unknown)} out.")
    if missing := [option for option, one in taken.items() if one.default is one.empty and option not in options]:
        raise TypeError(
            f"heuristic: {name!r} needs {', '.join(missing)}, as {getattr(_PLAIN[plain], '__name__', plain)} does. "
            f"Pass {', '.join(f'{option}=...' for option in missing)}"
        )
    if empty is not None and reduce is None:
        raise TypeError(f"empty: {name!r} has no cells without reduce. Pass reduce='sum' too, or leave empty out.")
    found = _PLAIN[plain](**options)
    if reduce is not None:
        check_how(reduce, q, empty)
        found = Reduce(found, reduce, q, empty) if isinstance(found, RowWise) else found
    return wrap(found, **drawn) if wrap else found


def check_name(name: str, without: Collection[str] = ()) -> tuple[Callable[..., Heuristic] | None, str]:
    """The wrapper and the plain name. A refusal names those that there are, without those that the caller cannot make."""
    prefix, _, rest = str(name).partition("-")
    wrap, plain = (_WRAPPERS[prefix], rest) if prefix in _WRAPPERS else (None, str(name))
    names = [one for one in _PLAIN if one not in without]
    if plain not in names or (wrap and plain == "random"):
        raise ValueError(
            f"heuristic: expected one of {', '.join(names)}, or {', '.join(f'{prefix}-' for prefix in _WRAPPERS)} before the "
            f"name of a row-wise one, such as power-bald, got {door.shown(name)}."
        )
    return wrap, plain
