"""A comparison in plain words: what it shows, with its uncertainty, and not more than that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from alcore.bench.comparison import Comparison
from alcore.bench.fresh_draws import FARTHEST
from alcore.bench.lead import METRIC, RANDOM, SHOWN, Lead, deciding_replay, lead_of, order_of
from alcore.bench.replay import Replay, Share
from alcore.bench.temperature_scaling import Tempering
from alcore.posterior.laplace import LARGEST_SCALE

MISTAKES = 0.05  # the chance that a sentence names a heuristic as different from Random although none is
ENOUGH = 80  # %, of the picks that fresh draws pick too
AT_LIMIT = 0.9  # of the largest scale


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
    found = list(_lead_sentences(result))
    found += [sentence for replay in result.replays for sentence in _replay_sentences(replay)]
    found += [sentence for replay in result.replays[:1] for sentence in _horizon_sentences(replay, result.shape[-1])]
    found += _batch_sentences(result)
    found += _fresh_sentences(result)
    if result.tempering is not None:
        found += _calibration_sentences(result.tempering)
    return [*found, *(f"{part[0].upper()}{part[1:]} is left out: {why}." for part, why in result.left_out.items())]


def _lead_sentences(result: Comparison) -> Iterator[str]:
    """Who leads, by how much and how sure. Where there is no replay, that this is not known."""
    replay = deciding_replay(result)
    if replay is None:
        if "replay" in result.left_out:
            yield "Which heuristic learns fastest is not known here: there is no replay. The batches can still be compared."
        return
    order = [name for name in order_of(replay) if name != RANDOM]
    if RANDOM not in replay.curves or not order or len(replay.curves[RANDOM].seeds) < 2:
        return
    best, *others = order
    level = 1 - MISTAKES / len(order)
    lead = lead_of(replay, best, RANDOM, level)
    over = f"over the first {_labels(replay.horizon)}" if replay.horizon > 1 else "after the first label"
    if not lead.low > 0:
        yield (
            f"No heuristic clearly beats Random {over}. {best} did best of {len(order)}: its {METRIC} was on average {_nats(lead)} "
            "against Random's. The interval contains 0, so chance may explain it."
        )
        return
    equal = [name for name in others if not lead_of(replay, best, name, level).low > 0]
    leaders = [best, *[name for name in equal if lead_of(replay, name, RANDOM, level).low > 0]]
    unsure = [name for name in equal if name not in leaders]
    verb = "leads" if len(leaders) == 1 else "lead"
    text = f"{_some(leaders)} {verb} {over}. The {METRIC} of {best} was on average {_nats(lead)} against Random's"
    if (accuracy := _accuracies(replay, best)) is not None:
        text += f", and its accuracy at the end {100 * accuracy[0]:.1f} % against {100 * accuracy[1]:.1f} %"
    if len(leaders) > 1:
        text += f". The runs cannot tell the {len(leaders)} leaders apart"
    if unsure:
        text += f". {_some(unsure)} may be as good, but {'is' if len(unsure) == 1 else 'are'} not shown to beat Random"
    yield f"{text}."


def _nats(lead: Lead) -> str:
    return f"{lead.gain:+.3f} nats (interval {lead.low:+.3f} to {lead.high:+.3f})"


def _accuracies(replay: Replay, name: str) -> tuple[float, float] | None:
    """The accuracy of a heuristic and of Random at the horizon. None where there is none."""
    if "accuracy" not in replay.metrics:
        return None
    found = [replay.curves[one] for one in (name, RANDOM)]
    first, second = (float(one.mean("accuracy")[one.labels == replay.horizon][0]) for one in found)
    return first, second


def _some(names: list[str]) -> str:
    """The first three names, and how many more."""
    return _listed([*names[:SHOWN], *([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])])


def _fresh_sentences(result: Comparison) -> Iterator[str]:
    """Whether T is large enough, for the heuristics that depend on it most and least."""
    found = {name: one for name, one in result.fresh_draws.items() if name != RANDOM}
    if not found:
        return
    k, draws = len(result.batches[0]), result.shape[-1]
    few = sorted(
        (name for name, one in found.items() if 100 * one.overlap < ENOUGH), key=lambda name: found[name].overlap
    )
    if not few:
        lowest = min(found, key=lambda name: found[name].overlap)
        yield (
            f"{draws} draws are enough for batches of {k}: with other {draws} draws each heuristic is expected to pick at least "
            f"{100 * found[lowest].overlap:.0f} % of its picks again."
        )
        return
    named = [
        f"{name} {100 * found[name].overlap:.0f} % ({100 * found[name].low:.0f} to {100 * found[name].high:.0f} %; {ENOUGH} % with "
        f"{_draws(found[name].enough, draws)})"
        for name in few[:SHOWN]
    ]
    more = [f"{len(few) - SHOWN} more less than {ENOUGH} %"] if len(few) > SHOWN else []
    yield (
        f"{draws} draws are few for batches of {k}. Of its picks, another {draws} draws are expected to pick again: "
        f"{_listed([*named, *more])}."
    )


def _draws(enough: float, draws: int) -> str:
    return f"about {enough:,.0f} draws" if np.isfinite(enough) else f"more than {FARTHEST * draws:,} draws"


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
        yield f"{where}, no heuristic was clearly better than Random in {METRIC} at the last label. There were {runs} runs."
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


def _horizon_sentences(replay: Replay, draws: int) -> Iterator[str]:
    """How far the replay looks, and what limits it."""
    first = min(replay.curves, key=lambda name: int(replay.curves[name].labels[-1]))
    if replay.posterior == "gaussian":
        used = [
            float(one.mean(replay.what_is_left)[one.labels <= replay.horizon][-1]) for one in replay.curves.values()
        ]
        chosen = f"chosen by {_labels(replay.fitted)} that no run buys" if replay.fitted else "given"
        yield (
            f"The replay looks {_labels(replay.horizon)} ahead without training. They decide {min(used):.0f} to {max(used):.0f} of "
            f"the {draws - 1} directions of the draws. The scale of the draws was {chosen}: {replay.scale:.2g}."
        )
        if replay.fitted and (replay.scale or 0) > AT_LIMIT * LARGEST_SCALE:
            yield (
                "This is the largest scale that is tried. No draw predicts some of the labels: perhaps the model was trained "
                "without a class. Do not trust the order of the heuristics in this replay. Train with a label of each class first."
            )
        if replay.exhausted:
            yield (
                f"Labels tell no more after that: {first} was the first whose labels decided over 90 % of the directions in one of "
                "its runs. To look further, use more draws."
            )
    elif replay.exhausted:
        yield _exhaustion_sentence(replay, first, draws)


def _exhaustion_sentence(replay: Replay, first: str, draws: int) -> str:
    return (
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
