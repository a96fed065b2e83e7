"""A comparison in plain words: what it shows, with its uncertainty, and not more than that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from alcore.bench.comparison import Comparison
from alcore.bench.replay import Replay, Share
from alcore.bench.temperature_scaling import Tempering

METRIC = "log-likelihood"
MISTAKES = 0.05  # the chance that a sentence names a heuristic as different from Random although none is
SHOWN = 3


def sentences(result: Comparison) -> list[str]:
    """Describe a comparison in plain words, the most important sentence first. The report and the command line show them.

    A heuristic is called better or worse than Random only if its interval shows it. If none differs from Random, the chance that
    a sentence names one is about 5 %.

    Args:
        result: the `Comparison` that `alcore.bench.compare` returned.

    Returns:
        A list of paragraphs of one or a few sentences. Information is in nats.

    >>> import alcore.bench, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> words = alcore.bench.sentences(alcore.bench.compare(probs, k=5, heuristics=["bald", "random"], rng=0))
    >>> words[-1]
    'Replay is left out: it needs labels of the pool, a test set and labels of the test set.'
    """
    found = [sentence for replay in result.replays for sentence in _replay_sentences(replay)]
    found += [sentence for replay in result.replays[:1] for sentence in _exhaustion_sentence(replay, result.shape[-1])]
    found += _batch_sentences(result)
    if result.tempering is not None:
        found += _calibration_sentences(result.tempering)
    return [*found, *(f"{part[0].upper()}{part[1:]} is left out: {why}." for part, why in result.left_out.items())]


def _replay_sentences(replay: Replay) -> Iterator[str]:
    """Which heuristics need fewer labels than Random, and which are worse. Named only if the interval is clear."""
    where = "One label at a time" if replay.size == 1 else f"In batches of {replay.size}"
    others = [name for name in replay.curves if name != "random"]
    if "random" not in replay.curves or not others:
        return
    runs = len(replay.curves["random"].seeds)
    if runs < 2:
        yield f"{where}: one run cannot show how much is chance. Use more seeds: seeds=20 (--seeds 20)."
        return
    level = 1 - MISTAKES / len(others)
    shares = replay.labels_like("random", METRIC, level=level)
    gains = replay.gains_over("random", METRIC, level=level)
    better = sorted(
        (shares[name].share, name) for name, gain in gains.items() if gain.low > 0 and shares[name].high < 1
    )
    worse = [f"{name} (with {_labels(gain.labels)})" for name, gain in gains.items() if gain.high < 0]
    if better:
        (_, best), *rest = better
        said = f"{_best_clause(best, shares[best])}.{_others_clause(rest, shares)}"
        yield f"{where}, on these predictions {said} There were {runs} runs."
    else:
        yield f"{where}, no heuristic was clearly better than Random in {METRIC}. There were {runs} runs."
    if worse:
        verb = "was" if len(worse) == 1 else "were"
        yield f"{where}, {_listed(worse)} {verb} clearly worse than Random in {METRIC}."


def _best_clause(name: str, share: Share) -> str:
    return (
        f"{name} needed {100 * share.share:.0f} % of Random's labels to reach the {METRIC} that Random had with "
        f"{_labels(share.labels)} (interval {100 * share.low:.0f} to {100 * share.high:.0f} %)"
    )


def _others_clause(others: list[tuple[float, str]], shares: Mapping[str, Share]) -> str:
    if not others:
        return ""
    named = [
        f"{name} ({100 * share.share:.0f} % of {share.labels}, {100 * share.low:.0f} to {100 * share.high:.0f} %)"
        for name, share in ((name, shares[name]) for _, name in others[: SHOWN - 1])
    ]
    more = len(others) - len(named)
    return f" Fewer labels than Random also needed: {_listed([*named, f'{more} more'] if more else named)}."


def _exhaustion_sentence(replay: Replay, draws: int) -> Iterator[str]:
    if not replay.exhausted:
        return
    first = min(replay.curves, key=lambda name: int(replay.curves[name].labels[-1]))
    yield (
        f"Draws are exhausted after {_labels(replay.horizon)}: {first} was the first with fewer than 2 effective draws of {draws} "
        "left in one of its runs. All heuristics are compared up to this number of labels. To compare further, use more draws."
    )


def _batch_sentences(result: Comparison) -> Iterator[str]:
    if result.information is None or result.information_error is None or not result.information_bound:
        return
    k = len(result.batches[0])
    order = np.argsort(-result.information)
    if len(order) > 1 and k > 1:
        best = order[0]
        error = 2 * np.hypot(result.information_error[best], result.information_error)
        as_good = [i for i in order if result.information[best] - result.information[i] <= error[i]]
        names = _listed([result.names[i] for i in as_good[:SHOWN]])
        if len(as_good) <= SHOWN:
            yield (
                f"With batches of {k}, {names} gave the most information about the model: {result.information[best]:.2f} of "
                f"at most {result.information_bound:.2f} nats."
            )
    duplicates = (
        []
        if result.near_duplicates is None
        else [(int(n), name) for n, name in zip(result.near_duplicates, result.names, strict=True) if n]
    )
    if duplicates:
        most = sorted(duplicates, reverse=True)[:SHOWN]
        yield f"Some of the {k} picks are near-duplicates of earlier ones: {_listed([f'{n} of {name}' for n, name in most])}."


def _calibration_sentences(tempering: Tempering) -> Iterator[str]:
    before, after = tempering.before, tempering.after
    if not before.misleads:
        yield (
            f"The probabilities fit the labels of the test set, as far as {before.rows:,} rows can show: the calibration error is "
            f"{before.error:.3f}, and chance alone gives up to {before.by_chance:.3f}."
        )
        return
    side = "overconfident" if before.overconfident else "underconfident"
    yield (
        f"Warning: the model is {side} on the test set. The calibration error is {before.error:.3f}, and chance alone gives up to "
        f"{before.by_chance:.3f}. A badly calibrated posterior misleads every heuristic."
    )
    if after is not None and after.error < before.error:
        yield (
            f"A temperature of {tempering.temperature:.2f}, fitted on labelled rows of the pool, lowers the error to "
            f"{after.error:.3f} and changes the log-likelihood from {before.log_likelihood:.3f} to {after.log_likelihood:.3f}. "
            f"Compare again with alcore.bench.tempered(predictions, {tempering.temperature:.2f}) for pool, test set and targets."
        )


def _labels(count: int) -> str:
    return f"{count} label" if count == 1 else f"{count} labels"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
