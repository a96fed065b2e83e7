"""Compare heuristics on the same predictions: what each picks, how long it takes, and what its batch and labels are worth."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.filling import SaturationWarning
from alcore.bench.agreement import overlap, rank_correlation
from alcore.bench.comparison import Comparison
from alcore.bench.composition import class_counts, near_duplicates
from alcore.bench.information import information_bound, information_of_batches
from alcore.bench.labels import Ints, PoolAndTest, check_source, read_pool_and_test, why_no_labels
from alcore.bench.regression import MeansAndTest, check_test_variance, information_of_means, read_means_and_test
from alcore.bench.replay import FEWEST_DRAWS, effective_draws, replay
from alcore.bench.temperature_scaling import temper
from alcore.bench.time_and_memory import WARM_UP_ROWS, compile_kernels, peak_bytes, time_select
from alcore.door import Float64s, MaskedReadingOptions, Reading, Rng, shows_options
from alcore.heuristics import Heuristic, RowWise, heuristic
from alcore.heuristics.base import Joint
from alcore.heuristics.subsets import with_draws
from alcore.scores.gaussian import read_means
from alcore.sources.axes import as_arranged
from alcore.sources.blocks import gather_rows
from alcore.sources.progress import track
from alcore.sources.reading import Source, open_source
from alcore.sources.variances import is_constant, variances_of

JOINT = ("batchbald", "two-bald", "ical", "ical-pointwise")  # batch-epig takes long, so it runs only if it is named
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
    *JOINT,
)
DEFAULT_OF_MEANS = (
    "bald",
    "entropy",
    "expected-entropy",
    "mean-std",
    "variance",
    "epistemic-variance",
    "aleatoric-variance",
    "power-bald",
    "softmax-bald",
    "softrank-bald",
    "random",
    "log-det",
)
NO_CALIBRATION = "it is measured of class probabilities"


@shows_options(MaskedReadingOptions)
def compare(
    predictions: Any,
    *,
    k: int = 10,
    heuristics: Sequence[str | Heuristic] = DEFAULT,
    labels: npt.ArrayLike | None = None,
    test: Any = None,
    test_labels: npt.ArrayLike | None = None,
    test_variance: Any = None,
    steps: int = 30,
    seeds: int = 20,
    at_a_time: Sequence[int] = (1,),
    samples: int = 20_000,
    rng: Rng = None,
    **options: Unpack[MaskedReadingOptions],
) -> Comparison:
    """Compare heuristics on the same predictions: time, memory, picks and information, and with labels how fast they learn.

    Args:
        predictions: (N, C, ..., T) from any source that can be read more than once.
            More than 10 labels of kind "multilabel" have no joint information, no replay and no calibration, as event axes have
            none. By default joint heuristics are then left out too.
        k: query size. With 10 rows heuristics differ. With 100 rows most sets of draws are exhausted, whatever the heuristic.
        heuristics: names or objects. With event axes wrap each in `alcore.Reduce`. Pass EPIG as an object,
            ``alcore.EPIG(targets)``.
        labels: (N,) classes of the rows. For kind "multilabel" (N, L), 1 where a row has a label and 0 where not. For kind "mean"
            numbers (N,) or (N, D). The draws must not be trained on them. With ``test`` and ``test_labels``, `replay` shows what
            the labels of each heuristic are worth.
        test: (M, C, T) predictions of a test set by the same draws.
        test_labels: the labels of the test set, as ``labels``.
        test_variance: of kind "mean", the variances of the test set's noise, as in `alcore.entropy`. The default is ``variance``,
            where that is one number, or one for each output.
        steps: how many labels each replay buys at most.
        seeds: how many replays each heuristic has.
        at_a_time: how many labels a replay asks for at a time. There is one replay for each number. Use ``(1, k)`` to see what
            joint batches, such as those of BatchBALD, are worth. It takes twice as long.
        samples: how many label configurations estimate the information of a batch.
        rng: None, a seed or a generator. Each heuristic draws from its own child generator.
        **options: ``kind``, ``axes``, ``over_labels``, ``weights`` and ``mask`` as in `alcore.Heuristic.score`. ``kind`` and
            ``axes`` are for ``test`` too.

    Returns:
        A `Comparison`. Times are medians of 5 selections after a warm-up, of fewer if they take over a second. Exhausted draws
            give no warning here: see ``saturated_at`` of the batch. ``left_out`` says which parts are missing, and why.

    Raises:
        TypeError: for an iterable of blocks, which can be read only once.
        ValueError: for a single draw, for labels that do not fit, for a test set of other classes or draws, and what the
            heuristics raise.

    Cost: that of the heuristics, O(samples·k·C·T) time for the information of each batch, and with labels that of `replay`.

    >>> import alcore.bench, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> result = alcore.bench.compare(probs, k=5, heuristics=["bald", "entropy"], rng=0)
    >>> result.names, result.overlap.shape
    (('bald', 'entropy'), (2, 2))
    """
    reading = Reading.of(options)
    of_means = reading.kind == "mean"
    check_test_variance(reading.kind, test, test_variance)
    heuristics = DEFAULT_OF_MEANS if of_means and heuristics is DEFAULT else heuristics
    objects, count, size = _as_heuristics(heuristics), door.as_count(k), door.as_size(samples, "samples")
    source = open_source(predictions, reading)
    _check_pool(source)
    no_labels = why_no_labels(source)
    if heuristics is DEFAULT and no_labels is not None:
        objects = [one for one in objects if not isinstance(one, Joint)]
    reading = replace(reading, mask=door.as_mask(reading.mask, source.events, source.rows))
    own_rng, *heuristic_rngs = door.as_rng(rng).spawn(1 + len(objects))
    seed = int(own_rng.integers(1 << 62))  # one for all: the information of a batch does not depend on the others
    replay_options = {"steps": door.as_size(steps, "steps"), "seeds": door.as_size(seeds, "seeds")}
    sizes = [door.as_size(one, "at_a_time") for one in dict.fromkeys(at_a_time)]
    draws = source.cell_shape[-1]
    shares = door.as_shares(door.as_weights(reading.weights, draws), draws)
    if of_means:
        labelled_sets: Any = read_means_and_test(source, predictions, labels, test, test_labels, reading, test_variance)
    else:
        labelled_sets = read_pool_and_test(source, predictions, labels, test, test_labels, reading)
    by_name = dict(zip(_distinct_names(objects), objects, strict=True))
    # The work starts after all that may be refused.
    result = _select_batches(predictions, source, by_name, count, heuristic_rngs, reading.options)
    if no_labels is not None:
        return replace(result, left_out=dict.fromkeys(("information", "replay", "calibration"), no_labels))
    if of_means:
        result = _with_information_of_means(result, predictions, reading, shares)
        return _with_replays(result, labelled_sets, by_name, reading, shares, sizes, replay_options)
    result = _with_information(result, predictions, labelled_sets.pool_labels, size, seed, reading, shares)
    if labelled_sets.test is not None:
        result = replace(result, tempering=temper(labelled_sets.pool, labelled_sets.test, shares, own_rng))
    return _with_replays(result, labelled_sets, by_name, reading, shares, sizes, replay_options)


def _with_replays(
    result: Comparison,
    labelled_sets: PoolAndTest | MeansAndTest,
    heuristics: dict[str, Heuristic],
    reading: Reading,
    shares: Float64s,
    sizes: Sequence[int],
    options: dict[str, int],
) -> Comparison:
    """Add replays, or the reason why there are none."""
    left_out = {**result.left_out, **labelled_sets.left_out}
    pool, test = labelled_sets.pool, labelled_sets.test
    if effective_draws(shares) < FEWEST_DRAWS:
        left_out["replay"] = f"the weights leave fewer than {FEWEST_DRAWS:.0f} effective draws"
        return replace(result, left_out=left_out)
    if pool is None or test is None:
        return replace(result, left_out=left_out)
    heuristics = {name: with_draws(one, None, reading) for name, one in heuristics.items()}
    replays = tuple(replay(heuristics, pool, test, size=size, weights=shares, **options) for size in sizes)
    left_out |= {f"replay of {name}": why for one in replays for name, why in one.left_out.items()}
    return replace(result, replays=replays, left_out=left_out)


def _select_batches(
    predictions: Any,
    source: Source,
    heuristics: dict[str, Heuristic],
    k: int,
    generators: Sequence[np.random.Generator],
    options: MaskedReadingOptions,
) -> Comparison:
    """Select and score with each heuristic, and measure the time and the memory."""
    few_rows = (
        as_arranged(next(source.blocks)[:WARM_UP_ROWS]) if "axes" in options else next(source.blocks)[:WARM_UP_ROWS]
    )
    few_options = options
    if "mask" in options:
        few_options = {**options, "mask": np.asarray(options["mask"])[:WARM_UP_ROWS]}
    if "variance" in options and not is_constant(options["variance"], source.axes):
        variances = variances_of(Reading.of(options), source)
        assert variances is not None  # there is an option
        few_options = {**few_options, "variance": variances.take(len(few_rows))}
    seconds, batches, memory, scores = [], [], [], {}
    jobs = zip(heuristics.items(), generators, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        for _, ((name, one), generator) in track(enumerate(jobs, 1), len(heuristics), "heuristics compared"):
            compile_kernels(one, few_rows, few_options)
            elapsed, batch = time_select(one, predictions, k, generator, options)
            seconds.append(elapsed)
            batches.append(batch)
            memory.append(peak_bytes(one, predictions, k, options))
            if isinstance(one, RowWise):
                scores[name] = one.score(predictions, **options)
    shape = (source.rows or 0, *source.cell_shape)
    names = tuple(heuristics)
    return Comparison(
        names, shape, np.array(seconds), tuple(batches), overlap(batches), scores,
        memory=np.array(memory, np.float64), rank_correlation=rank_correlation(names, scores),
    )  # fmt: skip


def _with_information(
    result: Comparison,
    predictions: Any,
    labels: Ints | None,
    samples: int,
    seed: int,
    reading: Reading,
    shares: Float64s,
) -> Comparison:
    """Add the information of the batches, their classes and their near-duplicates."""
    rows = np.unique(np.concatenate([batch.indices for batch in result.batches]))
    probs, _ = gather_rows(open_source(predictions, reading), rows, Reading(reading.kind))
    places = [np.searchsorted(rows, batch.indices) for batch in result.batches]
    found = information_of_batches(probs, places, weights=shares, samples=samples, seed=seed)
    classes, draws = probs.shape[1:]
    return replace(
        result,
        information=np.array([one.nats[-1] for one in found]),
        information_error=np.array([one.error for one in found]),
        redundancy=np.array([one.redundancy for one in found]),
        information_bound=information_bound(draws, shares),
        information_curves={name: (one.picks, one.nats) for name, one in zip(result.names, found, strict=True)},
        predicted_classes=class_counts((probs @ shares).argmax(axis=1), places, classes),
        classes=None if labels is None else class_counts(labels[rows], places, classes),
        near_duplicates=np.array([near_duplicates(probs, batch_rows, shares) for batch_rows in places], np.int64),
    )


def _with_information_of_means(result: Comparison, predictions: Any, reading: Reading, shares: Float64s) -> Comparison:
    """Add the information of the batches, ½ log det(I + S^−½ Σ S^−½), and what several rows tell in common."""
    left_out = {**result.left_out, "calibration": NO_CALIBRATION}
    if reading.variance is None:
        return replace(result, left_out={**left_out, "information": "it needs the variance of the noise"})
    means, noise = read_means(predictions, reading)
    curves = [information_of_means(means[one.indices], noise[one.indices], shares) for one in result.batches]
    alone = [
        sum(information_of_means(means[[row]], noise[[row]], shares)[-1] for row in one.indices)
        for one in result.batches
    ]
    nats = np.array([curve[-1] for curve in curves])
    return replace(
        result,
        information=nats,
        information_error=np.zeros(len(nats)),
        redundancy=np.array(alone) - nats,
        information_curves={
            name: (np.arange(len(curve), dtype=np.int64), curve)
            for name, curve in zip(result.names, curves, strict=True)
        },
        left_out=left_out,
    )


def _as_heuristics(heuristics: Sequence[str | Heuristic]) -> list[Heuristic]:
    objects = [heuristic(h) if isinstance(h, str) else h for h in heuristics]
    if not objects:
        raise ValueError("heuristics: expected at least one, such as 'bald', got none.")
    for one in objects:
        if not isinstance(one, Heuristic):
            raise TypeError(f"heuristics: expected names or objects such as BALD(), got {one!r}.")
    return objects


def _check_pool(source: Source) -> None:
    check_source(source, "predictions")
    if source.cell_shape[-1] == 1:
        raise ValueError(
            f"predictions: expected several draws, got shape {(source.rows, *source.cell_shape)}. With a single "
            "draw there is no disagreement to measure. Predict with dropout or with an ensemble."
        )


def _distinct_names(heuristics: Sequence[Heuristic]) -> list[str]:
    """Names of the heuristics. If a name occurs twice, the second one ends in " (2)"."""
    names = [one.name for one in heuristics]
    counts = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [name if count == 1 else f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
